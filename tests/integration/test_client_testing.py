"""The fake stream does what the real one does: each case runs on both."""

from __future__ import annotations

import importlib
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from jobs.event import Event
from jobs.keys import Keys
from tests.unit.test_docs import fenced
from worker import client
from worker.client import BadPosition, Overtaken, subscribe
from worker.client_testing import FakeStream, golden_events, load
from worker.stream import Gap
from worker.where import BadWhere

GOLDEN = golden_events()
IDS = [event.id for event in GOLDEN]
ROOT = Path(__file__).parents[2]
Subscribe = Callable[..., Iterator[Event]]


class RealStream:
    """The same controls over a stream in a real Redis."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis, self.keys = redis, keys
        self.subscribe: Subscribe = partial(subscribe, redis, namespace=keys.namespace, follow=False)

    def add(self, *events: Event) -> None:
        load(self.redis, self.keys.namespace, events)

    def trim(self, count: int) -> None:
        """By hand. Palmyra looks at the edge now and then; here it does before."""
        entries: Any = self.redis.xrange(self.keys.stream, count=count + 1)
        self.redis.hset(self.keys.edge, "first", entries[0][0])
        self.redis.xdel(self.keys.stream, *(entry for entry, _ in entries[:count]))

    def pending(self, group: str) -> list[str]:
        rows: Any = self.redis.xpending_range(self.keys.stream, group, "-", "+", 100)
        return [self._id(row["message_id"]) for row in rows]

    def lag(self, group: str) -> client.Lag | None:
        return client.lag(self.redis, group, namespace=self.keys.namespace)

    def _id(self, entry: bytes) -> str:
        found: Any = self.redis.xrange(self.keys.stream, entry, entry)
        ((_, fields),) = found
        return str(fields[b"id"].decode())


@pytest.fixture(params=["fake", "real"])
def stream(request: pytest.FixtureRequest, redis: Redis, keys: Keys) -> FakeStream | RealStream:
    """A stream with the golden events."""
    if request.param == "fake":
        return FakeStream(GOLDEN)
    real = RealStream(redis, keys)
    real.add(*GOLDEN)
    return real


Stream = FakeStream | RealStream


def ids(events: Iterator[Event]) -> list[str]:
    return [event.id for event in events]


def take(events: Iterator[Event], count: int) -> list[str]:
    """The first ones; then the consumer dies, the last one not acknowledged."""
    return [next(events).id for _ in range(count)]


def test_everything_comes_in_order_and_once(stream: Stream) -> None:
    """From the start, or only what is new; then nothing is left."""
    assert ids(stream.subscribe(group="all", since="start")) == IDS
    assert ids(stream.subscribe(group="new")) == []
    stream.add(GOLDEN[0])
    assert ids(stream.subscribe(group="all")) == ids(stream.subscribe(group="new")) == [IDS[0]]
    assert stream.pending("all") == []


def test_a_crash_before_the_acknowledgement(stream: Stream) -> None:
    """What was given last comes again, and what was to come; what was acknowledged does not."""
    assert take(stream.subscribe(group="g", consumer="me", since="start"), 3) == IDS[:3]
    assert stream.pending("g") == IDS[2:]
    assert ids(stream.subscribe(group="g", consumer="me")) == IDS[2:]
    assert stream.pending("g") == []


def test_a_body_that_raises(stream: Stream) -> None:
    """Is a crash like any other."""

    def consume() -> None:
        for event in stream.subscribe(group="g", consumer="me", since="start"):
            assert event.id != IDS[1], "as a bug would"

    with pytest.raises(AssertionError, match="as a bug would"):
        consume()
    assert ids(stream.subscribe(group="g", consumer="me"))[0] == IDS[1]


def test_others_take_over(stream: Stream) -> None:
    """What a dead consumer was given, once that is long enough ago; before, it waits for it."""
    take(stream.subscribe(group="g", consumer="dead", since="start"), 2)
    stream.add(GOLDEN[0])
    assert ids(stream.subscribe(group="g", consumer="alive")) == [IDS[0]]
    assert ids(stream.subscribe(group="g", consumer="alive", take_over_s=0)) == IDS[1:]
    assert stream.pending("g") == []


def test_events_are_selected(stream: Stream) -> None:
    """By an expression or a function; what is not wanted is acknowledged unseen."""
    where = "language == 'de'"
    assert ids(stream.subscribe(group="a", since="start", where=where)) == [IDS[1], IDS[4]]
    wanted = stream.subscribe(group="b", since="start", where=lambda data: data["revision"] == 1)
    assert ids(wanted) == [IDS[0], IDS[3]]
    assert stream.pending("a") == stream.pending("b") == []


def test_being_overtaken(stream: Stream) -> None:
    """Is told once; subscribing again goes on after the gap."""
    take(stream.subscribe(group="g", consumer="me", since="start", where=None), 5)
    ids(stream.subscribe(group="g", consumer="me"))
    stream.add(*GOLDEN[:3])
    stream.trim(7)
    with pytest.raises(Overtaken):
        ids(stream.subscribe(group="g", consumer="me"))
    # The batch that came after the gap was given already: it comes again.
    assert ids(stream.subscribe(group="g", consumer="me")) == [IDS[2]]
    missed: list[Gap] = []
    assert ids(stream.subscribe(group="g", consumer="me", overtaken=missed.append)) == []
    assert missed == []


def test_a_gap_in_what_was_given_before(stream: Stream) -> None:
    """What was given, not acknowledged and then trimmed is told, too."""
    take(stream.subscribe(group="g", consumer="me", since="start"), 1)
    stream.trim(2)
    missed: list[Gap] = []
    assert ids(stream.subscribe(group="g", consumer="me", overtaken=missed.append)) == IDS[2:]
    assert len(missed) == 1
    assert stream.pending("g") == []


def test_a_group_that_begins_on_a_trimmed_stream(stream: Stream) -> None:
    """Gets what there is, and is told of no gap."""
    stream.trim(2)
    assert ids(stream.subscribe(group="g", since="start")) == IDS[2:]


def test_bad_arguments(stream: Stream) -> None:
    """Are refused at once."""
    with pytest.raises(BadPosition):
        ids(stream.subscribe(group="g", since="yesterday"))
    with pytest.raises(BadWhere):
        ids(stream.subscribe(group="g", where="f()"))


def test_lag(stream: Stream) -> None:
    """How many events a group owes; none for a group that there is not."""
    assert stream.lag("g") is None
    take(stream.subscribe(group="g", since="start"), 1)
    stream.add(GOLDEN[0])
    lag = stream.lag("g")
    assert lag is not None
    assert lag.pending == 5
    assert lag.events in (1, None)  # Redis before 7 does not count


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 3)),
        st.tuples(st.just("take"), st.integers(1, 4), st.sampled_from("ab"), st.sampled_from([0.0, 1e6])),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_consumers_do_both_give_the_same(redis: Redis, steps: list[tuple[Any, ...]]) -> None:
    """Two consumers of a group come, take some events and die, in any order; others take over, or wait."""
    redis.flushall()
    fake, real = FakeStream(GOLDEN), RealStream(redis, Keys("same"))
    real.add(*GOLDEN)
    for what, count, *how in steps:
        given_by = []
        for stream in (fake, real):
            if what == "add":
                stream.add(*GOLDEN[:count])
                continue
            consumer, take_over_s = how
            options = {"group": "g", "consumer": consumer, "since": "start", "take_over_s": take_over_s}
            given_by.append([event.id for event in itertools.islice(stream.subscribe(**options), count)])
            given_by.append(stream.pending("g"))
        assert given_by[:2] == given_by[2:]


def test_twice_shows_who_does_not_deduplicate() -> None:
    """Each event comes twice, with the same id."""
    assert ids(FakeStream(GOLDEN[:2], twice=True).subscribe(group="g", since="start")) == [
        IDS[0], IDS[0], IDS[1], IDS[1],
    ]  # fmt: skip


def test_time_passes_when_told_to() -> None:
    """Then what others left is taken over."""
    stream = FakeStream(GOLDEN)
    take(stream.subscribe(group="g", consumer="dead", since="start"), 1)
    stream.wait(299)
    assert ids(stream.subscribe(group="g", consumer="alive")) == []
    stream.wait(1)
    assert ids(stream.subscribe(group="g", consumer="alive")) == IDS


def test_long_streams_come_in_batches() -> None:
    """As from Redis: a crash leaves at most a batch behind."""
    many = [GOLDEN[0]] * (client.BATCH + 5)
    stream = FakeStream(many)
    take(stream.subscribe(group="g", consumer="me", since="start"), 1)
    assert len(stream.pending("g")) == client.BATCH
    assert len(ids(stream.subscribe(group="g", consumer="me"))) == len(many)


def test_the_documented_example_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The consumer and its tests, as docs/testing-consumers.md shows them, do what they say."""
    page = (ROOT / "docs" / "testing-consumers.md").read_text()
    for name, code in zip(("archive", "test_archive"), fenced(page, "python"), strict=True):
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    shown = importlib.import_module("test_archive")
    tests = [function for name, function in vars(shown).items() if name.startswith("test_")]
    assert len(tests) == 2
    for function in tests:
        function()
    # A consumer that does nothing: the tests notice.
    monkeypatch.setattr(shown, "archive", lambda subscribe, database: None)
    with pytest.raises(AssertionError):
        shown.test_a_crash_loses_nothing()


def test_it_needs_only_redis_and_the_models() -> None:
    """Importing it loads nothing of the worker's heavy parts."""
    code = (
        "import sys, worker.client_testing\n"
        "heavy = {'flask', 'rq', 'trafilatura', 'feedparser', 'structlog', 'typer', 'simpleeval', 'lxml'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "[]\n"
