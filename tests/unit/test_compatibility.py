"""What breaks consumers of a released schema, and what does not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from jobs.compatibility import breaks
from jobs.schema import VERSION
from worker import released
from worker.released import broken, newest, release, schemas, unreadable

DOCS = Path(__file__).parents[2] / "docs"
PLACE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "country": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
    "required": ["name", "country"],
}
SCHEMA: dict[str, Any] = {
    "$id": "urn:test",
    "$defs": {"Place": PLACE},
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[a-z]+$"},
        "kind": {"enum": ["published", "withdrawn"]},
        "version": {"const": "1.0"},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "places": {"type": "array", "items": {"$ref": "#/$defs/Place"}},
        "story": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]},
        "provenance": {"type": "object", "additionalProperties": {"type": "string"}},
        "note": {"type": "string", "maxLength": 9},
    },
    "required": ["id", "kind", "version", "score", "places", "story", "provenance"],
}


def after(change: Callable[[dict[str, Any]], object]) -> list[str]:
    new = copy.deepcopy(SCHEMA)
    change(new)
    return breaks(SCHEMA, new)


def place(new: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = new["$defs"]["Place"]
    return found


BREAKING: dict[str, tuple[Callable[[dict[str, Any]], object], list[str]]] = {
    "a field is removed": (lambda s: s["properties"].pop("note"), ["note: removed"]),
    "a field deep inside is removed": (
        lambda s: place(s)["properties"].pop("name"),
        ["places[].name: removed", "story.name: removed"],
    ),
    "a field may be absent": (
        lambda s: s["required"].remove("id"),
        ["id: may be absent now, and was always there"],
    ),
    "null where it never was": (
        lambda s: s["properties"].update(id={"anyOf": [s["properties"]["id"], {"type": "null"}]}),
        ["id: may be null now, and never was"],
    ),
    "null among the types": (
        lambda s: s["properties"]["score"].update(type=["number", "null"]),
        ["score: may be null now, and never was"],
    ),
    "null where an object was": (
        lambda s: s["properties"]["places"].update(
            items={"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]}
        ),
        ["places[]: may be null now, and never was"],
    ),
    "another type": (
        lambda s: place(s)["properties"].update(name={"type": "integer"}),
        [
            "places[].name: may be integer now, was string",
            "places[].name: is never string any more, only integer",
            "story.name: may be integer now, was string",
            "story.name: is never string any more, only integer",
        ],
    ),
    "a narrower type": (
        lambda s: s["properties"]["score"].update(type="integer"),
        ["score: is never number any more, only integer"],
    ),
    "any type": (
        lambda s: s["properties"]["score"].pop("type"),
        ["score: may be of any type now, was number"],
    ),
    "a value more": (
        lambda s: s["properties"]["kind"]["enum"].append("restored"),
        ["kind: may be 'restored' now, which no consumer knows"],
    ),
    "a value less": (
        lambda s: s["properties"]["kind"]["enum"].remove("withdrawn"),
        ["kind: is never 'withdrawn' any more"],
    ),
    "values no longer listed": (
        lambda s: s["properties"].update(kind={"type": "string"}),
        ["kind: may be any value now, was one of 'published' or 'withdrawn'"],
    ),
    "another constant": (
        lambda s: s["properties"]["version"].update(const="2.0"),
        ["version: may be '2.0' now, which no consumer knows", "version: is never '1.0' any more"],
    ),
    "a lower minimum": (
        lambda s: s["properties"]["score"].update(minimum=-1),
        ["score: minimum was 0, and is -1"],
    ),
    "no maximum": (lambda s: s["properties"]["score"].pop("maximum"), ["score: maximum was 1, and is none"]),
    "a longer text": (
        lambda s: s["properties"]["note"].update(maxLength=10),
        ["note: maxLength was 9, and is 10"],
    ),
    "another pattern": (
        lambda s: s["properties"]["id"].update(pattern="^[a-z0-9]+$"),
        ["id: pattern was '^[a-z]+$', and is '^[a-z0-9]+$'"],
    ),
    "values of an object": (
        lambda s: s["properties"]["provenance"]["additionalProperties"].update(type="integer"),
        [
            "provenance.*: may be integer now, was string",
            "provenance.*: is never string any more, only integer",
        ],
    ),
    "values of an object, any": (
        lambda s: s["properties"]["provenance"].pop("additionalProperties"),
        ["provenance: what its additionalProperties are is not promised any more"],
    ),
    "items, any": (
        lambda s: s["properties"]["places"].pop("items"),
        ["places: what its items are is not promised any more"],
    ),
    "an alternative more": (
        lambda s: s["properties"]["story"]["anyOf"].append({"type": "string"}),
        ["story: alternative 2 is none of the released ones"],
    ),
    "what holds for all alternatives": (
        lambda s: s["properties"]["story"].update(maxProperties=3),
        ["story: what holds beside its alternatives is another"],
    ),
    "another identity": (
        lambda s: s.update({"$id": "urn:else"}),
        ["the document: $id was 'urn:test', and is 'urn:else'"],
    ),
    "a keyword that can't be compared": (
        lambda s: s["properties"]["id"].update(oneOf=[{"minLength": 2}, {"maxLength": 9}]),
        ["id: oneOf is new, and can't be compared"],
    ),
}
HARMLESS: dict[str, Callable[[dict[str, Any]], object]] = {
    "nothing": lambda s: None,
    "a field more": lambda s: s["properties"].update(extra={"type": "string"}),
    "a field more that is always there": lambda s: (
        s["properties"].update(extra={"type": "string"}),
        s["required"].append("extra"),
    ),
    "a field more deep inside": lambda s: place(s)["properties"].update(code={"type": "string"}),
    "always there from now on": lambda s: s["required"].append("note"),
    "never null any more": lambda s: s["properties"].update(story={"$ref": "#/$defs/Place"}),
    "never null any more, inside": lambda s: place(s)["properties"].update(country={"type": "string"}),
    "narrower bounds": lambda s: s["properties"]["score"].update(minimum=0.5, maximum=0.6),
    "a pattern where none was": lambda s: s["properties"]["note"].update(pattern="^a"),
    "other words": lambda s: s["properties"]["id"].update(description="Else.", title="Id", examples=["a"]),
    "a definition by another name": lambda s: (
        s["$defs"].update(Spot=s["$defs"].pop("Place")),
        s["properties"]["places"].update(items={"$ref": "#/$defs/Spot"}),
        s["properties"]["story"].update(anyOf=[{"type": "null"}, {"$ref": "#/$defs/Spot"}]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKING)
def test_what_breaks_consumers_is_told(name: str) -> None:
    """Each with its place and what it was, one line a break, nothing besides."""
    change, said = BREAKING[name]
    assert after(change) == said


@pytest.mark.parametrize("name", HARMLESS)
def test_what_consumers_do_not_notice_passes(name: str) -> None:
    """Fields may be added, promises may become stricter, words may change."""
    assert after(HARMLESS[name]) == []


def test_a_schema_that_contains_itself_ends() -> None:
    """And a break inside of it is found."""
    tree: dict[str, Any] = {
        "$defs": {"Node": {"type": "object", "properties": {
            "name": {"type": "string"}, "below": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
        }}},
        "$ref": "#/$defs/Node",
    }  # fmt: skip
    other = copy.deepcopy(tree)
    assert breaks(tree, other) == []
    del other["$defs"]["Node"]["properties"]["name"]
    assert breaks(tree, other) == ["name: removed", "below[].name: removed"]


_TYPES = st.sampled_from(["string", "integer", "number", "null", "boolean"])
_LEAF = st.one_of(
    st.builds(lambda t: {"type": t}, _TYPES),
    st.builds(lambda a, b: {"anyOf": [{"type": a}, {"type": b}]}, _TYPES, _TYPES),
    st.builds(lambda v: {"enum": v}, st.lists(st.sampled_from(["a", "b", 1, None]), min_size=1, unique=True)),
    st.builds(lambda least: {"type": "integer", "minimum": least}, st.integers(-2, 2)),
)
_OBJECT = st.dictionaries(st.sampled_from("xyz"), _LEAF, min_size=1).flatmap(
    lambda props: st.builds(
        lambda names: {"type": "object", "properties": props, "required": sorted(names)},
        st.sets(st.sampled_from(sorted(props))),
    )
)
_VALUE = st.sampled_from(["a", "b", "c", 0, 1, -2, 3, 0.5, None, True])
_DOCUMENT = st.dictionaries(st.sampled_from("xyzw"), _VALUE)


@settings(max_examples=50)
@given(_OBJECT, _OBJECT, st.lists(_DOCUMENT, max_size=20))
def test_what_passes_is_accepted_by_the_released_schema(
    old: dict[str, Any], new: dict[str, Any], documents: list[dict[str, Any]]
) -> None:
    """Where no break is found, each document that the new schema allows is one that the old schema allows."""
    if breaks(old, new):
        return
    before, now = Draft202012Validator(old), Draft202012Validator(new)
    ours = [{k: v for k, v in one.items() if k in new["properties"]} for one in documents]
    assert all(before.is_valid(one) for one in ours if now.is_valid(one))


@settings(max_examples=50)
@given(_OBJECT)
def test_a_schema_fits_itself(schema: dict[str, Any]) -> None:
    """No false alarms where nothing changed."""
    assert breaks(schema, copy.deepcopy(schema)) == []


def test_the_current_schemas_break_nobody() -> None:
    """Who builds on the last released schemas can read what is written today."""
    assert newest(DOCS) is not None
    assert broken(DOCS, schemas()) == []


def test_events_of_released_versions_can_still_be_read() -> None:
    """They may stand on a stream while palmyra is upgraded, and in consumers' files for years."""
    assert unreadable(DOCS) == []


def test_events_that_can_not_be_read_any_more_are_told(tmp_path: Path) -> None:
    """With the version, the event and the field: one that was added without a default, say."""
    release(tmp_path)
    assert unreadable(tmp_path) == []
    path = next((tmp_path / "schema/released").glob("*/events/full.json"))
    old = json.loads(path.read_text(encoding="utf-8"))
    del old["data"]["source"]["name"], old["data"]["text"]
    path.write_text(json.dumps(old))
    assert unreadable(tmp_path) == [f"{VERSION}, full.json: data.source.name, data.text"]


def test_a_release_is_kept_and_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy a version; the next release is compared with the newest one."""
    assert broken(tmp_path, schemas()) == []
    assert release(tmp_path).startswith(f"released {VERSION}")
    assert release(tmp_path).startswith("released")  # the same again: nothing changes
    grown = {name: _with_field(text, "mood") for name, text in schemas().items()}
    monkeypatch.setattr(released, "schemas", lambda: grown)
    assert "Raise VERSION" in release(tmp_path)
    assert release(tmp_path, "1.10.0").startswith("released 1.10.0")
    assert release(tmp_path, "1.9.0").startswith("released 1.9.0")
    folder = newest(tmp_path)
    assert folder is not None
    assert folder.name == "1.10.0"
    monkeypatch.undo()
    assert broken(tmp_path, schemas()) == [
        f"{name}, released as 1.10.0: mood: removed" for name in sorted(schemas())
    ]
    said = release(tmp_path, "1.11.0")
    assert said.startswith("not released, it breaks consumers")
    assert "mood: removed" in said
    assert broken(tmp_path, {}) == [f"{name}: removed since 1.10.0" for name in sorted(schemas())]


def _with_field(text: str, name: str) -> str:
    schema = json.loads(text)
    schema["properties"][name] = {"type": "string"}
    return json.dumps(schema)
