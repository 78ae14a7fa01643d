"""For consumers: the events of a palmyra, each at least once, whatever restarts in between.

    from redis import Redis
    from worker.client import subscribe

    for event in subscribe(Redis.from_url("redis://…"), group="archive", consumer="me", since="start"):
        store(event.id, event.data)         # acknowledged when the loop comes round for the next one

An event whose loop body raised, or whose process died, comes again. Needs only redis and the models.
"""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError
from redis import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from jobs.errors import PalmyraError
from jobs.event import Event
from jobs.keys import Keys
from jobs.stories.event import StoryEvent
from worker.away import is_away
from worker.stream import Gap, entry_id, gap, gone_until, id_before

BATCH = 100
BLOCK_MS = 2_000
"""Well under redis-py's own 5 s for an answer: of a read that is cut off, entries would stay with nobody."""
TAKE_OVER_S = 300.0
"""What another consumer of the group was given and has not acknowledged for so long is taken over."""
FIRST_WAIT_S, MAX_WAIT_S = 0.2, 10.0
"""Between two attempts to reach Redis."""

_AGO = re.compile(r"(\d+)([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_Entry = tuple[str, Mapping[Any, Any]]
_Seen = TypeVar("_Seen")
_Any = TypeVar("_Any", Event, StoryEvent)

log = logging.getLogger(__name__)


class BadPosition(PalmyraError):
    """Not a place in the stream: give a time ago (30m, 2h, 7d), a stream id, `start` or `new`."""


class Overtaken(PalmyraError):
    """Events were trimmed from the stream before this group had read them. Subscribing again goes on."""

    def __init__(self, group: str, missed: Gap) -> None:
        super().__init__(
            f"Group {group!r} was overtaken: events after {missed.after} and up to {missed.until} were "
            "trimmed before it had read them. Subscribe again to go on after that."
        )
        self.missed = missed


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
    where: str | Callable[[Mapping[str, Any]], bool] | None = None,
    take_over_s: float = TAKE_OVER_S,
    follow: bool = True,
    overtaken: Callable[[Gap], None] | None = None,
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
        where: which articles are wanted; others are acknowledged unseen. An expression such as
            ``language == "fr" and "economy" in topics`` (see `worker.where`), which lets every withdrawal
            pass, or a function of an event's data, as JSON has it, which decides about these, too.
        follow: wait for more at the end; else end there.
        overtaken: called when events are gone that the group has not read, before what comes after;
            without it `Overtaken` is raised. Palmyra itself trims nothing that a group has yet to read, but
            an operator may.

    Raises:
        Overtaken: once for each gap, unless `overtaken` is given.
        BadPosition: `since` is not a place in the stream.
        worker.where.BadWhere: `where` is no expression, or names a field that there is not.
        RedisError: Redis refuses (a wrong password, a command that is not allowed).
    """
    wanted = _wanted(where)
    reader = _Reader(redis, Keys(namespace), group, consumer or socket.gethostname(), position(since), Event)
    yield from _subscribed(reader, wanted, take_over_s, follow=follow, overtaken=overtaken)


def subscribe_stories(
    redis: Redis,
    *,
    group: str,
    consumer: str = "",
    namespace: str = "palmyra",
    since: str = "new",
    take_over_s: float = TAKE_OVER_S,
    follow: bool = True,
    overtaken: Callable[[Gap], None] | None = None,
) -> Iterator[StoryEvent]:
    """The events of stories, as `subscribe` gives those of articles; its groups are others than theirs."""
    keys = Keys(namespace).of_stories()
    reader = _Reader(redis, keys, group, consumer or socket.gethostname(), position(since), StoryEvent)
    yield from _subscribed(reader, lambda event: True, take_over_s, follow=follow, overtaken=overtaken)


def _subscribed(
    reader: _Reader[_Any],
    wanted: Callable[[_Any], bool],
    take_over_s: float,
    *,
    follow: bool,
    overtaken: Callable[[Gap], None] | None,
) -> Iterator[_Any]:
    for batch in reader.batches(take_over_s, follow=follow):
        if batch.missed:
            if overtaken is None:
                raise Overtaken(reader.group, batch.missed)
            overtaken(batch.missed)
        for entry, event in batch.events:
            if event is not None and wanted(event):
                yield event
            reader.acknowledge(entry)


def _wanted(where: str | Callable[[Mapping[str, Any]], bool] | None) -> Callable[[Event], bool]:
    """Whether an event is wanted."""
    if where is None:
        return lambda event: True
    if not isinstance(where, str):
        return lambda event: where(event.data.model_dump(mode="json"))
    from worker.where import compile_event_where  # with simpleeval, which only this needs

    holds = compile_event_where(where)
    return lambda event: holds(event.model_dump(mode="json"))


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


@dataclass(frozen=True, slots=True)
class _Batch(Generic[_Any]):
    """What one reading gave."""

    events: list[tuple[str, _Any | None]]
    """Stream ids, with None for what holds no event (any more)."""
    missed: Gap | None = None
    """What is gone before these, or of these."""


class _Reader(Generic[_Any]):
    """One consumer's reading, over outages."""

    def __init__(
        self, redis: Redis, keys: Keys, group: str, consumer: str, start: str, model: type[_Any]
    ) -> None:
        self._redis, self._keys, self.group, self._consumer = redis, keys, group, consumer
        self._model: type[_Any] = model
        self._stream, self._start = keys.stream, start
        self._sees_gaps = True

    def batches(self, take_over_s: float, *, follow: bool) -> Iterator[_Batch[_Any]]:
        self._patiently(self._create)
        after = "0"
        while batch := self._patiently(partial(self._read, after, 0)):
            after = batch[-1][0]
            yield self._without_trimmed(batch)
        looked_at = -take_over_s
        missed: Gap | None = None
        while True:
            if time.monotonic() - looked_at >= take_over_s / 2:
                looked_at = time.monotonic()
                yield from self._left_by_others(take_over_s)
            missed = missed or self._gap()
            batch = self._patiently(lambda: self._read(">", BLOCK_MS if follow else 0))
            if batch:
                yield _Batch([(entry, self._event(entry, fields)) for entry, fields in batch], missed)
                missed = None
            elif not follow:
                return

    def _without_trimmed(self, batch: list[_Entry]) -> _Batch[_Any]:
        """What was given before; of what is gone by now, the trimmed part is told as missed."""
        gone = [entry for entry, fields in batch if not fields]
        for entry in gone:
            self.acknowledge(entry)
        left = [(entry, self._event(entry, fields)) for entry, fields in batch if fields]
        return _Batch(left, self._trimmed(gone))

    def _trimmed(self, gone: list[str]) -> Gap | None:
        """Those of these entries that were trimmed; the others were withdrawn."""
        until = self._watch(lambda: gone_until(self._redis, self._keys)) if gone else None
        trimmed = [entry for entry in gone if until and entry_id(entry) <= until]
        return Gap(after=id_before(trimmed[0]), until=trimmed[-1]) if trimmed else None

    def _gap(self) -> Gap | None:
        return self._watch(lambda: gap(self._redis, self._keys, self.group))

    def _watch(self, ask: Callable[[], _Seen]) -> _Seen | None:
        """Ask for what a consumer that may only read its stream is not told: then nobody can say."""
        if not self._sees_gaps:
            return None
        try:
            return cast("_Seen | None", self._patiently(ask))
        except NoPermissionError:
            self._sees_gaps = False
            log.warning("group %r is told of no gaps: its Redis user may not look", self.group)
            return None

    def _event(self, entry: str, fields: Mapping[Any, Any]) -> _Any | None:
        """The event of a stream entry; None when it holds none."""
        raw = fields.get(b"event") or fields.get("event") or b""
        try:
            return self._model.model_validate_json(raw)
        except ValidationError as error:
            log.error("stream entry %s holds no event: %d errors", entry, error.error_count())
            return None

    def acknowledge(self, entry_id: str) -> None:
        self._patiently(lambda: self._redis.xack(self._stream, self.group, entry_id))

    def _left_by_others(self, take_over_s: float) -> Iterator[_Batch[_Any]]:
        cursor = "0-0"
        while True:
            answer: Any = self._patiently(partial(self._claim, cursor, int(take_over_s * 1000)))
            cursor = _text(answer[0])
            # What is gone: Redis 6.2 has nothing in its place, and gives it when we ask for what is ours.
            batch = [_entry(one) for one in answer[1] if one[0] is not None]
            missed = self._trimmed([_text(one) for one in answer[2]] if len(answer) > 2 else [])
            if batch or missed:
                log.info("group %r takes over %d events", self.group, len(batch))
                found = self._without_trimmed(batch)
                yield _Batch(found.events, missed or found.missed)
            if cursor == "0-0":
                return

    def _claim(self, cursor: str, idle_ms: int) -> Any:
        return self._redis.xautoclaim(self._stream, self.group, self._consumer, idle_ms, cursor, count=BATCH)

    def _read(self, after: str, block_ms: int) -> list[_Entry]:
        reply: Any = self._redis.xreadgroup(
            self.group, self._consumer, {self._stream: after}, count=BATCH, block=block_ms or None
        )
        entries = reply[0][1] if isinstance(reply, list) and reply else []
        if isinstance(reply, dict):  # RESP 3
            entries = [entry for part in next(iter(reply.values()), []) for entry in part]
        return [_entry(entry) for entry in entries]

    def _create(self, start: str | None = None) -> None:
        try:
            self._redis.xgroup_create(self._stream, self.group, id=self._from(start), mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _from(self, start: str | None) -> str:
        """Where the group begins. Not before what is gone already: that is no gap for it."""
        start = start or self._start
        if start == "$" or not self._redis.exists(self._stream):
            return start
        until = self._watch(lambda: gone_until(self._redis, self._keys))
        return f"{until[0]}-{until[1]}" if until and until > entry_id(start) else start

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return ask()
            except RedisError as error:
                if is_away(error):
                    log.warning("group %r waits for Redis: %s", self.group, error)
                    time.sleep(wait_s)
                    wait_s = min(2 * wait_s, MAX_WAIT_S)
                    continue
                if not str(error).startswith("NOGROUP"):
                    raise
                # Redis came back without its data: what it has now is all unread.
                log.warning("group %r is gone and made again, from the start", self.group)
                self._create("0")


def _entry(raw: Any) -> _Entry:
    return _text(raw[0]), raw[1] or {}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
