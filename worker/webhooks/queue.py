"""What is to be delivered to one webhook: its group on the stream, what was set aside, its dead letters.

Only ids are kept here, never an event's text: it is read from the stream right before it is sent, so that
what was withdrawn meanwhile is not.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from worker.stream import entry_id
from worker.webhooks.hook import Hook, Hooks
from worker.webhooks.retry import MOST_ASIDE, Try, given_up

BATCH = 20
MOST_DEAD = 1_000
KEEP_DAYS = 30
_DAY_S = 86_400
_FIT = re.compile(r"[\x21-\x7e]{1,200}")
"""What a header can hold; our own ids do."""
CONSUMER = "palmyra"
"""One for all processes: they take turns, by a lease, and each goes on with what the one before left."""


@dataclass(frozen=True, slots=True)
class Item:
    """An event to be delivered."""

    entry: str
    """Id of its stream entry."""
    id: str
    """The event's own."""
    body: bytes
    """As it stands on the stream."""
    tried: Try

    @property
    def made_ms(self) -> int:
        """When it was put on the stream, ms since the epoch."""
        return entry_id(self.entry)[0]


@dataclass(frozen=True, slots=True)
class Letter:
    """An event that was given up."""

    entry: str
    id: str
    at_ms: int
    tries: int
    why: str


class Queue:
    """The events of one webhook, for as long as one process delivers them."""

    def __init__(self, hooks: Hooks, hook: Hook) -> None:
        self._hooks, self._hook = hooks, hook
        self._redis: Redis = hooks.redis
        self._keys = hooks.keys
        self._fresh: deque[str] = deque()
        """Given to the group, not yet tried to the end, in their order."""
        self._left = "0-0"
        """Up to here, what an earlier process left was read; empty: all of it."""

    def next(self, now_ms: int) -> Item | None:
        """The next event to send: one that was set aside and is due, else the oldest; None: none now."""
        while True:
            tries = self.tries()
            entry = self._due(tries, now_ms) or self._oldest(tries)
            if entry is None:
                return None
            found = self._item(entry, tries.get(entry, Try()))
            if found:
                return found
            self.done(entry)  # trimmed by hand, or withdrawn: then its withdrawal follows

    def done(self, entry: str) -> None:
        """It was delivered, or need not be."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(self._keys.stream, self._hook.group, entry)
            pipe.hdel(self._keys.webhook_tries(self._hook.id), entry)
            pipe.execute()
        if self._fresh and self._fresh[0] == entry:
            self._fresh.popleft()

    def again(self, entry: str, tried: Try) -> None:
        """It could not be delivered now. It stays the next, or is set aside."""
        remember(self._hooks, self._hook.id, {entry: tried})
        if tried.again_ms and self._fresh and self._fresh[0] == entry:
            self._fresh.popleft()

    def give_up(self, item_entry: str, event_id: str, tried: Try, why: str, now_ms: int) -> None:
        """It goes to the dead letters."""
        key = self._keys.webhook_dead(self._hook.id)
        fields: dict[Any, Any] = {"entry": item_entry, "id": event_id, "at_ms": now_ms}
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(key, fields | {"tries": tried.count, "why": why}, maxlen=MOST_DEAD, approximate=False)
            pipe.expire(key, KEEP_DAYS * _DAY_S)
            pipe.execute()
        self._hooks.note(self._hook.id, {}, dead=1)
        self.done(item_entry)

    def overdue(self, failing_ms: int, now_ms: int) -> Iterator[Item]:
        """What has had its time although it may never have been tried: the hook answers nothing."""
        tries = self.tries()
        for entry, tried in tries.items():
            if given_up(tried, entry_id(entry)[0], failing_ms, now_ms) and (one := self._item(entry, tried)):
                yield one
        while next_one := self._oldest(self.tries(), most_aside=None):
            entry = next_one
            if not given_up(Try(), entry_id(entry)[0], failing_ms, now_ms):
                return
            one = self._item(entry, Try())
            if one is None:
                self.done(entry)
            else:
                yield one

    def tries(self) -> dict[str, Try]:
        """What was tried in vain so far, oldest entry first."""
        raw: Any = self._redis.hgetall(self._keys.webhook_tries(self._hook.id))
        read = {entry.decode(): Try(**json.loads(value)) for entry, value in raw.items()}
        return dict(sorted(read.items(), key=lambda one: entry_id(one[0])))

    def _due(self, tries: dict[str, Try], now_ms: int) -> str | None:
        return next(
            (entry for entry, tried in tries.items() if tried.again_ms and tried.again_ms <= now_ms), None
        )

    def _oldest(self, tries: dict[str, Try], most_aside: int | None = MOST_ASIDE) -> str | None:
        aside = sum(bool(tried.again_ms) for tried in tries.values())
        if not self._fresh and self._left:
            self._read_left(tries)
        if not self._fresh and (most_aside is None or aside < most_aside):
            self._fresh.extend(self._given(">"))
        return self._fresh[0] if self._fresh else None

    def _read_left(self, tries: dict[str, Try]) -> None:
        """What another process was given and did not bring to an end."""
        while self._left and not self._fresh:
            found = self._given(self._left)
            self._left = found[-1] if found else ""
            known = {entry for entry, tried in tries.items() if tried.again_ms}
            self._fresh.extend(entry for entry in found if entry not in known)

    def _given(self, after: str) -> list[str]:
        group, stream = self._hook.group, {self._keys.stream: after}
        try:
            reply: Any = self._redis.xreadgroup(group, CONSUMER, stream, count=BATCH)  # type: ignore[arg-type]  # as the library has it
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            self._hooks.open_group(self._hook.id)
            return []
        if isinstance(reply, dict):  # RESP 3
            return [entry.decode() for part in next(iter(reply.values()), []) for entry, _ in part]
        return [entry.decode() for entry, _ in reply[0][1]] if reply else []

    def _item(self, entry: str, tried: Try) -> Item | None:
        found: Any = self._redis.xrange(self._keys.stream, entry, entry)
        fields = found[0][1] if found else None
        if not fields or b"event" not in fields:
            return None
        event_id = fields.get(b"id", b"").decode("utf-8", "replace")
        return Item(entry, event_id if _FIT.fullmatch(event_id) else entry, fields[b"event"], tried)


def remember(hooks: Hooks, hook_id: str, tries: dict[str, Try]) -> None:
    """Write down how far deliveries have come."""
    key = hooks.keys.webhook_tries(hook_id)
    with hooks.redis.pipeline(transaction=True) as pipe:
        pipe.hset(key, mapping={entry: json.dumps(asdict(tried)) for entry, tried in tries.items()})
        pipe.expire(key, KEEP_DAYS * _DAY_S)
        pipe.execute()


def letters(hooks: Hooks, hook_id: str) -> list[Letter]:
    """What was given up, the oldest first."""
    raw: Any = hooks.redis.xrange(hooks.keys.webhook_dead(hook_id))
    return [_letter({name.decode(): value.decode() for name, value in fields.items()}) for _, fields in raw]


def requeue(hooks: Hooks, hook_id: str, wanted: set[str] | None, now_ms: int) -> tuple[int, int]:
    """Deliver again what was given up: events with these ids, None: all. Returns how many are due again, and
    how many are on the stream no more and so are given up for good."""
    key = hooks.keys.webhook_dead(hook_id)
    raw: Any = hooks.redis.xrange(key)
    opened = gone = 0
    for number, fields in raw:
        entry, event = fields[b"entry"].decode(), fields[b"id"].decode()
        if wanted is not None and event not in wanted:
            continue
        if hooks.redis.xrange(hooks.keys.stream, entry, entry):
            remember(hooks, hook_id, {entry: Try(0, now_ms, now_ms, requeued=True)})
            opened += 1
        else:
            gone += 1
        hooks.redis.xdel(key, number)
    return opened, gone


def _letter(fields: dict[str, str]) -> Letter:
    return Letter(
        fields["entry"], fields["id"], int(fields["at_ms"]), int(fields["tries"]), fields.get("why", "")
    )
