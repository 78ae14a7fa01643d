"""The newest articles of the stream, each as its newest revision: what a feed shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from redis import Redis

from jobs.event import Event
from jobs.keys import Keys
from worker.web.card import read_event

MOST_LOOKED_AT = 2_000
"""Entries of the stream that are read for one feed, however few are wanted."""
_PAGE = 100


def newest(
    redis: Redis, keys: Keys, count: int, wanted: Callable[[Mapping[str, Any]], bool]
) -> list[dict[str, Any]]:
    """Up to `count` events, newest first: of each article the newest revision, if that is wanted.

    Args:
        wanted: over whole events. An article whose newest revision is not wanted is not there at all.
    """
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    for event in _backwards(redis, keys.stream):
        article = str(event["data"].get("id"))
        if article not in seen and wanted(event) and (whole := _whole(event)):
            found.append(whole)
        seen.add(article)
        if len(found) == count:
            break
    return found


def _backwards(redis: Redis, stream: str) -> Iterator[dict[str, Any]]:
    before = "+"
    for _ in range(0, MOST_LOOKED_AT, _PAGE):
        entries: Any = redis.xrevrange(stream, max=before, count=_PAGE)
        for _, fields in entries:
            event = read_event(fields)
            if event is not None:
                yield event
        if len(entries) < _PAGE:
            return
        before = f"({entries[-1][0].decode()}"


def _whole(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The event with every field there; None for what somebody else put on the stream."""
    try:
        return Event.model_validate(event).model_dump(mode="json")
    except ValidationError:
        return None
