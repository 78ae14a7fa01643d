"""Would a new schema break who consumes by an old one?

Consumers read what we write, so the new schema must promise all that the old one promised: each document
that it allows is one that the old schema allows, and whatever the old one said would be there still is.
Fields may be added, and a null may go. What can't be compared (a pattern that changed, a keyword that is not
known here) counts as a break: then the contract gets a new version beside the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

WORDS = frozenset({"$schema", "$comment", "title", "description", "default", "examples", "deprecated"})
"""Keywords that allow and forbid nothing (JSON Schema 2020-12, Validation, 9)."""
_STRUCTURE = frozenset({"$defs", "$ref", "type", "properties", "required", "items", "anyOf", "enum", "const"})
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_COMPARED = WORDS | _STRUCTURE | {*_LOWER, *_UPPER, "additionalProperties"}
_Seen = frozenset[tuple[int, int]]
"""Pairs of schemas that are being compared further up."""


def breaks(released: Schema, current: Schema) -> list[str]:
    """What a consumer of `released` would stumble over in `current`; empty when nothing.

    Args:
        released, current: JSON Schemas (2020-12) of what is written, with ``$ref`` to their own ``$defs``.

    Returns:
        One line each, beginning with the place: ``data.places[].country: may be null now``.
    """
    return list(dict.fromkeys(_Comparison(released, current).at("", released, current, frozenset())))


class _Comparison:
    """Two documents, whose references are followed on the way."""

    def __init__(self, released: Schema, current: Schema) -> None:
        self._released, self._current = released, current

    def at(self, path: str, raw_old: Schema, raw_new: Schema, seen: _Seen) -> Iterator[str]:
        if (pair := (id(raw_old), id(raw_new))) in seen:
            return  # a schema that contains itself
        seen |= {pair}
        old, new = _followed(self._released, raw_old), _followed(self._current, raw_new)
        old_ways, new_ways = self._ways(self._released, old), self._ways(self._current, new)
        if len(old_ways) == len(new_ways) == 1 and "anyOf" not in old and "anyOf" not in new:
            yield from self._one(path, old, new, seen)
            return
        yield from self._null(path, old_ways, new_ways)
        yield from self._others(path, _not_null(old_ways), _not_null(new_ways), seen)
        if _beside(old) != _beside(new):
            yield f"{_named(path)}: what holds beside its alternatives is another"

    def _ways(self, document: Schema, schema: Schema) -> list[Schema]:
        """The alternatives that a schema names, each followed; itself when it names none."""
        return [_followed(document, way) for way in schema.get("anyOf", [schema])]

    def _null(self, path: str, old: list[Schema], new: list[Schema]) -> Iterator[str]:
        if any(map(_is_null, new)) and not any("null" in _types(way) or not _types(way) for way in old):
            yield f"{_named(path)}: may be null now, and never was"

    def _others(self, path: str, old: list[Schema], new: list[Schema], seen: _Seen) -> Iterator[str]:
        if len(old) == len(new) == 1:
            yield from self.at(path, old[0], new[0], seen)
            return
        for at, way in enumerate(new):
            if not any(not list(self.at(path, before, way, seen)) for before in old):
                yield f"{_named(path)}: alternative {at + 1} is none of the released ones"
        for at, before in enumerate(old):
            if not any(not list(self.at(path, before, way, seen)) for way in new):
                yield f"{_named(path)}: the released alternative {at + 1} never comes any more"

    def _one(self, path: str, old: Schema, new: Schema, seen: _Seen) -> Iterator[str]:
        yield from _types_break(path, old, new)
        yield from _values_break(path, old, new)
        yield from _bounds_break(path, old, new)
        yield from _same_words(path, old, new)
        yield from self._fields(path, old, new, seen)
        for name, inside in (("items", f"{path}[]"), ("additionalProperties", f"{path}.*")):
            if isinstance(old.get(name), Mapping):
                if isinstance(new.get(name), Mapping):
                    yield from self.at(inside, old[name], new[name], seen)
                else:
                    yield f"{_named(path)}: what its {name} are is not promised any more"

    def _fields(self, path: str, old: Schema, new: Schema, seen: _Seen) -> Iterator[str]:
        had, has = old.get("properties", {}), new.get("properties", {})
        for name, schema in had.items():
            here = f"{path}.{name}" if path else name
            if name not in has:
                yield f"{here}: removed"
                continue
            if name in old.get("required", ()) and name not in new.get("required", ()):
                yield f"{here}: may be absent now, and was always there"
            yield from self.at(here, schema, has[name], seen)
        if old.get("additionalProperties") is False and new.get("additionalProperties") is not False:
            yield f"{_named(path)}: unknown fields may come now"
        elif old.get("additionalProperties") is False:
            for name in sorted(has.keys() - had.keys()):
                yield f"{_named(path)}: {name} was added where no field could be"


def _types_break(path: str, old: Schema, new: Schema) -> Iterator[str]:
    before, now = _types(old), _types(new)
    if before and not now:
        yield f"{_named(path)}: may be of any type now, was {_list(before)}"
    elif before:
        if gained := now - before - ({"integer"} if "number" in before else set()):
            what = "may be null now, and never was" if gained == {"null"} else f"may be {_list(gained)} now"
            yield f"{_named(path)}: {what}" + ("" if gained == {"null"} else f", was {_list(before)}")
        if lost := before - now - {"null"}:
            yield f"{_named(path)}: is never {_list(lost)} any more, only {_list(now)}"


def _values_break(path: str, old: Schema, new: Schema) -> Iterator[str]:
    before, now = _values(old), _values(new)
    if before is None:
        return
    if now is None:
        yield f"{_named(path)}: may be any value now, was one of {_list(map(repr, before))}"
        return
    if gained := [value for value in now if value not in before]:
        yield f"{_named(path)}: may be {_list(map(repr, gained))} now, which no consumer knows"
    if lost := [value for value in before if value not in now]:
        yield f"{_named(path)}: is never {_list(map(repr, lost))} any more"


def _bounds_break(path: str, old: Schema, new: Schema) -> Iterator[str]:
    def looser(name: str, is_looser: Callable[[float, float], bool]) -> Iterator[str]:
        if name in old and (name not in new or is_looser(new[name], old[name])):
            yield f"{_named(path)}: {name} was {old[name]}, and is {new.get(name, 'none')}"

    for name in _LOWER:
        yield from looser(name, lambda now, before: now < before)
    for name in _UPPER:
        yield from looser(name, lambda now, before: now > before)


def _same_words(path: str, old: Schema, new: Schema) -> Iterator[str]:
    """Keywords whose meaning can't be compared (pattern, format, allOf …) must be what they were."""
    for name in sorted((old.keys() | new.keys()) - _COMPARED):
        if name in old and old[name] != new.get(name):
            yield f"{_named(path)}: {name} was {old[name]!r}, and is {new.get(name, 'none')!r}"
        elif name not in old and name not in ("pattern", "format", "uniqueItems"):
            yield f"{_named(path)}: {name} is new, and can't be compared"


def _beside(schema: Schema) -> Schema:
    """What holds for every alternative of a schema."""
    besides = {name: value for name, value in schema.items() if name not in WORDS | {"$defs", "anyOf"}}
    return besides if "anyOf" in schema else {}


def _followed(document: Schema, schema: Schema) -> Schema:
    """What a reference stands for, with what is said beside it; the schema itself without one."""
    while "$ref" in schema:
        target: Any = document
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        beside = {name: value for name, value in schema.items() if name != "$ref" and name not in WORDS}
        if not beside:
            schema = target
            continue
        schema = {**target, **beside}
    return schema


def _types(schema: Schema) -> set[str]:
    """The types that a value may have; empty when any."""
    named = schema.get("type", [])
    if not named and (values := _values(schema)) is not None:
        return {_type_of(value) for value in values}
    return {named} if isinstance(named, str) else set(named)


def _type_of(value: object) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _values(schema: Schema) -> list[Any] | None:
    """The values that there are; None when they are not listed."""
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None


def _is_null(schema: Schema) -> bool:
    return _types(schema) == {"null"}


def _not_null(ways: list[Schema]) -> list[Schema]:
    return [way for way in ways if not _is_null(way)]


def _named(path: str) -> str:
    return path or "the document"


def _list(words: Any) -> str:
    return " or ".join(sorted(words))
