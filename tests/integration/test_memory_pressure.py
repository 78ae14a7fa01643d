"""A Redis that gets full: old pages go, then polling stops; links and unread events stay. On both servers."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from redis import Redis
from redis.exceptions import OutOfMemoryError

from jobs.entry import Entry
from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.urls import link_id
from tests.command import Palmyra
from worker import memory
from worker.collector import RedisCollector
from worker.embedded import EmbeddedRedis
from worker.feeds.registry import Registry
from worker.memory import DROP_AT, RESUME_AT, STOP_AT, Keeper, Memory

PAGE = 20_000
DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def unlimited(redis: Redis) -> Iterator[None]:
    yield
    redis.config_set("maxmemory", "0")


def pages(redis: Redis, keys: Keys, count: int, first: int = 0) -> list[str]:
    """Keep so many pages, the oldest first; returns their links."""
    links = [f"page{number:012}" for number in range(first, first + count)]
    for number, link in enumerate(links):
        redis.set(keys.page(link), os.urandom(PAGE), px=DAY_MS + 60_000 * number)
    return links


def ballast(redis: Redis) -> None:
    """Something large, beside which connections and their buffers do not count; made by the server itself."""
    redis.setrange("ballast", 60_000_000, "x")


def fill_to(redis: Redis, keys: Keys, share: float) -> Memory:
    """Set `maxmemory` so that this share of it is used."""
    redis.config_set("maxmemory", int(memory.read(redis, keys).used_bytes / share))
    return memory.read(redis, keys)


def kept(redis: Redis, keys: Keys, links: list[str]) -> list[bool]:
    return [bool(redis.exists(keys.page(link))) for link in links]


def test_the_oldest_pages_go_at_80_percent_until_there_is_room(redis: Redis, keys: Keys) -> None:
    """No more than that, and it is counted."""
    links = pages(redis, keys, 300)
    fill_to(redis, keys, 0.75)
    Keeper(redis, keys).look()
    assert all(kept(redis, keys, links)), "nothing goes before"
    fill_to(redis, keys, 0.83)
    now = Keeper(redis, keys).look()
    assert now.share < DROP_AT
    there = kept(redis, keys, links)
    assert there == sorted(there), "the oldest went first"
    assert 0 < there.count(False) < 150
    noted = memory.read(redis, keys)
    assert noted.dropped == there.count(False)
    assert noted.dropped_bytes == noted.dropped * PAGE
    assert noted.dropped_at_ms > time.time() * 1000 - 60_000


def test_links_their_pages_and_unread_events_stay(redis: Redis, keys: Keys) -> None:
    """However full it is: even a Redis that takes no writes any more gets its room back by pages alone."""
    ledger = Ledger(redis, keys)
    urls = [f"https://news.test/{number}" for number in range(20)]
    found = [Found(link_id(url), url, "news.test", 1000, Entry(url)) for url in urls]
    ledger.discover("feedaaaaaa", found)
    own = [link.id for link in found]
    for link in own:
        redis.set(keys.page(link), os.urandom(PAGE), px=1_000_000)  # older than all others
    redis.xadd(keys.stream, {"event": "unread"})
    links = pages(redis, keys, 200)
    fill_to(redis, keys, 1.02)
    with pytest.raises(OutOfMemoryError):
        redis.set("x", "y")
    Keeper(redis, keys).look()
    redis.set("x", "y")
    assert all(kept(redis, keys, own)), "open links need their pages"
    assert ledger.totals()["in_flight"] == len(own)
    assert redis.xlen(keys.stream) == 1
    assert not all(kept(redis, keys, links))


def test_polling_stops_at_90_percent_and_goes_on_a_good_deal_below(redis: Redis, keys: Keys) -> None:
    """It is said loudly, kept for whoever asks, and one poller more or less changes nothing."""
    ballast(redis)
    one, other = Keeper(redis, keys), Keeper(redis, keys)
    for share, stopped in ((0.88, False), (0.91, True), (0.87, True), (0.91, True), (0.83, False)):
        fill_to(redis, keys, share)
        with structlog.testing.capture_logs() as logged:
            found = one.look()
            other.look()
        assert one.polling_stopped is other.polling_stopped is stopped, share
        assert found.polling_stopped is memory.read(redis, keys).polling_stopped is stopped
        said = {line["event"]: line["log_level"] for line in logged}
        if share == 0.83:
            assert said["polling_goes_on"] == "warning"
    assert STOP_AT > RESUME_AT > DROP_AT
    assert not redis.hexists(keys.memory, "stopped")


def test_it_says_so_when_polling_stops(redis: Redis, keys: Keys) -> None:
    """As an error, at once and then a time a minute."""
    ballast(redis)
    fill_to(redis, keys, 0.95)
    keeper = Keeper(redis, keys)
    with structlog.testing.capture_logs() as logged:
        keeper.look()
        keeper.look()
    (line,) = [one for one in logged if one["event"] == "polling_stopped"]
    assert (line["log_level"], line["share"]) == ("error", pytest.approx(0.95, abs=0.02))
    assert "maxmemory" in line["mend"]


def test_metrics_tell_of_it(redis: Redis, keys: Keys) -> None:
    """Whether polling stands still, and how many pages went."""
    ballast(redis)
    pages(redis, keys, 100)
    collector = RedisCollector(redis, keys, Ledger(redis, keys), Registry(redis, keys))

    def told() -> tuple[float, float]:
        found = {metric.name: metric.samples[0].value for metric in collector.collect() if metric.samples}
        return found["palmyra_polling_paused"], found["palmyra_pages_dropped"]

    assert told() == (0, 0)
    fill_to(redis, keys, 0.95)
    keeper = Keeper(redis, keys)
    keeper.look()
    paused, dropped = told()
    assert (paused, dropped) == (1, 100), "pages go first, which does not suffice here"
    redis.config_set("maxmemory", 0)
    keeper.look()
    assert told() == (0, 100)


def test_without_a_limit_nothing_happens(redis: Redis, keys: Keys) -> None:
    """``maxmemory 0``, as Redis comes."""
    links = pages(redis, keys, 5)
    keeper = Keeper(redis, keys)
    assert keeper.look().share == 0
    assert not keeper.polling_stopped
    assert all(kept(redis, keys, links))


def test_a_redis_that_goes_away_ends_no_keeper(tmp_path: Any) -> None:
    """It looks again; what it knew holds meanwhile."""
    stop = threading.Event()
    with EmbeddedRedis(tmp_path, tmp_path / "redis.sock", options={"appendonly": "no"}) as server:
        redis = Redis.from_url(server.url)
        keeper = Keeper(redis, Keys("t"))
        running = threading.Thread(target=keeper.run, args=(stop,))
        running.start()
        server.stop()
        time.sleep(1.2)
        assert running.is_alive()
    stop.set()
    running.join(10)
    assert not running.is_alive()


def test_a_poller_process_stops_polling_and_goes_on(
    redis: Redis, redis_server: EmbeddedRedis, tmp_path: Any
) -> None:
    """A real `palmyra poll`: a feed that is due is not asked while Redis is full, and is when it is not."""
    palmyra = Palmyra(redis, redis_server.url, tmp_path)
    ballast(redis)
    fill_to(redis, palmyra.keys, 0.93)
    poller = palmyra.start("poll")
    try:
        _until(lambda: redis.hexists(palmyra.keys.memory, "stopped"))
        palmyra.registry.add("http://127.0.0.1:9/feed")
        (feed,) = palmyra.registry.registered()
        time.sleep(2.5)
        asked = palmyra.registry.get(feed.id)
        assert asked is not None
        assert asked.polled == 0
        redis.config_set("maxmemory", "0")
        _until(lambda: bool(palmyra.registry.registered()[0].polled))
        assert not redis.hexists(palmyra.keys.memory, "stopped")
    finally:
        poller.terminate()
        _, err = poller.communicate(timeout=20)
    assert poller.returncode == 0
    assert "polling_stopped" in err
    assert "polling_goes_on" in err


def _until(holds: Any) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
