"""For consumers: the events of a palmyra, each at least once, whatever restarts in between.

    from redis import Redis
    from worker.client import subscribe

    for event in subscribe(Redis.from_url("redis://…"), group="archive", consumer="me", since="start"):
        store(event.id, event.data)         # acknowledged when the loop comes round for the next one

An event whose loop body raised, or whose process died, comes again. Needs only redis and the models.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from pydantic import ValidationError
from redis import Redis
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
)

from jobs.errors import PalmyraError
from jobs.event import Event

BATCH = 100
BLOCK_MS = 5_000
TAKE_OVER_S = 300.0
"""What another consumer of the group was given and has not acknowledged for so long is taken over."""
FIRST_WAIT_S, MAX_WAIT_S = 0.2, 10.0
"""Between two attempts to reach Redis."""
AWAY = (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError)
"""Redis restarts, loads its data, or a replica is being promoted: worth asking again."""

_AGO = re.compile(r"(\d+)([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}

log = structlog.get_logger(__name__)


class BadPosition(PalmyraError):
    """Not a place in the stream: give a time ago (30m, 2h, 7d), a stream id, `start` or `new`."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind."""

    events: int | None
    """Events that it was not given yet; None where the server does not count them (before Redis 7)."""
    pending: int
    """Events that it was given and has not acknowledged."""
    seconds: float
    """From the last event that it was given to the newest one."""


def position(since: str) -> str:
    """The stream id after which `since` begins.

    Args:
        since: a time ago (``30m``, ``2h``, ``7d``), a stream id (which is not given again), ``start``: all
            that is kept, or ``new``: what comes from now on.

    Raises:
        BadPosition: it is none of these.
    """
    if since in ("start", "new"):
        return {"start": "0", "new": "$"}[since]
    if ago := _AGO.fullmatch(since):
        return f"{int((time.time() - int(ago[1]) * _UNIT_S[ago[2]]) * 1000)}-0"
    if re.fullmatch(r"\d+(-\d+)?", since):
        return since
    raise BadPosition(f"{since!r} is not a place in the stream: give 30m, 2h, 7d, a stream id, start or new")


def subscribe(
    redis: Redis,
    *,
    group: str,
    consumer: str = "",
    namespace: str = "palmyra",
    since: str = "new",
    where: Callable[[Mapping[str, Any]], bool] | None = None,
    take_over_s: float = TAKE_OVER_S,
    follow: bool = True,
) -> Iterator[Event]:
    """The events as one consumer of a group, oldest first; each is acknowledged when the next is asked for.

    First comes what this consumer was given before and has not acknowledged, then what other consumers left
    for longer than `take_over_s`, then what is new. Outages of Redis are waited out, and a group that was
    lost with its stream is made again.

    Args:
        redis: decoding or not.
        group: one subscriber: each group gets every event, its consumers share them.
        consumer: keep it over restarts; default: this machine's name.
        since: where a group that does not exist yet begins, see `position`.
        where: whether an event's data is wanted; others are acknowledged unseen.
        follow: wait for more at the end; else end there.

    Raises:
        BadPosition: `since` is not a place in the stream.
        RedisError: Redis refuses (a wrong password, a command that is not allowed).
    """
    reader = _Reader(redis, f"{namespace}:articles", group, consumer or socket.gethostname(), position(since))
    for batch in reader.batches(take_over_s, follow=follow):
        for entry_id, event in batch:
            if event is not None and (where is None or where(event.data.model_dump(mode="json"))):
                yield event
            reader.acknowledge(entry_id)


def lag(redis: Redis, group: str, *, namespace: str = "palmyra") -> Lag | None:
    """How far a group is behind; None when there is no such group."""
    stream = f"{namespace}:articles"
    if not redis.exists(stream):
        return None
    groups: Any = redis.xinfo_groups(stream)
    found = next((g for g in groups if _text(g["name"]) == group), None)
    if found is None:
        return None
    newest: Any = redis.xrevrange(stream, count=1)
    last_ms = int(_text(newest[0][0]).partition("-")[0]) if newest else 0
    given_ms = int(_text(found["last-delivered-id"]).partition("-")[0])
    behind_ms = (
        max(0, last_ms - given_ms) if given_ms else last_ms and max(0, int(time.time() * 1000) - last_ms)
    )
    return Lag(found.get("lag"), int(found["pending"]), behind_ms / 1000)


class _Reader:
    """One consumer's reading, over outages."""

    def __init__(self, redis: Redis, stream: str, group: str, consumer: str, start: str) -> None:
        self._redis, self._stream, self._group, self._consumer = redis, stream, group, consumer
        self._start = start

    def batches(self, take_over_s: float, *, follow: bool) -> Iterator[list[tuple[str, Event | None]]]:
        self._patiently(self._create)
        after = "0"
        while batch := self._patiently(partial(self._read, after, 0)):
            after = batch[-1][0]
            yield batch
        looked_at = -take_over_s
        while True:
            if time.monotonic() - looked_at >= take_over_s / 2:
                looked_at = time.monotonic()
                yield from self._left_by_others(take_over_s)
            batch = self._patiently(lambda: self._read(">", BLOCK_MS if follow else 0))
            if batch:
                yield batch
            elif not follow:
                return

    def acknowledge(self, entry_id: str) -> None:
        self._patiently(lambda: self._redis.xack(self._stream, self._group, entry_id))

    def _left_by_others(self, take_over_s: float) -> Iterator[list[tuple[str, Event | None]]]:
        cursor = "0-0"
        while True:
            answer: Any = self._patiently(partial(self._claim, cursor, int(take_over_s * 1000)))
            cursor = _text(answer[0])
            if batch := [_read(entry) for entry in answer[1]]:
                log.info("events_taken_over", group=self._group, events=len(batch))
                yield batch
            if cursor == "0-0":
                return

    def _claim(self, cursor: str, idle_ms: int) -> Any:
        return self._redis.xautoclaim(self._stream, self._group, self._consumer, idle_ms, cursor, count=BATCH)

    def _read(self, after: str, block_ms: int) -> list[tuple[str, Event | None]]:
        reply: Any = self._redis.xreadgroup(
            self._group, self._consumer, {self._stream: after}, count=BATCH, block=block_ms or None
        )
        entries = reply[0][1] if isinstance(reply, list) and reply else []
        if isinstance(reply, dict):  # RESP 3
            entries = [entry for part in next(iter(reply.values()), []) for entry in part]
        return [_read(entry) for entry in entries]

    def _create(self, start: str | None = None) -> None:
        try:
            self._redis.xgroup_create(self._stream, self._group, id=start or self._start, mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return ask()
            except AWAY as error:
                log.warning("subscription_waits_for_redis", group=self._group, error=str(error))
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, MAX_WAIT_S)
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                # Redis came back without its data: what it has now is all unread.
                log.warning("subscription_made_again", group=self._group)
                self._create("0")


def _read(entry: Any) -> tuple[str, Event | None]:
    """Stream id and event; None for an entry that was trimmed meanwhile, or that holds no event."""
    entry_id, fields = _text(entry[0]), entry[1]
    if not fields:
        return entry_id, None
    raw = fields.get(b"event") or fields.get("event") or b""
    try:
        return entry_id, Event.model_validate_json(raw)
    except ValidationError as error:
        log.error("event_unreadable", entry=entry_id, errors=error.error_count())
        return entry_id, None


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
