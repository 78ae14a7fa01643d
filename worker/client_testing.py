"""For consumers' own tests: a stream without a Redis, and golden events to fill one, fake or real.

    from worker.client_testing import FakeStream, golden_events

    def test_my_consumer():
        stream = FakeStream(golden_events())
        run(stream.subscribe)               # where it has partial(subscribe, redis) in earnest
        assert stream.pending("archive") == []

`FakeStream.subscribe` behaves as `worker.client.subscribe` does (one test runs both through the same cases):
at least once, acknowledged after the body of the loop, given again after a crash. Needs only redis and the
models, as `worker.client` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from jobs.event import Event, encode
from jobs.keys import Keys
from worker.client import BATCH, TAKE_OVER_S, Lag, Overtaken, _wanted, position
from worker.golden import golden_event, golden_events
from worker.stream import Gap, entry_id, id_before

__all__ = ["FakeStream", "golden_event", "golden_events", "load"]


def load(redis: Redis, namespace: str = "palmyra", events: Iterable[Event] | None = None) -> list[str]:
    """Put events on a real stream, and on its channel, as palmyra does; returns their entry ids.

    Args:
        namespace: the stream is ``<namespace>:articles``.
        events: default: the golden ones.
    """
    stream = Keys(namespace).stream
    entries = []
    for event in golden_events() if events is None else events:
        raw = encode(event.model_dump(mode="json"))
        entry: Any = redis.xadd(stream, {"id": event.id, "type": event.type.value, "event": raw})
        redis.publish(stream, raw)
        entries.append(entry.decode() if isinstance(entry, bytes) else str(entry))
    return entries


@dataclass(slots=True)
class _Given:
    """An event that a consumer was given and has not acknowledged."""

    consumer: str
    at_s: float


@dataclass(slots=True)
class _Group:
    delivered: int
    """Number of the last entry that any of its consumers was given."""
    pending: dict[int, _Given] = field(default_factory=dict)


class FakeStream:
    """A stream in memory. Its entries have the ids ``1-0``, ``2-0`` …; its time stands still, see `wait`."""

    def __init__(self, events: Iterable[Event] = (), *, twice: bool = False) -> None:
        """A stream with these events.

        Args:
            twice: put each event there twice in a row, which `at least once` allows: a consumer that does
                not deduplicate by id shows it.
        """
        self._events: list[Event] = []
        self._twice = twice
        self._gone = 0
        self._now_s = 0.0
        self._groups: dict[str, _Group] = {}
        self.add(*events)

    def add(self, *events: Event) -> None:
        """More events come."""
        for event in events:
            self._events += [event, event] if self._twice else [event]

    def trim(self, count: int) -> None:
        """The oldest `count` events go, as when an operator trims the stream by hand."""
        self._gone = min(self._gone + count, len(self._events))

    def wait(self, seconds: float) -> None:
        """Let time pass: what consumers were given and have not acknowledged may be taken over by others."""
        self._now_s += seconds

    def pending(self, group: str) -> list[str]:
        """Ids of the events that a group was given and has not acknowledged, oldest first."""
        known = self._groups.get(group)
        return [self._events[number - 1].id for number in sorted(known.pending)] if known else []

    def lag(self, group: str) -> Lag | None:
        """As `worker.client.lag`, in a time that stands still; None when there is no such group."""
        known = self._groups.get(group)
        if known is None:
            return None
        return Lag(len(self._events) - max(known.delivered, self._gone), len(known.pending), 0.0)

    def subscribe(
        self,
        *,
        group: str,
        consumer: str = "consumer",
        namespace: str = "palmyra",
        since: str = "new",
        where: str | Callable[[Mapping[str, Any]], bool] | None = None,
        take_over_s: float = TAKE_OVER_S,
        follow: bool = False,
        overtaken: Callable[[Gap], None] | None = None,
    ) -> Iterator[Event]:
        """As `worker.client.subscribe`, but it ends at the end of the stream, whatever `follow` says, and
        `namespace` says nothing: there is but one stream here.

        Raises:
            Overtaken: once for each gap, unless `overtaken` is given.
            BadPosition, worker.where.BadWhere: as there.
        """
        wanted = _wanted(where)
        known = self._group(group, position(since))
        for missed, numbers in self._batches(known, consumer, take_over_s):
            if missed and overtaken is None:
                raise Overtaken(group, missed)
            if missed and overtaken:
                overtaken(missed)
            for number in numbers:
                if wanted(self._events[number - 1]):
                    yield self._events[number - 1]
                known.pending.pop(number, None)

    def _group(self, name: str, start: str) -> _Group:
        if name not in self._groups:
            last = len(self._events)
            after = last if start == "$" else min(entry_id(start)[0], last)
            self._groups[name] = _Group(max(after, self._gone if start != "$" else after))
        return self._groups[name]

    def _batches(
        self, group: _Group, consumer: str, take_over_s: float
    ) -> Iterator[tuple[Gap | None, list[int]]]:
        """What is missing and what is given: first what was given before, then what others left, then new."""
        yield self._again(group, consumer, lambda given: given.consumer == consumer)
        yield self._again(group, consumer, lambda given: self._now_s - given.at_s >= take_over_s)
        while True:
            missed = None
            if 0 < group.delivered < self._gone:
                missed = Gap(after=_entry(group.delivered), until=_entry(self._gone))
            first = max(group.delivered, self._gone) + 1
            numbers = list(range(first, min(first + BATCH, len(self._events) + 1)))
            if not numbers:
                return
            group.delivered = numbers[-1]
            group.pending |= {number: _Given(consumer, self._now_s) for number in numbers}
            yield missed, numbers

    def _again(
        self, group: _Group, consumer: str, which: Callable[[_Given], bool]
    ) -> tuple[Gap | None, list[int]]:
        numbers = sorted(number for number, given in group.pending.items() if which(given))
        gone = [number for number in numbers if number <= self._gone]
        for number in gone:
            del group.pending[number]
        left = numbers[len(gone) :]
        group.pending |= {number: _Given(consumer, self._now_s) for number in left}
        missed = Gap(after=id_before(_entry(gone[0])), until=_entry(gone[-1])) if gone else None
        return missed, left


def _entry(number: int) -> str:
    return f"{number}-0"
