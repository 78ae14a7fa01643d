"""Subscribing: every event at least once, acknowledged after the work, over crashes and outages."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.event import encode, envelope
from jobs.extract.draft import Draft
from jobs.keys import Keys
from jobs.withdrawal import Withdrawal
from tests.unit.test_article import built
from worker.client import BadPosition, Lag, Overtaken, lag, position, subscribe
from worker.embedded import EmbeddedRedis
from worker.stream import Gap, trim
from worker.where import BadWhere

NS = "subs"
STREAM = f"{NS}:articles"


KEYS = Keys(NS)


@pytest.fixture(autouse=True)
def nothing_before(redis: Redis) -> None:
    redis.delete(STREAM, KEYS.edge)


def publish(redis: Redis, *headlines: str) -> None:
    for headline in headlines:
        article = built(Draft(headline=headline, text="Text."))
        event = envelope(article, kind="published", namespace=NS, time_ms=1_700_000_000_000)
        redis.xadd(STREAM, {"id": event["id"], "type": event["type"], "event": encode(event)})


def headlines(redis: Redis, consumer: str = "me", **options: Any) -> Iterator[str | None]:
    asked: dict[str, Any] = {"group": "g", "since": "start", "follow": False} | options
    for event in subscribe(redis, consumer=consumer, namespace=NS, **asked):
        yield event.data.headline


def pending(redis: Redis) -> int:
    found = lag(redis, "g", namespace=NS)
    assert found is not None
    return found.pending


def test_an_event_is_acknowledged_when_the_next_is_asked_for(redis: Redis) -> None:
    """Not before: what a consumer was given and did not finish comes again."""
    publish(redis, "A", "B", "C")
    read = headlines(redis)
    assert list(islice(read, 2)) == ["A", "B"]
    assert pending(redis) == 2, "A is done"
    read.close()  # type: ignore[attr-defined]  # it is a generator
    assert list(headlines(redis)) == ["B", "C"]
    assert (list(headlines(redis)), pending(redis)) == ([], 0)


def test_a_loop_body_that_raises_gets_its_event_again(redis: Redis) -> None:
    """The work was not done."""
    publish(redis, "A", "B")

    def work() -> None:
        for _ in headlines(redis):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert list(headlines(redis)) == ["A", "B"]


def test_every_group_gets_every_event(redis: Redis) -> None:
    """Whatever the others did; a group's consumers share them."""
    publish(redis, "A", "B")
    assert list(headlines(redis)) == list(headlines(redis, group="other")) == ["A", "B"]
    assert list(headlines(redis, consumer="you")) == []


def test_what_a_dead_consumer_left_is_taken_over(redis: Redis) -> None:
    """By whoever of its group is there, once it has been idle long enough."""
    publish(redis, "A", "B")
    next(headlines(redis, consumer="dead"))
    assert list(headlines(redis)) == []
    time.sleep(0.05)
    assert list(headlines(redis, take_over_s=0.02)) == ["A", "B"]
    assert pending(redis) == 0


def test_what_was_trimmed_while_pending_stops_nobody(redis: Redis) -> None:
    """An entry that is no more is acknowledged, and so is one that holds no event."""
    publish(redis, "A", "B")
    next(headlines(redis))
    redis.xtrim(STREAM, maxlen=1, approximate=False)
    redis.xadd(STREAM, {"event": "not one"})
    publish(redis, "C")
    assert list(headlines(redis)) == ["B", "C"]
    assert pending(redis) == 0


def entries(redis: Redis) -> list[str]:
    found: Any = redis.xrange(STREAM)
    return [entry_id.decode() for entry_id, _ in found]


def tidy(redis: Redis) -> None:
    """What the dispatcher does each minute."""
    trim(redis, KEYS, keep_days=3650)


def overtake(redis: Redis) -> tuple[list[str], str]:
    """A group read one event of four, and an operator left the last one; their ids, and the one read."""
    publish(redis, "A")
    assert list(headlines(redis)) == ["A"]
    publish(redis, "B", "C", "D")
    tidy(redis)
    ids = entries(redis)
    redis.xtrim(STREAM, maxlen=1, approximate=False)
    return ids, ids[0]


@pytest.mark.parametrize("noticed", ["by the consumer", "by the dispatcher"])
def test_a_consumer_that_was_overtaken_is_told_so(redis: Redis, noticed: str) -> None:
    """Once, before what comes after the gap; subscribing again goes on there, and misses no more."""
    ids, read = overtake(redis)
    if noticed == "by the dispatcher":
        tidy(redis)
    with pytest.raises(Overtaken, match=f"'g' was overtaken: events after {read}") as told:
        list(headlines(redis))
    assert (told.value.missed.after, ids[2] <= told.value.missed.until < ids[3]) == (read, True)
    assert list(headlines(redis)) == ["D"]
    publish(redis, "E")
    tidy(redis)
    assert list(headlines(redis)) == ["E"]


def test_a_consumer_may_be_told_by_a_call(redis: Redis) -> None:
    """Then it goes on at once; of a group's consumers one is told."""
    overtake(redis)
    told: list[Gap] = []
    assert list(headlines(redis, overtaken=told.append)) == ["D"]
    publish(redis, "E")
    assert list(headlines(redis, consumer="you", overtaken=told.append)) == ["E"]
    assert len(told) == 1


def test_what_was_given_and_then_trimmed_is_told_too(redis: Redis) -> None:
    """It can't come again; what is left of it does. Also to who takes it over."""
    for consumer, taken_over_by in (("me", "me"), ("dead", "me")):
        redis.delete(STREAM, KEYS.edge)
        publish(redis, "A", "B", "C")
        assert next(headlines(redis, consumer=consumer)) == "A"
        tidy(redis)
        gone = entries(redis)[:2]
        redis.xtrim(STREAM, maxlen=1, approximate=False)
        time.sleep(0.03)
        told: list[Gap] = []
        read = headlines(redis, consumer=taken_over_by, take_over_s=0.01, overtaken=told.append)
        assert list(read) == ["C"]
        # Redis 6.2 tells a new owner of what is gone only when it asks again for what is its own.
        assert list(headlines(redis, consumer=taken_over_by, overtaken=told.append)) == []
        assert [one.until for one in told] == [gone[1]]
        assert told[0].after < gone[0]
        assert pending(redis) == 0


def test_what_was_withdrawn_is_no_gap(redis: Redis) -> None:
    """Whether it was the oldest entry or not, given already or not: its withdrawal comes."""
    takedown = Withdrawal(redis, KEYS, lambda ids: [], keep_ledger_days=1)
    publish(redis, "A", "B", "C")
    link = built(Draft()).id
    assert next(headlines(redis)) == "A"
    tidy(redis)
    takedown.withdraw(link, url="https://www.example.org/1")
    assert entries(redis) == []
    publish(redis, "D")
    assert list(headlines(redis)) == ["D"]
    tidy(redis)
    assert (list(headlines(redis)), pending(redis)) == ([], 0)


def test_nobody_is_told_without_need(redis: Redis) -> None:
    """What we trim was read; a group that is made later begins with what there is."""
    publish(redis, "A", "B")
    assert list(headlines(redis)) == ["A", "B"]
    redis.xtrim(STREAM, maxlen=0, approximate=False)
    publish(redis, "C")
    tidy(redis)
    redis.xgroup_create(STREAM, "by hand", id="0")
    for group, since in (("g", "start"), ("late", "start"), ("ago", "30d"), ("by hand", "start")):
        assert list(headlines(redis, group=group, since=since)) == ["C"]


def test_a_user_that_may_not_look_reads_all_the_same(redis: Redis, redis_server: EmbeddedRedis) -> None:
    """Whoever may read the stream and nothing else is told of no gap, in the log."""
    overtake(redis)
    allowed = ["+xreadgroup", "+xack", "+xautoclaim", "+xgroup|create", "+exists"]
    rules: Any = {"keys": [STREAM], "commands": allowed, "enabled": True, "nopass": True}
    redis.acl_setuser("reader", **rules, reset=True)
    reader = Redis.from_url(redis_server.url, username="reader", password="x")
    try:
        assert list(headlines(reader)) == ["D"]
    finally:
        redis.acl_deluser("reader")


def test_only_what_is_wanted_is_given(redis: Redis) -> None:
    """The rest is acknowledged unseen."""
    publish(redis, "A", "B", "C")
    assert list(headlines(redis, where=lambda data: data["headline"] > "A")) == ["B", "C"]
    assert pending(redis) == 0


def test_where_a_new_group_begins(redis: Redis) -> None:
    """At the start, after an event, some time ago, or now; a group that exists goes on where it was."""
    publish(redis, "A", "B")
    first: Any = redis.xrange(STREAM, count=1)
    assert list(headlines(redis, group="a", since="1h")) == ["A", "B"]
    assert list(headlines(redis, group="b", since=first[0][0].decode())) == ["B"]
    assert list(headlines(redis, group="c", since="new")) == []
    publish(redis, "C")
    assert list(headlines(redis, group="c", since="start")) == ["C"]
    with pytest.raises(BadPosition, match="'yesterday' is not a place"):
        next(headlines(redis, since="yesterday"))
    assert position("12-3") == "12-3"


def test_replay_goes_live_without_a_gap_or_a_repeat(redis: Redis) -> None:
    """What is published while a consumer catches up comes once, in order."""
    names = [f"{n:03d}" for n in range(300)]
    publish(redis, *names[:150])
    writer = threading.Thread(target=publish, args=(redis, *names[150:]))
    writer.start()
    got = list(islice(headlines(redis, follow=True), 300))
    writer.join()
    assert got == names


def test_lag(redis: Redis) -> None:
    """What a group has not been given, what it owes, and how old that is."""
    assert lag(redis, "g", namespace=NS) is None
    publish(redis, "A", "B", "C")
    assert list(islice(headlines(redis), 1)) == ["A"]
    found = lag(redis, "g", namespace=NS)
    assert found in (Lag(0, 3, 0.0), Lag(None, 3, 0.0)), "one batch was given, nothing of it is acknowledged"
    assert lag(redis, "nobody", namespace=NS) is None


def test_redis_restarts(socket_folder: Path) -> None:
    """A consumer waits, goes on where it was, and makes its group again when Redis came back empty."""
    got: list[str | None] = []
    options = {"appendonly": "yes", "appendfsync": "always"}
    server = EmbeddedRedis(socket_folder, socket_folder / "redis.sock", options=options)
    redis = Redis.from_url(server.url)

    def consume() -> None:
        for headline in headlines(Redis.from_url(server.url), follow=True):
            got.append(headline)
            if headline == "last":
                return

    with server:
        reader = threading.Thread(target=consume, daemon=True)
        reader.start()
        publish(redis, "A")
        wait_until(lambda: got == ["A"])
    with server:
        publish(redis, "B")
        wait_until(lambda: "B" in got)
        redis.flushall()
        publish(redis, "C", "last")
        reader.join(30)
    assert not reader.is_alive()
    assert list(dict.fromkeys(got)) == ["A", "B", "C", "last"]


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="palmyra-test-") as folder:
        yield Path(folder)


def wait_until(done: Any, seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


def test_an_expression_selects_and_withdrawals_pass_it(redis: Redis) -> None:
    """`where` as text: what does not match is acknowledged unseen; what takes an article down comes."""
    publish(redis, "A", "B")
    gone = built(Draft(text="")).model_copy(update={"revision": 2})
    event = envelope(gone, kind="withdrawn", namespace=NS, time_ms=1_700_000_000_000)
    redis.xadd(STREAM, {"id": event["id"], "type": event["type"], "event": encode(event)})
    read = subscribe(redis, group="g", namespace=NS, since="start", follow=False, where='headline == "B"')
    assert [(event.type.name, event.data.headline) for event in read] == [
        ("PUBLISHED", "B"), ("WITHDRAWN", None)
    ]  # fmt: skip
    assert pending(redis) == 0


def test_a_bad_expression_is_said_before_anything_is_read(redis: Redis) -> None:
    """With the nearest name; and no group is made."""
    publish(redis, "A")
    with pytest.raises(BadWhere, match=r"no field is called headlines \(did you mean headline\?\)"):
        next(headlines(redis, where='headlines == "B"'))
    assert lag(redis, "g", namespace=NS) is None
