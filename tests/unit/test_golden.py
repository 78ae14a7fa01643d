"""The golden events are what they claim to be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from jobs.article import Article
from jobs.event import Event, Kind
from jobs.schema import documents
from worker.golden import FOLDER, NAMES, golden_event, golden_events
from worker.golden.articles import events


def raw(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_golden_events_are_valid(name: str) -> None:
    """By the schema and by the model, which writes them back as they are."""
    schema = json.loads(documents()["schema/event.v1.json"])
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(raw(name))
    assert Event.model_validate(raw(name)).model_dump(mode="json") == raw(name)


def test_golden_events_are_current() -> None:
    """The files are what `python -m worker.golden` writes from the articles."""
    assert {name: raw(name) for name in NAMES} == events()
    assert {path.stem for path in FOLDER.glob("*.json")} == set(NAMES)


def test_there_is_one_of_each_kind() -> None:
    """Three revisions of one article, in order, and each kind of event."""
    story = [golden_event(name) for name in ("published", "updated", "withdrawn")]
    assert [(one.data.revision, one.type) for one in story] == list(enumerate(Kind, 1))
    assert len({one.subject for one in story}) == 1
    assert [one.time for one in golden_events()] == sorted(one.time for one in golden_events())
    assert len({one.id for one in golden_events()}) == len(NAMES)


def test_the_full_one_has_every_field_filled() -> None:
    """Whatever a field may hold, a consumer's test sees it there: no null, no empty list, object or text."""
    assert [path for path, value in walk(raw("full")) if value in (None, "", [], {})] == []


def test_the_minimal_one_has_nothing_that_can_be_missing() -> None:
    """Every field that may be null is, every list is empty; what names it is there."""
    data = raw("minimal")["data"]
    nullable = [name for name, field in Article.model_fields.items() if "None" in str(field.annotation)]
    assert [name for name in nullable if data[name] is not None] == ["url"]
    assert all(value == [] for value in data.values() if isinstance(value, list))


def test_a_withdrawal_says_nothing_of_what_the_article_said() -> None:
    """As the real one: it names the article, and is empty otherwise."""
    data = raw("withdrawn")["data"]
    assert (data["headline"], data["text"], data["authors"], data["images"]) == (None, "", [], [])
    assert data["urls"]["canonical"]


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below, with its path."""
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from walk(one, f"{path}.{name}")
