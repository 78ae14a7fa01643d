"""The article pool: one bad page costs one child and one attempt, and all else goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.entry import Entry
from jobs.keys import ARTICLE, Keys
from jobs.ledger import Ledger
from jobs.link import Found, Story
from jobs.page import Page
from jobs.urls import link_id
from worker.dead_job import dead_job_maker
from worker.dispatch import Dispatcher
from worker.embedded import EmbeddedRedis
from worker.rqworker import free_name

TEXT = "The caravan road from the coast crossed the desert in nine days, and each day had its well. " * 12
PAGE = f"<html><body><article><h1>Wells</h1><p>{TEXT}</p><p>{TEXT}</p></article></body></html>".encode()


@pytest.fixture
def ledger(redis: Redis, keys: Keys) -> Ledger:
    return Ledger(redis, keys)


@pytest.fixture
def pool(
    redis_server: EmbeddedRedis, redis: Redis, keys: Keys, tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A running pool of two."""
    with (tmp_path / "pool.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.pool_process", redis_server.url, keys.namespace],
            stderr=log,
        )
        yield process
    process.kill()
    process.wait()


def dispatcher(ledger: Ledger) -> Dispatcher:
    dead = dead_job_maker(ledger.redis, ledger.keys)
    return Dispatcher(ledger, dead, host_delay_s=0, keep_stream_days=1)


def give(ledger: Ledger, *names: str) -> dict[str, str]:
    """Pages in the article stage, by name; returns the link ids."""
    found = []
    for name in names:
        url = f"https://one.test/{name}"
        found.append(Found(link_id(url), url, "one.test", 1, Entry(url)))
    ledger.discover("feedaaaaaa", found)
    wide = {"fetch_window": 1000, "article_window": 0, "max_pages": 1000, "most": 1000}
    for lease in ledger.lease(host_delay_s=0, **wide).leases:
        begun = ledger.begin(lease.link_id, lease.stage, lease.attempt, "test")
        assert begun is not None
        page = Page(lease.url, lease.url, 200, PAGE, "text/html", 1)
        ledger.store(begun, page.pack(), lease.url, "fetched")
    return {name: link_id(f"https://one.test/{name}") for name in names}


def drive(ledger: Ledger, done: Callable[[], bool], timeout_s: float = 60) -> None:
    """Dispatch until `done`."""
    one = dispatcher(ledger)
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, ledger.in_stages()
        if one.step() > 0:
            ledger.wait_for_work(0.1)


def outcome(ledger: Ledger, link: str) -> Story:
    story = ledger.story(link)
    assert story is not None
    return story


@pytest.mark.timeout(120)
def test_bad_pages_end_with_their_reason_and_all_others_are_published(
    ledger: Ledger, pool: subprocess.Popen[bytes]
) -> None:
    """A hang in C code, a page that eats memory, a crash, a bug: each is failed and explained."""
    good = [f"good-{n}" for n in range(30)]
    links = give(ledger, "hang-1", "memory-1", "crash-1", "bug-1", *good)
    drive(ledger, lambda: ledger.totals()["in_flight"] == 0)
    assert pool.poll() is None, "the pool itself never dies"
    reasons = {
        name: outcome(ledger, links[name]).reason for name in ("hang-1", "memory-1", "crash-1", "bug-1")
    }
    assert reasons == {
        "hang-1": "too_complex",
        "memory-1": "too_complex",
        "crash-1": "poison",
        "bug-1": "poison",
    }
    assert all(outcome(ledger, links[name]).outcome == "published" for name in good)
    assert "ran longer than" in str(outcome(ledger, links["hang-1"]).steps)
    assert {story.link_id for story in ledger.dead()} == {links[name] for name in reasons}
    assert ledger.redis.xlen(ledger.keys.stream) == len(good)


@pytest.mark.timeout(60)
def test_a_stopping_pool_finishes_or_hands_back(ledger: Ledger, pool: subprocess.Popen[bytes]) -> None:
    """SIGTERM in the middle: exit 0 within seconds; what can't finish is due again at once, uncounted."""
    links = give(ledger, "slow-1", "hang-1")
    drive(ledger, lambda: all(outcome(ledger, link).state == "running" for link in links.values()))
    pool.send_signal(signal.SIGTERM)
    assert pool.wait(10) == 0
    assert ledger.totals()["in_flight"] == 2 - ledger.totals()["published"]
    assert outcome(ledger, links["hang-1"]).state in ("ready", "running")
    assert not ledger.totals().get("failed")


@pytest.mark.timeout(60)
def test_a_killed_pool_leaves_no_child(ledger: Ledger, pool: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the parent takes its children with it, and their names are free for the next pool."""
    links = give(ledger, "good-1")
    drive(ledger, lambda: outcome(ledger, links["good-1"]).state == "closed")
    children = [int(p) for p in Path(f"/proc/{pool.pid}/task/{pool.pid}/children").read_text().split()]
    assert len(children) == 2
    pool.kill()
    pool.wait()
    deadline = time.monotonic() + 5
    while any(alive(child) for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert free_name(ledger.redis, ledger.keys, ARTICLE).endswith("-1")


def test_processes_that_start_together_take_different_names(redis: Redis, keys: Keys) -> None:
    """A name is taken before its worker is registered; one that a dead process took is free."""
    first = free_name(redis, keys, ARTICLE)
    assert first.endswith("-1")
    assert free_name(redis, keys, ARTICLE) == first, "it is ours"
    redis.set(keys.name(first), os.getppid())
    assert free_name(redis, keys, ARTICLE).endswith("-2")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    redis.set(keys.name(first), gone.pid)
    assert free_name(redis, keys, ARTICLE) == first
    assert 0 < redis.ttl(keys.name(first)) <= 60


@pytest.mark.timeout(60)
def test_a_child_that_starts_again_never_shares_a_name(ledger: Ledger, pool: subprocess.Popen[bytes]) -> None:
    """Another pool may have taken its name meanwhile; and a job whose child died shows as running no more."""
    redis, keys = ledger.redis, ledger.keys
    links = give(ledger, "slow-1")
    drive(ledger, lambda: outcome(ledger, links["slow-1"]).state == "running")
    worker: Any = next(key for key in redis.smembers("rq:workers") if redis.hget(key, "state") == b"busy")
    name = worker.decode().removeprefix("rq:worker:")
    redis.set(keys.name(name), os.getpid(), ex=60)
    os.kill(int(redis.hget(worker, "pid") or 0), signal.SIGKILL)
    third = f"rq:worker:{name[:-1]}3"
    deadline = time.monotonic() + 20
    while not redis.hexists(third, "pid"):
        assert time.monotonic() < deadline, redis.smembers("rq:workers")
        time.sleep(0.05)
    assert not redis.exists(f"rq:wip:{keys.queue(ARTICLE)}")
    drive(ledger, lambda: outcome(ledger, links["slow-1"]).state == "closed")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
