"""The stream of events: kept from growing for ever without losing what is unread; and who is behind.

Nothing that a consumer group still needs is trimmed here, whatever its age. Others can trim (an operator, by
hand), so the stream's oldest entry is remembered: when it is gone and we did not trim it, all before the new
oldest one counts as gone, and `worker.client` tells the consumers that were behind it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from jobs.keys import Keys

MOST_COUNTED = 1000
"""Unread entries are counted up to here on servers that don't count them (before Redis 7, or after XDEL)."""
LATE_S = 3600
"""A group that is behind by more is told of in the newsroom."""
_STEP = 200
_DAY_MS = 86_400_000
_BEGIN = (0, 0)
EntryId = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Group:
    """How far a consumer group is. Group names are operators' own text."""

    name: str
    events: int
    """Events that it was not given yet; counted up to `MOST_COUNTED` where the server does not count them."""
    pending: int
    """Events that it was given and has not acknowledged."""
    oldest_ms: int | None
    """When the oldest event was made that it still needs, ms since the epoch; None when it is up to date."""
    overtaken: bool
    """Events that it was not given are gone; its consumer is told when it reads on."""

    def behind_s(self, now_ms: int) -> float:
        """Age of the oldest event that it still needs; 0 when it is up to date."""
        return 0.0 if self.oldest_ms is None else max(0, now_ms - self.oldest_ms) / 1000


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that were trimmed before a group was given them, or had acknowledged them."""

    after: str
    """Stream id: the last event before them that the group was given."""
    until: str
    """Stream id: what is after this is still there."""


def groups(redis: Redis, keys: Keys, *, most_counted: int = MOST_COUNTED) -> list[Group]:
    """All consumer groups, the one that is furthest behind first."""
    if not redis.exists(keys.stream):
        return []
    edge = _edge(redis, keys)
    found: Any = redis.xinfo_groups(keys.stream)
    several = [_group(redis, keys.stream, raw, edge, most_counted) for raw in found]
    return sorted(several, key=lambda group: (group.oldest_ms is None, group.oldest_ms or 0, group.name))


def late(redis: Redis, keys: Keys) -> int:
    """How many groups are behind by more than `LATE_S`."""
    now_ms = int(time.time() * 1000)
    return sum(group.behind_s(now_ms) > LATE_S for group in groups(redis, keys, most_counted=1))


def gone_until(redis: Redis, keys: Keys) -> EntryId:
    """Up to where the stream was trimmed, by whomever, as far as can be told; (0, 0) when it never was."""
    return _edge(redis, keys).gone


def gap(redis: Redis, keys: Keys, group: str) -> Gap | None:
    """What is gone although this group was not given it; None for nothing, and for no such group.

    Where somebody trimmed the stream by hand, and the server does not count what a group read (before
    Redis 7), it may be that there was nothing left to read.
    """
    if not redis.exists(keys.stream):
        return None
    edge = _edge(redis, keys)
    found: Any = redis.xinfo_groups(keys.stream) if redis.exists(keys.stream) else []
    raw = next((one for one in found if _name(one) == group), None)
    if raw is None or not _overtaken(raw, edge):
        return None
    return Gap(after=_text(entry_id(raw["last-delivered-id"])), until=_text(edge.gone))


@dataclass(frozen=True, slots=True)
class _Edge:
    """Where the stream begins."""

    gone: EntryId
    """All up to here is gone."""
    before: int | None
    """Entries that were added and are gone, where the server counts them (since Redis 7)."""


def _edge(redis: Redis, keys: Keys) -> _Edge:
    with redis.pipeline(transaction=True) as pipe:
        pipe.hmget(keys.edge, ["first", "gone"])
        pipe.xrange(keys.stream, count=1)
        pipe.xinfo_stream(keys.stream)
        (known, gone), oldest, info = (_unless_missing(one) for one in pipe.execute(raise_on_error=False))
    reached = entry_id(gone or b"0")
    if known is not None and (not oldest or entry_id(oldest[0][0]) > entry_id(known)):
        last = entry_id(info.get("last-generated-id", b"0"))
        reached = max(reached, _before(entry_id(oldest[0][0])) if oldest else last)
    added = info.get("entries-added")
    return _Edge(reached, None if added is None else int(added) - int(info["length"]))


def _unless_missing(reply: Any) -> Any:
    """A reply of a pipeline; nothing, when the stream went in between."""
    if isinstance(reply, ResponseError) and "no such key" in str(reply):
        return {}
    if isinstance(reply, Exception):
        raise reply
    return reply


def _overtaken(raw: dict[str, Any], edge: _Edge) -> bool:
    given, read = entry_id(raw["last-delivered-id"]), raw.get("entries-read")
    if given == _BEGIN or given >= edge.gone:  # made to begin with whatever there is, or past all that
        return False
    return read is None or edge.before is None or edge.before > int(read)


def _name(raw: dict[str, Any]) -> str:
    name = raw["name"]
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _group(redis: Redis, stream: str, raw: dict[str, Any], edge: _Edge, most_counted: int) -> Group:
    given = entry_id(raw["last-delivered-id"])
    needed = _needed(redis, stream, raw)
    first: Any = redis.xrange(stream, _text(needed), count=1)
    pending = int(raw["pending"])
    events = raw.get("lag")
    if events is None:
        unread: Any = redis.xrange(stream, _text(_next(given)), count=most_counted)
        events = len(unread)
    oldest = needed[0] if pending else entry_id(first[0][0])[0] if first else None
    return Group(_name(raw), int(events), pending, oldest, _overtaken(raw, edge))


def trim(redis: Redis, keys: Keys, *, keep_days: float, keep_bytes: int = 0) -> int:
    """Drop events that every consumer group has acknowledged; returns how many.

    ``XADD MAXLEN`` would drop unread ones silently, and a group's lag would still read 0. So the oldest entry
    that any group has pending, or has yet to read, is kept whatever its age.

    Args:
        keep_days: what is older goes.
        keep_bytes: when the stream is larger than about that, the oldest go, too; 0 means any size.
    """
    if not redis.exists(keys.stream):
        return 0
    _see_the_edge(redis, keys)
    found: Any = redis.xinfo_groups(keys.stream)
    needed = min((_needed(redis, keys.stream, group) for group in found), default=None)
    edge = (max(0, int(time.time() * 1000 - keep_days * _DAY_MS)), 0)
    dropped = _trim_to(redis, keys, edge if needed is None else min(edge, needed))
    if keep_bytes:
        for edge in _surplus(redis, keys.stream, keep_bytes):
            dropped += _trim_to(redis, keys, edge if needed is None else min(edge, needed))
            if needed is not None and edge >= needed:
                break
    return dropped


def size_bytes(redis: Redis, keys: Keys) -> int:
    """About how much memory the stream takes (Redis looks at some of its entries)."""
    used: Any = redis.memory_usage(keys.stream)
    return int(used or 0)


def _surplus(redis: Redis, stream: str, keep_bytes: int) -> Iterator[EntryId]:
    """Where the stream is to begin, step by step, until what is over `keep_bytes` is gone."""
    used: Any = redis.memory_usage(stream)
    length: Any = redis.xlen(stream)
    surplus = int(length * (1 - keep_bytes / used)) if used and used > keep_bytes else 0
    while surplus > 0:
        oldest: Any = redis.xrange(stream, count=min(surplus, _STEP))
        if not oldest:
            return
        yield _next(entry_id(oldest[-1][0]))
        surplus -= len(oldest)


def _trim_to(redis: Redis, keys: Keys, edge: EntryId) -> int:
    """Drop what is before `edge`, and remember in the same step how far that went."""
    before: Any = redis.xrevrange(keys.stream, max=_text(edge), count=2)
    last = next((one for one in (entry_id(entry) for entry, _ in before) if one < edge), None)
    if last is None:
        return 0
    after: Any = redis.xrange(keys.stream, min=_text(edge), count=1)
    with redis.pipeline(transaction=True) as pipe:
        pipe.xtrim(keys.stream, minid=_text(edge), approximate=False)
        pipe.hset(keys.edge, "gone", _text(last))
        _ = pipe.hset(keys.edge, "first", after[0][0]) if after else pipe.hdel(keys.edge, "first")
        return int(pipe.execute()[0])


def _see_the_edge(redis: Redis, keys: Keys) -> None:
    """Remember where the stream begins, and how far somebody else trimmed it since we looked."""
    gone, first = _edge(redis, keys).gone, _first(redis, keys.stream)
    with redis.pipeline(transaction=True) as pipe:
        if gone > _BEGIN:
            pipe.hset(keys.edge, "gone", _text(gone))
        _ = pipe.hset(keys.edge, "first", _text(first)) if first else pipe.hdel(keys.edge, "first")
        pipe.execute()


def _first(redis: Redis, stream: str) -> EntryId | None:
    oldest: Any = redis.xrange(stream, count=1)
    return entry_id(oldest[0][0]) if oldest else None


def _needed(redis: Redis, stream: str, group: dict[str, Any]) -> EntryId:
    """The oldest entry that a group still needs: its first pending one, else the next one to be delivered."""
    pending: Any = redis.xpending(stream, group["name"])
    if pending and pending["pending"]:
        return entry_id(pending["min"])
    return _next(entry_id(group["last-delivered-id"]))


def entry_id(text: bytes | str) -> EntryId:
    """The two halves of a stream entry's id, which sort as entries do."""
    ms, _, number = (text.decode() if isinstance(text, bytes) else text).partition("-")
    return (int(ms), int(number or 0))


def id_before(text: str) -> str:
    """The id right before this one, whether there is such an entry or not."""
    return _text(_before(entry_id(text)))


def _next(entry: EntryId) -> EntryId:
    return (entry[0], entry[1] + 1)


def _before(entry: EntryId) -> EntryId:
    return (entry[0], entry[1] - 1) if entry[1] else (entry[0] - 1, 2**64 - 1) if entry[0] else _BEGIN


def _text(entry: EntryId) -> str:
    return f"{entry[0]}-{entry[1]}"
