"""The feeds that the web process serves, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from lxml import etree
from redis import Redis

from jobs.keys import Keys
from tests.site import Web, add, serving
from worker.export.atom import NAMESPACE
from worker.feeds.parse import feed_links, parse
from worker.golden import golden_event, golden_events
from worker.web import feed_items

EVIL = "</title><script>alert(1)</script>"


@pytest.fixture
def web(redis: Redis, keys: Keys) -> Iterator[Web]:
    with serving(redis, keys) as running:
        yield running


def article(number: int) -> str:
    """An article's id."""
    return f"{number:016d}".translate(str.maketrans("0189", "abcd"))


def told(number: int, *, revision: int = 1, kind: str = "published", **data: Any) -> dict[str, Any]:
    """An event, with these fields of its article."""
    plain = golden_event("published").model_dump(mode="json")
    name = article(number)
    plain |= {"id": f"{name}:{revision}", "subject": name, "type": f"news.article.{kind}.v1"}
    return plain | {"data": plain["data"] | {"id": name, "revision": revision} | data}


def ids(web: Web, query: str = "") -> list[str]:
    """The ids in the JSON Feed, without what is the same in all."""
    return [item["id"].rpartition(":")[2] for item in web.get(f"/feed.json{query}").json["items"]]


def test_golden_events_as_feeds(web: Web, redis: Redis, keys: Keys) -> None:
    """Both feeds have each article once, in its newest revision; what was withdrawn is not there."""
    for event in golden_events():
        add(redis, keys, event.model_dump(mode="json"))
    json_feed, atom = web.get("/feed.json"), web.get("/feed.atom")
    assert json_feed.headers["Content-Type"] == "application/feed+json; charset=utf-8"
    assert atom.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    for answer in (json_feed, atom):
        found = parse(answer.text.encode(), url=web.url)
        assert [entry.url for entry in found.entries] == [
            "https://news.example.org/2026/03/kurz",
            "https://news.example.org/2026/03/ernte",
        ]
    root = etree.fromstring(atom.text.encode())
    assert [one.get("rel") for one in root.findall(f"{{{NAMESPACE}}}link")] == ["self", "alternate"]
    assert "deleted-entry" in atom.text


def test_an_update_keeps_its_id_and_moves_up(web: Web, redis: Redis, keys: Keys) -> None:
    """A reader replaces the item that it has."""
    for number in (1, 2):
        add(redis, keys, told(number))
    before = ids(web)
    add(redis, keys, told(1, revision=2, kind="updated", headline="Newer"))
    assert ids(web) == before[::-1]
    assert web.get("/feed.json").json["items"][0]["title"] == "Newer"


def test_feeds_can_be_asked_whether_they_changed(web: Web, redis: Redis, keys: Keys) -> None:
    """304 while nothing came, the new feed when something did; each address has a tag of its own."""
    add(redis, keys, told(1))
    for path in ("/feed.json", "/feed.atom"):
        first = web.get(path)
        tag = {"If-None-Match": first.headers["ETag"]}
        again = web.get(path, tag)
        assert (again.status, again.text) == (304, "")
        assert again.headers["ETag"] == first.headers["ETag"]
        assert "no-cache" in first.headers["Cache-Control"]
        assert web.get(f"{path}?limit=9", tag).status == 200
    add(redis, keys, told(2))
    assert web.get("/feed.atom", tag).status == 200


def test_feeds_select(web: Web, redis: Redis, keys: Keys) -> None:
    """By the newest revision of an article alone: an older one that matched does not count."""
    add(redis, keys, told(1, language="fr"))
    add(redis, keys, told(2, language="fr"))
    add(redis, keys, told(2, revision=2, kind="updated", language="de"))
    query = "?where=" + quote("language == 'fr'")
    assert ids(web, query) == [article(1)]
    feed = web.get(f"/feed.json{query}").json
    assert feed["feed_url"] == f"{web.url.rstrip('/')}/feed.json{query}"
    assert "language == 'fr'" in feed["title"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=", "limit=-1", "where=" + EVIL, "where=f()"]
)
def test_feeds_refuse_what_they_do_not_understand(web: Web, query: str) -> None:
    """With a message that says what is wrong, as data: nothing of it is markup."""
    for path in ("/feed.json", "/feed.atom"):
        answer = web.get(f"{path}?{quote(query, safe='=&')}")
        assert answer.status == 400
        assert query.partition("=")[0] in answer.text
        assert "<script>alert" not in answer.text or path.endswith(".json")


def test_feeds_are_bounded(web: Web, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """In items, and in what is looked through for them."""
    for number in range(60):
        add(redis, keys, told(number, language="de" if number == 0 else "en"))
    assert len(ids(web)) == 50
    assert ids(web, "?limit=3") == [article(number) for number in (59, 58, 57)]
    assert len(ids(web, "?limit=200")) == 60
    query = "?where=" + quote("language == 'de'")
    assert ids(web, query) == [article(0)]
    monkeypatch.setattr(feed_items, "_PAGE", 10)
    monkeypatch.setattr(feed_items, "MOST_LOOKED_AT", 50)
    assert ids(web, query) == []


def test_hostile_text_is_text(web: Web, redis: Redis, keys: Keys) -> None:
    """No markup, no broken XML, whatever an article says; what is not an event is passed over."""
    redis.xadd(keys.stream, {"event": "{"})
    redis.xadd(keys.stream, {"else": "x"})
    add(redis, keys, told(2) | {"time": 7})
    hostile: dict[str, Any] = {
        "headline": EVIL,
        "text": f"{EVIL}\x00\uffff]]>",
        "authors": [EVIL],
        "url": f"https://one.test/{EVIL}",
    }
    add(redis, keys, told(1, **hostile))
    answer = web.get("/feed.atom")
    root = etree.fromstring(answer.text.encode())
    assert root.findtext(f"{{{NAMESPACE}}}entry/{{{NAMESPACE}}}title") == EVIL
    assert root.findtext(f"{{{NAMESPACE}}}entry/{{{NAMESPACE}}}content") == f"{EVIL}\ufffd\ufffd]]>"
    assert "<script" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert web.get("/feed.json").json["items"][0]["title"] == EVIL


def test_the_newsroom_names_its_feeds(web: Web) -> None:
    """So that feed readers find them from the page's address, as our own `feeds add` does."""
    found = feed_links(web.get("/").text, web.url)
    assert found == (f"{web.url.rstrip('/')}/feed.atom", f"{web.url.rstrip('/')}/feed.json")


def test_an_empty_stream_is_an_empty_feed(web: Web) -> None:
    """Valid, without items."""
    assert ids(web) == []
    root = etree.fromstring(web.get("/feed.atom").text.encode())
    assert root.findtext(f"{{{NAMESPACE}}}updated") == "1970-01-01T00:00:00.000Z"
