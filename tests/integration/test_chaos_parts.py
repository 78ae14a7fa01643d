"""The parts of chaos do what they say: a struck Redis is struck, and left-over keys are found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ResponseError

from jobs.keys import Keys
from jobs.ledger import Ledger
from worker import client, factory
from worker.bench.whole import settings_for
from worker.chaos.rest import left_over
from worker.chaos.struck_redis import HOUR_S, UNSYNCED_S, StruckRedis
from worker.commands import look
from worker.config import Settings
from worker.rqworker import WORKER_TTL_S


@pytest.fixture(params=["everysec", "always"])
def struck(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StruckRedis]:
    """A running server."""
    server = StruckRedis(settings_for(tmp_path, {}), tmp_path, request.param)
    server.start()
    yield server
    server.wake()
    server.kill()


def count(server: StruckRedis, redis: Redis, seconds: float) -> None:
    """Write for some time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        redis.incr("n")
        server.look()
        time.sleep(0.01)


def write(redis: Redis) -> None:
    """Far more than there is room for."""
    for number in range(1000):
        redis.set(f"k{number}", b"x" * 10_000)


def test_a_power_loss_takes_what_was_not_synced_and_no_more(struck: StruckRedis) -> None:
    """With `everysec` the last second, of what was written before that nothing; with `always` nothing."""
    with struck.client() as redis:
        count(struck, redis, 0.5)
        safe = int(redis.get("n") or 0)
        count(struck, redis, UNSYNCED_S * 1.2)
        last = int(redis.get("n") or 0)
        struck.lose_power()
        struck.start()
        kept = int(redis.get("n") or 0)
    assert safe <= kept
    assert kept < last if struck.fsync == "everysec" else kept == last


def test_a_full_redis_takes_no_writes_and_then_does_again(struck: StruckRedis) -> None:
    """Memory: an error for each write that needs some."""
    with struck.client() as redis:
        struck.fill()
        with pytest.raises(OutOfMemoryError):
            write(redis)
        struck.empty()
        assert redis.set("k", b"x")


def test_a_full_disk_stops_writes_and_then_does_not(struck: StruckRedis) -> None:
    """With `everysec` Redis refuses writes, with `always` it ends: it could not keep its word."""
    with struck.client() as redis:
        redis.set("k", b"x")
        struck.fill_disk()
        with pytest.raises((ResponseError, RedisConnectionError)):
            write(redis)
        struck.free_disk()
        deadline = time.monotonic() + 20
        while not takes(struck, redis):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def takes(server: StruckRedis, redis: Redis) -> bool:
    """Does it take a write? When it ended, it is started first."""
    if not server.pid:
        server.start()
    try:
        return bool(redis.set("k", b"y"))
    except (ResponseError, RedisConnectionError):
        return False


def test_the_clock_goes_ahead_and_back(struck: StruckRedis) -> None:
    """Redis's own where there is a C compiler; else the ledger's, which goes ahead only."""
    with struck.client() as redis:
        before = redis.time()[0]
        struck.set_clock(HOUR_S, "t")
        if struck.clock.library is None:
            assert redis.hget("t", "offset") == str(HOUR_S * 1000).encode()
            return
        assert redis.time()[0] - before == pytest.approx(HOUR_S, abs=30)
        struck.set_clock(0, "t")
        assert redis.time()[0] - before == pytest.approx(0, abs=30)


def test_a_key_that_nobody_knows_or_that_should_go_and_does_not_is_left_over(
    redis: Redis, keys: Keys
) -> None:
    """What is kept on purpose is not, nor what expires as it should."""
    redis.set(keys.stream, "kept")
    redis.set(keys.slot("h"), "1", ex=5)
    redis.hset(f"rq:job:{keys.job('a' * 16, 'fetch', 1)}", "data", "x")
    redis.expire(f"rq:job:{keys.job('a' * 16, 'fetch', 1)}", 60)
    wip = f"rq:wip:{keys.queue('fetch')}"
    redis.zadd(wip, {f"{keys.job('c' * 16, 'fetch', 1)}:e": time.time() + 60})
    redis.hset(f"rq:execution:{keys.job('c' * 16, 'fetch', 1)}:e", "id", "e")
    redis.hset(f"rq:job:{keys.job('c' * 16, 'fetch', 1)}", "data", "x")
    assert list(left_over(redis, keys)) == []
    redis.set(keys.slot("i"), "1")
    redis.hset(f"rq:job:{keys.job('b' * 16, 'fetch', 1)}", "data", "x")
    redis.zadd(keys.open, {"b" * 16: 1})
    redis.zadd(wip, {f"{keys.job('c' * 16, 'fetch', 1)}:e": time.time() + 600})
    assert len(list(left_over(redis, keys))) == 6


def test_a_pause_ends_in_time_though_the_clock_of_redis_is_set_back(redis: Redis, keys: Keys) -> None:
    """Its key then lives an hour longer: what counts is the ledger's own clock. Chaos found this."""
    ledger = Ledger(redis, keys)
    ledger.block("h", 0.2)
    assert ledger.ask("h", "me", 1) > 0
    redis.pexpire(keys.asked("h"), HOUR_S * 1000)
    time.sleep(0.25)
    assert ledger.ask("h", "me", 1) == 0
    assert ledger.ask("h", "somebody else", 1) > 0
    redis.pexpire(keys.asked("h"), HOUR_S * 1000)
    assert 0 < ledger.reserve("h", 1) <= 1


def test_no_reading_blocks_for_longer_than_its_answer_is_waited_for() -> None:
    """Else it ends as an error, and what it was given is with nobody. Chaos found this."""
    connection: Any = Redis().connection_pool.make_connection()
    default_s = connection.socket_timeout
    assert default_s is None or default_s * 1000 > max(client.BLOCK_MS, look.FOLLOW_MS)
    patient = factory.connect(Settings.model_validate({"redis_url": "redis://one.test/0"}))
    timeout_s = patient.connection_pool.connection_kwargs["socket_timeout"]
    assert timeout_s > WORKER_TTL_S - 15, "as long as RQ's workers wait on their queue"
    shorter = factory.connect(Settings.model_validate({"redis_url": "redis://one.test/0?socket_timeout=2"}))
    assert shorter.connection_pool.connection_kwargs["socket_timeout"] == 2, "the operator's word holds"
