"""An event as a row of a flat table: what CSV and Parquet have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

from worker.export.naming import topics

Shape = Literal["text", "integer", "number", "list"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    shape: Shape
    path: str
    """Where the value is in the event; ``data.images[].url`` is a list of what each has there."""


def _columns(shape: Shape, *paths: str, under: str = "data.") -> list[Column]:
    return [Column(path.replace("[]", "").replace(".", "_"), shape, under + path) for path in paths]


COLUMNS = (
    Column("event_id", "text", "id"),
    Column("event_type", "text", "type"),
    Column("event_time", "text", "time"),
    *_columns("text", "id"),
    *_columns("integer", "revision"),
    *_columns("text", "url", "source.name", "source.domain"),
    *_columns("list", "feeds[].url"),
    *_columns("text", "headline", "summary", "text"),
    *_columns("integer", "word_count"),
    *_columns("list", "authors"),
    *_columns("text", "published", "modified", "first_seen", "fetched", "language", "section"),
    *_columns("list", "tags", "images[].url"),
    *_columns("text", "agency"),
    *_columns("list", "keyphrases", "entities[].text", "places[].name"),
    Column("topics", "list", "data.topics"),
    *_columns("text", "duplicate.of", "duplicate.kind"),
    *_columns("number", "duplicate.similarity"),
    *_columns("text", "story.id"),
    *_columns("integer", "story.size"),
    *_columns("text", "change.kind"),
    *_columns("list", "change.fields"),
    *_columns("text", "access", "rights.license", "rights.holder"),
    *_columns("list", "rights.reserved"),
    *_columns("number", "quality.score"),
    *_columns("list", "quality.issues"),
    *_columns("integer", "timings.total_ms"),
)
"""In their order. Columns are added at the end only."""

Row = dict[str, Any]


def row(event: Mapping[str, Any]) -> Row:
    """The columns of an event: None for what is absent, a list of texts where the shape says so."""
    return {column.name: _value(event, column) for column in COLUMNS}


def _value(event: Mapping[str, Any], column: Column) -> Any:
    if column.name == "topics":
        return [_clean(name) for name in topics(event["data"])]
    outer, each, inner = column.path.partition("[].")
    found = reduce(_inside, outer.split("."), event)
    if column.shape == "list":
        several: list[Any] = list(found) if isinstance(found, list | tuple) else []
        values = (_inside(one, inner) if each else one for one in several)
        return [_clean(value) for value in values if isinstance(value, str)]
    return _clean(found) if isinstance(found, str) else found


def _inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _clean(text: str) -> str:
    """Without lone surrogates, which UTF-8 can't carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
