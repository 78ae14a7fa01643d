"""One poller with many feeds: what is made together stays apart, and no feed holds up another."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from redis import Redis

from jobs.clocks import Learned
from jobs.entry import ParsedFeed
from jobs.keys import Keys
from jobs.ledger import Ledger
from tests.polling import XML, World, feed_of, one_server, rss, story
from tests.server import Request, Response, TestServer
from worker.embedded import EmbeddedRedis
from worker.feeds.parse import parse
from worker.feeds.parser import Parser
from worker.feeds.poller import LEASE_S, PARSERS, POLLS_AT_A_TIME
from worker.feeds.registry import feed_id

FEEDS, ROUNDS = 30, 20
LEAK_BYTES = 300
"""A poll that stays behind is several times that: its answer's headers alone are."""
SLOWLY = "x-slowly"


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server is enough: the poller has no part that differs between two."""
    with one_server() as server:
        yield server


@contextmanager
def parsing(parser: Parser) -> Iterator[Parser]:
    yield parser
    asyncio.run(parser.__aexit__(None, None, None))


def parse_when_told(body: bytes, *, url: str, content_type: str = "") -> ParsedFeed:
    """`parse`, but what is of type `SLOWLY` keeps its process busy until the file that it names is there."""
    if content_type.startswith(SLOWLY):
        released = Path(content_type.partition(" ")[2])
        while not released.exists():
            time.sleep(0.01)
    return parse(body, url=url)


def test_a_feed_that_takes_long_to_parse_holds_up_no_other(
    redis: Redis, keys: Keys, server: TestServer, tmp_path: Path
) -> None:
    """While one document is being parsed, others are polled, parsed and saved; it is recorded in the end."""
    release = tmp_path / "release"
    slow_type = f"{SLOWLY} {release}"
    with parsing(Parser(workers=PARSERS, deadline_s=60, function=parse_when_told)) as parser:
        world = World(redis, keys, server, parser)
        slow = world.add("/slow", Response(body=rss(1), content_type=slow_type))
        quick = [world.add(f"/{n}", feed_of(n)) for n in range(2, 8)]
        unpolled: list[bool] = []

        def done() -> bool:
            if not release.exists() and all(world.feed(url).polled for url in quick):
                unpolled.append(not world.feed(slow).polled)
                release.touch()
            return bool(world.feed(slow).polled)

        world.run(done)
    assert unpolled == [True]
    assert world.links() == story(*range(1, 8))


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer) -> Iterator[World]:
    with parsing(Parser()) as parser:
        yield World(redis, keys, server, parser)


def test_more_feeds_than_are_polled_at_a_time(world: World) -> None:
    """Each is polled once, whatever is due at once."""
    count = POLLS_AT_A_TIME * 2 + 10
    urls = [world.add(f"/{n}", feed_of(1)) for n in range(count)]
    now_ms = int(time.time() * 1000)  # long overdue ones are spread over time
    world.redis.zadd(world.keys.feeds, dict.fromkeys((feed_id(url) for url in urls), now_ms))
    world.run(lambda: waiting(world) == 0)
    assert all(world.feed(url).next for url in urls)
    assert sorted(world.server.paths) == sorted(f"/{n}" for n in range(count))
    assert world.links() == story(1)
    assert not world.raised()


def waiting(world: World) -> int:
    """Feeds that are due or being polled: the others are at least a lease and a minute away (see BOUNDS)."""
    return int(world.redis.zcount(world.keys.feeds, "-inf", (time.time() + LEASE_S + 30) * 1000))


def test_memory_stays_flat(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many polls there were, the poller keeps nothing of them."""
    monkeypatch.setattr("worker.feeds.poller.LONGEST_SLEEP_S", 0.02)  # between two rounds nothing is due
    headers = {"ETag": '"v1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "X-Long": "x" * 2000}

    def answer(request: Request) -> Response:
        if "if-none-match" in request.headers:
            return Response(304, headers=headers)
        return Response(body=rss(1), headers=headers, content_type=XML)

    ids = [world.feed(world.add(f"/{n}", answer)).id for n in range(FEEDS)]
    sizes: list[int] = []

    def done() -> bool:
        if waiting(world):
            return False
        world.server.requests.clear()  # what the test itself keeps, and `World.run`
        structlog.get_config()["processors"][0].entries.clear()
        world.redis.zadd(world.keys.feeds, dict.fromkeys(ids, 0))
        gc.collect()
        sizes.append(tracemalloc.get_traced_memory()[0])
        return len(sizes) > ROUNDS

    tracemalloc.start()
    try:
        world.run(done)
    finally:
        tracemalloc.stop()
    assert not world.raised()
    # The least of some rounds: what is held for a moment differs from round to round.
    grown = min(sizes[-5:]) - min(sizes[5:10])
    assert grown / (FEEDS * (ROUNDS - 10)) < LEAK_BYTES, sizes


def test_reservations_made_together_are_in_turn(redis: Redis, keys: Keys) -> None:
    """Polls of one host are as far apart as if each had asked alone, and other hosts don't wait for them."""
    ledger = Ledger(redis, keys)
    one, other, two, three = ledger.reserve_all(["one.test", "other.test", "one.test", "one.test"], 5)
    assert (one, other) == (0, 0)
    assert isinstance(two, float)
    assert isinstance(three, float)
    assert 4.9 < two <= 5
    assert 9.9 < three <= 10
    assert ledger.reserve("one.test", 5) > 14


def test_polls_saved_together_are_saved_each_for_itself(redis: Redis, keys: Keys) -> None:
    """One that was removed, edited or is broken meanwhile costs the others nothing; the server may forget."""
    ledger = Ledger(redis, keys)
    redis.zadd(keys.feeds, dict.fromkeys(("kept", "edited", "broken", "last"), 0))
    for feed in ("kept", "edited", "last"):
        redis.hset(keys.feed(feed), "url", "https://one.test/feed")
    redis.hset(keys.feed("edited"), "edited", 1)
    redis.set(keys.feed("broken"), "no hash")
    names = ("kept", "removed", "edited", "broken", "last", "kept")
    for _ in range(2):
        polls = [Learned(name, 60, {"etag": f'"{place}"', "error": ""}) for place, name in enumerate(names)]
        kept, removed, edited, broken, last, again = ledger.polled_all(polls)
        assert (kept, removed, edited, last, again) == (True, False, True, True, True)
        assert isinstance(broken, Exception)
        assert redis.hget(keys.feed("kept"), "etag") == b'"5"', "the later one counts"
        assert redis.hget(keys.feed("last"), "etag") == b'"4"'
        assert not redis.hexists(keys.feed("edited"), "etag")
        assert not redis.exists(keys.feed("removed"))
        redis.script_flush()
