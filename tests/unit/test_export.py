"""Events in the formats of others: valid there, and saying the same."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from pyarrow import parquet  # type: ignore[import-untyped]  # it has no types
from referencing import Registry, Resource

from worker.export import spreadsheet
from worker.export.atom import NAMESPACE, TOMBSTONES, atom
from worker.export.format import Format
from worker.export.jsonfeed import Channel, json_feed
from worker.export.ninjs import STANDARD, ninjs
from worker.export.parquet import NoParquet, ParquetFile
from worker.export.row import COLUMNS, row
from worker.export.writer import writer
from worker.feeds.parse import parse
from worker.golden import NAMES, golden_event, golden_events

ROOT = Path(__file__).parents[2]
CHANNEL = Channel(
    "Palmyra: t & <t>", "http://127.0.0.1:8000/", "http://127.0.0.1:8000/feed", "urn:palmyra:feed:t"
)
NASTY = 'a "b" <c> & \x00\x1b[2J\x9b \ud83d \u202e\uffff ]]> = 日本'
formats = FormatChecker()


@formats.checks("uri", raises=ValueError)
def is_uri(value: object) -> bool:
    """Absolute, ASCII, and nothing that RFC 3986 has no place for."""
    if not isinstance(value, str):
        return True
    ok = value.isascii() and value.isprintable() and not set(value) & set(' <>"{}|\\^`')
    return ok and bool(urlsplit(value).scheme)


@formats.checks("date-time", raises=ValueError)
def is_date_time(value: object) -> bool:
    """RFC 3339, with an offset."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((ROOT / "tests/data" / name).read_text()), format_checker=formats)


def event(name: str = "full", /, **changes: Any) -> dict[str, Any]:
    """A golden event as plain data, with these fields of its article."""
    plain = golden_event(name).model_dump(mode="json")
    return plain | {"data": plain["data"] | changes}


def nasty() -> dict[str, Any]:
    """Hostile text in every text of the full article."""

    def spoilt(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: spoilt(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [spoilt(inner, name) for inner in value]
        free = (
            "headline",
            "summary",
            "text",
            "authors",
            "tags",
            "keyphrases",
            "caption",
            "holder",
            "name",
            "agency",
        )
        return NASTY if name in free else f"{value}?ü={NASTY}" if name == "url" else value

    spoilt_event: dict[str, Any] = spoilt(event())
    return spoilt_event


EVERY = {**{name: event(name) for name in NAMES}, "nasty": nasty(), "old topics": event(topics=["health"])}


# -- ninjs -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", EVERY)
def test_ninjs_is_valid(name: str) -> None:
    """By the standard's schema, whatever an event has or lacks."""
    item = json.loads(json.dumps(ninjs(EVERY[name])))
    errors = [
        f"{list(error.path)}: {error.message}"
        for error in validator("ninjs-3.0-texts.json").iter_errors(item)
    ]
    assert errors == []


@pytest.mark.proof
def test_ninjs_is_valid_by_the_iptcs_own_schema() -> None:
    """The schema as the IPTC publishes it; without a network, from the file that NINJS_SCHEMA names.

    Above it is restated, in the parts that texts use.
    """
    path = os.environ.get("NINJS_SCHEMA")
    try:
        if path:
            schema = json.loads(Path(path).read_text())
        else:
            with urllib.request.urlopen(STANDARD["schema"].rstrip("#"), timeout=20) as answer:  # noqa: S310 - the address is fixed
                schema = json.load(answer)
    except OSError as error:
        pytest.skip(f"{STANDARD['schema']} can't be had here: {error}")
    geojson = Resource.from_contents({"$schema": schema["$schema"], "type": "object"})
    registry: Registry[Any] = Registry().with_resource("https://geojson.org/schema/GeoJSON.json", geojson)
    theirs = Draft202012Validator(schema, format_checker=formats, registry=registry)
    items = [json.loads(json.dumps(ninjs(one))) for one in EVERY.values()]
    assert [error.message for item in items for error in theirs.iter_errors(item)] == []
    assert not theirs.is_valid(items[0] | {"colour": "red"})


def test_ninjs_says_what_the_event_says() -> None:
    """Field by field."""
    item = ninjs(event())
    assert item["uri"] == "urn:palmyra:article:goldenharvest234"
    assert (item["version"], item["pubStatus"], item["language"]) == ("2", "usable", "de")
    assert "contentCreated" not in item  # a day without a time is no date-time
    assert ninjs(event("published"))["contentCreated"] == "2026-03-02T08:15:00+01:00"
    assert item["headlines"][0]["value"] == event()["data"]["headline"]
    assert item["bodies"][0]["wordCount"] == 24
    assert item["by"] == "Redaktion, Ressort Wirtschaft"
    assert [one["name"] for one in item["people"]] == ["Johannes Kepler"]
    innsbruck, valley = item["places"]
    assert innsbruck["geoJSON"] == {"type": "Point", "coordinates": [11.39454, 47.26266]}
    assert (innsbruck["uri"], innsbruck["literal"]) == ("https://sws.geonames.org/2775220/", "AT")
    assert valley == {"name": "Apfeltal", "rel": "mentions"}
    assert item["subjects"][0] == {
        "name": "economy, business and finance",
        "rel": "about",
        "creator": "palmyra",
        "confidence": 91,
        "uri": "http://cv.iptc.org/newscodes/mediatopic/04000000",
    }
    assert item["rightsInfo"] == {"linkedRights": "https://creativecommons.org/licenses/by/4.0/"}
    assert item["usageTerms"] == "reserved: tdm; reserved: ai"
    assert [one["descriptions"][0]["value"] for one in item["associations"]] == [
        "Bäume ohne Regen",
        "Ein Hof im Tal",
    ]


def test_ninjs_of_a_withdrawal_cancels() -> None:
    """The same uri as the article, a later version, and no text."""
    item, before = ninjs(event("withdrawn")), ninjs(event("published"))
    assert (item["uri"], item["pubStatus"], item["version"]) == (before["uri"], "canceled", "3")
    assert not {"headlines", "bodies", "descriptions"} & item.keys()


def test_ninjs_tells_a_part_from_the_whole() -> None:
    """What is known to be cut off is not called full."""
    assert ninjs(event(quality={"score": 0.5, "issues": ["truncated"]}))["representationType"] == "partial"
    assert ninjs(event())["representationType"] == "full"
    assert "Licence: ours" in ninjs(event(rights={"license": "ours", "reserved": []}))["usageTerms"]


# -- tables ----------------------------------------------------------------------------------------------
def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def as_csv(*events: dict[str, Any]) -> str:
    return spreadsheet.header() + "".join(map(spreadsheet.line, events))


def test_csv_has_every_column_and_reads_back() -> None:
    """A row an event; lists joined, numbers as they are, what is absent empty."""
    full, minimal = read_csv(as_csv(event(), event("minimal")))
    assert list(full) == [column.name for column in COLUMNS]
    assert (full["event_id"], full["revision"], full["quality_score"]) == ("goldenharvest234:2", "2", "0.81")
    assert full["authors"] == "Redaktion; Ressort Wirtschaft"
    assert full["tags"] == "Ernte, Obst; Wetter"
    assert full["topics"] == "economy, business and finance"
    assert full["text"] == event()["data"]["text"]
    assert (minimal["headline"], minimal["story_size"], minimal["authors"]) == ("", "", "")


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@A1", "\t=1", "  =1", "\n=1", "＝1", '=HYPERLINK("x")']
)
def test_csv_holds_no_formulas(cell: str) -> None:
    """Whatever a publisher writes, a spreadsheet shows it and computes nothing."""
    (found,) = read_csv(as_csv(event(headline=cell, authors=[cell], section=cell)))
    assert found["headline"] == found["section"] == "'" + cell
    assert found["authors"].startswith("'")


@given(st.text(), st.lists(st.text(), max_size=3))
@settings(max_examples=50)
def test_csv_stays_in_its_cells(text: str, authors: list[str]) -> None:
    """No text breaks out of its cell or row, and none holds control characters."""
    text = text.encode("utf-8", "replace").decode()
    (found,) = read_csv(as_csv(event(text=text, authors=authors)))
    assert found["event_id"] == "goldenharvest234:2"
    assert not [c for c in found["text"] if ord(c) < 32 and c not in "\n\t"]
    kept = "".join(c for c in text if c in "\n\t" or (ord(c) >= 32 and not 127 <= ord(c) < 160))
    assert found["text"].removeprefix("'") == kept.removeprefix("'")


def test_parquet_reads_back(tmp_path: Path) -> None:
    """The same columns with real types, in row groups of a bounded size."""
    path = tmp_path / "events.parquet"
    with path.open("wb") as out:
        file = ParquetFile(out, most_rows=2)
        for one in EVERY.values():
            file.write(one)
        file.close()
    table = parquet.read_table(path)
    assert parquet.ParquetFile(path).num_row_groups == 4
    assert table.column_names == [column.name for column in COLUMNS]
    rows = table.to_pylist()
    assert rows == [row(one) for one in EVERY.values()]
    assert rows[1]["authors"] == ["Redaktion", "Ressort Wirtschaft"]
    assert rows[1]["duplicate_similarity"] == 0.92
    assert rows[3]["headline"] is None


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Naming the extra."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(NoParquet, match=r"pip install 'palmyra\[parquet\]'"):
        writer(Format.PARQUET, io.BytesIO())


@pytest.mark.parametrize("form", [Format.JSON, Format.NINJS])
def test_lines_are_harmless(form: Format) -> None:
    """A line an event, JSON in UTF-8, without control characters or marks that reorder what a reader sees."""
    out = io.BytesIO()
    one = writer(form, out)
    for each in EVERY.values():
        one.write(each)
    one.close()
    lines = out.getvalue().decode().split("\n")
    assert len(lines) == len(EVERY) + 1
    assert not [c for c in "".join(lines) if ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2028"]
    if form is Format.JSON:
        assert [json.loads(line) for line in lines[:-1]] == list(EVERY.values())


def test_documented_columns_are_those_there_are() -> None:
    """docs/exports.md names each column, in order."""
    page = (ROOT / "docs" / "exports.md").read_text()
    table = page.split("## Columns\n")[1].split("\n## ")[0]
    named = [line.split("|")[1].strip(" `") for line in table.splitlines() if line.startswith("| `")]
    assert named == [column.name for column in COLUMNS]


# -- feeds -----------------------------------------------------------------------------------------------
ENTRIES = [one for one in EVERY.values() if not one["type"].endswith("withdrawn.v1")]


@pytest.mark.parametrize("name", EVERY)
def test_json_feed_is_valid(name: str) -> None:
    """By JSON Feed 1.1, with and without what may be missing."""
    feed = json.loads(json_feed(CHANNEL, [EVERY[name]]))
    assert [error.message for error in validator("jsonfeed-1.1.json").iter_errors(feed)] == []
    assert len(feed["items"]) == (name != "withdrawn")
    assert json.loads(json_feed(CHANNEL, []))["items"] == []


def test_atom_has_what_rfc_4287_requires() -> None:
    """Feed and entries each with id, title and updated; each entry with content, and an author of its own or
    the feed's."""
    from lxml import etree

    root = etree.fromstring(atom(CHANNEL, list(EVERY.values())).encode())
    ns = {"a": NAMESPACE, "at": TOMBSTONES}
    entries = root.findall("a:entry", ns)
    assert len(entries) == len(ENTRIES)
    for part in (root, *entries):
        for name in ("id", "title", "updated"):
            assert len(part.findall(f"a:{name}", ns)) == 1, name
        assert is_uri(part.findtext("a:id", None, ns))
        assert is_date_time(part.findtext("a:updated", None, ns))
    assert root.findall("a:author", ns)
    assert all(len(entry.findall("a:content", ns)) == 1 for entry in entries)
    assert all(is_uri(link.get("href")) for link in root.iter(f"{{{NAMESPACE}}}link"))
    gone = root.findall("at:deleted-entry", ns)
    assert [one.get("ref") for one in gone] == ["urn:palmyra:article:goldenbridge2345"]
    assert is_date_time(gone[0].get("when"))


@pytest.mark.parametrize("render", [atom, json_feed])
def test_feeds_read_back(render: Any) -> None:
    """Our own reader finds what was written, hostile text included, and nothing more."""
    feed = render(CHANNEL, [*golden_plain(), EVERY["nasty"]])
    found = parse(feed.encode(), url=CHANNEL.address, now=datetime(2026, 3, 3, tzinfo=UTC))
    by_url = {entry.url: entry for entry in found.entries}
    bridge = by_url["https://news.example.org/2026/03/bridge"]
    assert bridge.title == "Old bridge at Larkwater opens a month early"
    assert bridge.published == "2026-03-02T08:15:00+01:00"
    assert bridge.authors == ("Newsroom staff",)
    assert "Trams follow in May." in (bridge.content or "")
    assert by_url["https://news.example.org/2026/03/ernte"].title == "=Ernte in Gefahr? „Es fehlt Regen“"
    assert len(found.entries) == 4


def golden_plain() -> list[dict[str, Any]]:
    """The golden articles that are there, each in its newest revision before the withdrawal."""
    return [
        one.model_dump(mode="json")
        for one in golden_events()
        if one.data.revision == 2 or one.data.text == ""
    ][:3]
