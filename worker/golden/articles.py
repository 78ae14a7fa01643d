"""The articles that the golden events tell of, written by hand."""

from __future__ import annotations

from typing import Any, Literal

from jobs.article import Article
from jobs.event import envelope

NAMESPACE = "palmyra"
BRIDGE, HARVEST, BARE = "goldenbridge2345", "goldenharvest234", "goldenminimal234"
"""Ids of the articles."""
_Kind = Literal["published", "updated", "withdrawn"]

_NOTHING: dict[str, Any] = {
    "url": None, "urls": {"found": None, "final": None, "canonical": None},
    "source": {"name": None, "domain": None}, "feeds": [], "headline": None, "summary": None, "text": "",
    "word_count": 0, "authors": [], "published": None, "modified": None, "language": None, "section": None,
    "tags": [], "images": [], "agency": None, "keyphrases": [], "entities": [], "places": [], "topics": [],
    "duplicate": None, "story": None, "change": None, "access": None, "rights": None,
    "quality": {"score": 0.0, "issues": []}, "provenance": {},
}  # fmt: skip
"""What an article has at least; its id, revision and times come on top."""

_SITE = "https://news.example.org/2026/03"
_FEED = {"id": "feedexample", "url": "https://news.example.org/rss", "title": "Example News"}

_BRIDGE: dict[str, Any] = {
    "url": f"{_SITE}/bridge",
    "urls": {
        "found": f"{_SITE}/bridge?utm_source=rss",
        "final": f"{_SITE}/bridge",
        "canonical": f"{_SITE}/bridge",
    },
    "source": {"name": "Example News", "domain": "example.org"},
    "feeds": [_FEED],
    "headline": "Old bridge at Larkwater opens again",
    "summary": "After two years of repairs, traffic may cross.",
    "text": "The old bridge at Larkwater is open again.\n\nRepairs took two years.\n\n"
    "- Cars pass by day.\n- Trams follow in May.",
    "word_count": 20,
    "authors": ["Newsroom staff"],
    "published": "2026-03-02T08:15:00+01:00",
    "language": "en",
    "section": "Local",
    "tags": ["bridges", "traffic"],
    "images": [{"url": f"{_SITE}/bridge.jpg", "caption": "The bridge, seen from the east bank"}],
    "quality": {"score": 0.97, "issues": []},
    "provenance": {"headline": "json-ld", "published": "json-ld", "text": "html"},
}

_HARVEST: dict[str, Any] = {
    "url": f"{_SITE}/ernte",
    "urls": {"found": f"{_SITE}/ernte?id=7", "final": f"{_SITE}/ernte.html", "canonical": f"{_SITE}/ernte"},
    "source": {"name": "Beispielblatt", "domain": "example.org"},
    "feeds": [_FEED, {"id": "feedregional", "url": "https://news.example.org/region.xml", "title": "Region"}],
    "headline": "=Ernte in Gefahr? „Es fehlt Regen“",
    "summary": "Die Bauern im Tal warten, sagt der Verband; Hilfe ist zugesagt.",
    "text": "„Es fehlt Regen“, sagt der Obstverband vor dem Haus von Johannes Kepler.\n\n"
    "Er rechnet mit einem Drittel weniger Äpfeln & Birnen <nicht nur in Innsbruck>.",
    "word_count": 24,
    "authors": ["Redaktion", "Ressort Wirtschaft"],
    "published": "2026-03-02",
    "modified": "2026-03-02T11:40:00+01:00",
    "language": "de",
    "section": "Wirtschaft",
    "tags": ["Ernte; Obst", "Wetter"],
    "images": [
        {"url": f"{_SITE}/ernte-1.jpg", "caption": "Bäume ohne Regen"},
        {"url": f"{_SITE}/ernte-2.png", "caption": "Ein Hof im Tal"},
    ],
    "agency": "dpa",
    "keyphrases": ["fehlender Regen", "Äpfel und Birnen"],
    "entities": [
        {"text": "Johannes Kepler", "type": "person", "count": 1},
        {"text": "Obstverband", "type": "organisation", "count": 1},
        {"text": "Apfeltal", "type": "place", "count": 1},
        {"text": "Erntefest", "type": "other", "count": 1},
    ],
    "places": [
        {
            "name": "Innsbruck",
            "country": "AT",
            "latitude": 47.26266,
            "longitude": 11.39454,
            "kind": "city",
            "geoname_id": 2775220,
        }
    ],
    "topics": [{"code": "medtop:04000000", "name": "economy, business and finance", "confidence": 0.91}],
    "quotes": [{"text": "Es fehlt Regen", "speaker": "Obstverband"}],
    "reading_s": 6,
    "duplicate": {
        "of": BRIDGE,
        "kind": "wire_copy",
        "similarity": 0.92,
        "source": "example.com",
        "url": "https://www.example.com/harvest",
        "behind_s": 95.5,
        "added_words": 4,
        "cut_words": 11,
    },
    "story": {"id": "storyharvest", "size": 3},
    "change": {
        "kind": "substantive",
        "fields": ["text", "modified"],
        "added": ["Er rechnet mit einem Drittel weniger Äpfeln & Birnen <nicht nur in Innsbruck>."],
        "removed": ["Zahlen gibt es noch nicht."],
    },
    "access": "free",
    "rights": {
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "holder": "Beispielblatt",
        "notice": "© 2026 Beispielblatt",
        "policy": "https://news.example.org/tdm-policy.json",
        "reserved": ["tdm", "ai"],
        "allowed": ["tdm"],
        "barred_agents": ["ExampleBot"],
    },
    "quality": {"score": 0.81, "issues": ["date_conflict"]},
    "provenance": {"headline": "meta", "language": "text", "published": "url", "text": "feed"},
    "extra": {"mood": {"score": -0.25}},
}


def events() -> dict[str, dict[str, Any]]:
    """Every golden event as plain data, by its name."""
    found = {"urls": {"found": f"{_SITE}/kurz", "final": None, "canonical": None}, "url": f"{_SITE}/kurz"}
    updated = _BRIDGE | {
        "headline": "Old bridge at Larkwater opens a month early",
        "modified": "2026-03-02T09:30:00+01:00",
        "change": {"kind": "headline", "fields": ["headline", "modified"]},
    }
    gone = {name: _BRIDGE[name] for name in ("url", "urls", "feeds")} | {
        "source": {"name": None, "domain": "example.org"},
        "change": {"kind": "gone", "fields": []},
    }
    return {
        "published": _event("published", BRIDGE, 1, 0, _BRIDGE),
        "full": _event("updated", HARVEST, 2, 1, _HARVEST),
        "updated": _event("updated", BRIDGE, 2, 2, updated),
        "minimal": _event("published", BARE, 1, 3, found),
        "withdrawn": _event("withdrawn", BRIDGE, 3, 4, gone),
    }


def _event(kind: _Kind, article_id: str, revision: int, hours: int, fields: dict[str, Any]) -> dict[str, Any]:
    """An event, so many hours after 2 March 2026, 08:00 UTC."""
    seen, fetched, emitted = (f"2026-03-02T{8 + hours:02d}:00:0{second}.000Z" for second in (0, 1, 2))
    timings = {
        "published": fields.get("published"), "seen": seen, "fetched": fetched, "emitted": emitted,
        "fetch_ms": 120 if fields.get("text") else None, "extract_ms": 40 if fields.get("text") else None,
        "total_ms": 2000,
    }  # fmt: skip
    ours = {
        "id": article_id,
        "revision": revision,
        "first_seen": seen,
        "fetched": fetched,
        "timings": timings,
    }
    article = Article.model_validate(_NOTHING | fields | ours)
    made_ms = 1_772_438_402_000 + hours * 3_600_000
    return envelope(article, kind=kind, namespace=NAMESPACE, time_ms=made_ms)
