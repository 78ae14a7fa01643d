"""Trimming the stream: what is old goes, what somebody still needs stays, whatever its age."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from jobs.keys import Keys
from worker.stream import MOST_COUNTED, Group, size_bytes, trim
from worker.stream import groups as all_groups

DAY_MS = 86_400_000
KEEP_DAYS = 7


@pytest.fixture
def stream(redis: Redis, keys: Keys) -> str:
    """Ten events, one a day: the oldest ten days old. Those numbered 0, 1, 2 are older than is kept."""
    now_ms = int(time.time() * 1000)
    for number in range(10):
        redis.xadd(keys.stream, {"n": number}, id=f"{now_ms - (10 - number) * DAY_MS + 1000}-5")
    return keys.stream


def left(redis: Redis, stream: str) -> list[int]:
    entries: Any = redis.xrange(stream)
    return [int(fields[b"n"]) for _, fields in entries]


def read(redis: Redis, stream: str, group: str, count: int) -> list[bytes]:
    """Deliver some events to a consumer of a group; returns their ids."""
    got: Any = redis.xreadgroup(group, "c", {stream: ">"}, count=count)
    return [entry_id for entry_id, _ in got[0][1]] if got else []


def test_old_events_go(redis: Redis, keys: Keys, stream: str) -> None:
    """Without groups, age alone decides; a second call finds nothing to do."""
    assert trim(redis, keys, keep_days=KEEP_DAYS) == 3
    assert left(redis, stream) == list(range(3, 10))
    assert trim(redis, keys, keep_days=KEEP_DAYS) == 0


def test_part_days_count(redis: Redis, keys: Keys, stream: str) -> None:
    """PALMYRA_KEEP_STREAM may be half a day."""
    trim(redis, keys, keep_days=0.5)
    assert left(redis, stream) == []


def test_no_stream_is_no_error(redis: Redis, keys: Keys) -> None:
    """Before the first event there is nothing to trim, and none is made."""
    assert trim(redis, keys, keep_days=KEEP_DAYS) == 0
    assert not redis.exists(keys.stream)


def test_what_a_group_has_not_read_stays(redis: Redis, keys: Keys, stream: str) -> None:
    """A consumer that was away for ten days misses nothing."""
    redis.xgroup_create(stream, "slow", id="0")
    assert trim(redis, keys, keep_days=KEEP_DAYS) == 0
    redis.xack(stream, "slow", *read(redis, stream, "slow", 2))
    assert trim(redis, keys, keep_days=KEEP_DAYS) == 2
    assert left(redis, stream) == list(range(2, 10))


def test_what_was_read_but_not_acknowledged_stays(redis: Redis, keys: Keys, stream: str) -> None:
    """A consumer that died over an event gets it again; what came after it waits too."""
    redis.xgroup_create(stream, "group", id="0")
    ids = read(redis, stream, "group", 10)
    redis.xack(stream, "group", ids[0], ids[2])
    trim(redis, keys, keep_days=KEEP_DAYS)
    assert left(redis, stream) == list(range(1, 10))
    redis.xack(stream, "group", ids[1])
    trim(redis, keys, keep_days=KEEP_DAYS)
    assert left(redis, stream) == list(range(3, 10))


def test_the_slowest_group_decides(redis: Redis, keys: Keys, stream: str) -> None:
    """However many there are, and in whatever order they were made."""
    for group in ("fast", "slow", "newest"):
        redis.xgroup_create(stream, group, id="$" if group == "newest" else "0")
    redis.xack(stream, "fast", *read(redis, stream, "fast", 10))
    redis.xack(stream, "slow", *read(redis, stream, "slow", 1))
    trim(redis, keys, keep_days=KEEP_DAYS)
    assert left(redis, stream) == list(range(1, 10))


def test_a_group_that_is_removed_holds_nothing_back(redis: Redis, keys: Keys, stream: str) -> None:
    """That is how an operator gives up a consumer for good."""
    redis.xgroup_create(stream, "gone", id="0")
    redis.xgroup_destroy(stream, "gone")
    assert trim(redis, keys, keep_days=KEEP_DAYS) == 3


def test_events_of_one_millisecond_are_told_apart(redis: Redis, keys: Keys) -> None:
    """The second half of an id counts: of two events in one millisecond the unread one stays."""
    for number in range(3):
        redis.xadd(keys.stream, {"n": number}, id=f"1000-{number}")
    redis.xgroup_create(keys.stream, "group", id="0")
    redis.xack(keys.stream, "group", *read(redis, keys.stream, "group", 1))
    trim(redis, keys, keep_days=KEEP_DAYS)
    assert left(redis, keys.stream) == [1, 2]


GROUPS = st.lists(st.tuples(st.integers(0, 12), st.sets(st.integers(0, 11))), max_size=3)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(groups=GROUPS)
def test_nothing_that_is_needed_is_ever_trimmed(
    redis: Redis, keys: Keys, groups: list[tuple[int, set[int]]]
) -> None:
    """Whatever any group has read and acknowledged: its pending and unread events are there afterwards."""
    redis.delete(keys.stream, keys.edge)
    for number in range(12):
        redis.xadd(keys.stream, {"n": number}, id=f"{1000 + number // 2}-{number % 2 + 1}")
    needed: set[int] = set()
    for name, (count, acknowledged) in enumerate(groups):
        redis.xgroup_create(keys.stream, f"g{name}", id="0")
        ids = read(redis, keys.stream, f"g{name}", count) if count else []
        done = [entry_id for number, entry_id in enumerate(ids) if number in acknowledged]
        if done:
            redis.xack(keys.stream, f"g{name}", *done)
        needed |= set(range(12)) - {number for number in acknowledged if number < count}
    trim(redis, keys, keep_days=KEEP_DAYS)
    assert left(redis, keys.stream) == list(range(min(needed, default=12), 12))
    assert not any(group.overtaken for group in all_groups(redis, keys))


# -- retention by size -------------------------------------------------------------------------------------


def fill(redis: Redis, keys: Keys, count: int = 2000) -> int:
    """A stream of events that are too young to go; returns its size."""
    with redis.pipeline(transaction=False) as pipe:
        for number in range(count):
            pipe.xadd(keys.stream, {"n": number, "event": "x" * 1000})
        pipe.execute()
    return size_bytes(redis, keys)


def test_a_stream_over_its_size_loses_its_oldest(redis: Redis, keys: Keys) -> None:
    """However young they are, and no more of them than is needed."""
    size = fill(redis, keys)
    assert trim(redis, keys, keep_days=KEEP_DAYS, keep_bytes=2 * size) == 0
    dropped = trim(redis, keys, keep_days=KEEP_DAYS, keep_bytes=size // 2)
    assert 800 <= dropped <= 1200
    assert left(redis, keys.stream) == list(range(dropped, 2000))
    assert size_bytes(redis, keys) < 0.6 * size


def test_size_takes_nothing_that_a_group_needs(redis: Redis, keys: Keys) -> None:
    """Then the stream is larger than it may be, which `doctor` says."""
    size = fill(redis, keys)
    redis.xgroup_create(keys.stream, "slow", id="0")
    redis.xack(keys.stream, "slow", *read(redis, keys.stream, "slow", 250))
    assert trim(redis, keys, keep_days=KEEP_DAYS, keep_bytes=size // 2) == 250


# -- who is behind -----------------------------------------------------------------------------------------


def test_groups_tell_how_far_they_are(redis: Redis, keys: Keys, stream: str) -> None:
    """The one that is furthest behind first; an unacknowledged event counts as much as one unread."""
    for name in ("done", "slow", "stuck"):
        redis.xgroup_create(stream, name, id="0")
    redis.xack(stream, "done", *read(redis, stream, "done", 10))
    redis.xack(stream, "slow", *read(redis, stream, "slow", 4))
    redis.xack(stream, "stuck", *read(redis, stream, "stuck", 10)[1:])
    now_ms = int(time.time() * 1000)
    stuck, slow, done = all_groups(redis, keys)
    assert (stuck.name, stuck.events, stuck.pending) == ("stuck", 0, 1)
    assert (slow.name, slow.events, slow.pending) == ("slow", 6, 0)
    assert done == Group("done", 0, 0, None, overtaken=False)
    days = [group.behind_s(now_ms) * 1000 / DAY_MS for group in (stuck, slow, done)]
    assert days == pytest.approx([10, 6, 0], abs=0.01)


def test_unread_events_are_counted_where_the_server_does_not(redis: Redis, keys: Keys) -> None:
    """Before Redis 7, and where an entry was deleted: up to a limit, since they are read for it."""
    fill(redis, keys, MOST_COUNTED + 10)
    redis.xgroup_create(keys.stream, "g", id="0")
    entries: Any = redis.xrange(keys.stream, count=6)
    read(redis, keys.stream, "g", 3)
    redis.xdel(keys.stream, entries[5][0])
    (group,) = all_groups(redis, keys)
    assert group.events in (MOST_COUNTED, MOST_COUNTED + 6)


def test_no_stream_has_no_groups(redis: Redis, keys: Keys) -> None:
    """Before the first event."""
    assert all_groups(redis, keys) == []
