"""Whatever command a process dies at, on a link's whole way: no link is lost and no event goes out twice.

The process under test runs poll, dispatch, fetch and article on a Redis connection that counts commands and,
at command N, dies: just before the command is sent, or just after, with its answer lost. From then on nothing
of that process reaches Redis any more. A healthy process then takes over. This is done for every N.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from rq.worker import SimpleWorker

from jobs.entry import Entry
from jobs.keys import STAGES, Keys
from jobs.ledger import Ledger
from jobs.link import OUTCOMES, Found
from jobs.page import Page
from jobs.recurring.store import SiteMemories
from jobs.tasks import Tasks, install
from jobs.urls import link_id
from worker.dead_job import dead_job_maker
from worker.dispatch import Dispatcher
from worker.embedded import EmbeddedRedis
from worker.feeds.registry import Registry
from worker.rqworker import PalmyraWorker

LEASE_S = 0.05
URL = "https://one.test/story"
TEXT = "The caravan road from the coast crossed the desert in nine days, and each day had its well. " * 12
PAGE = f"<html><body><article><h1>Wells</h1><p>{TEXT}</p><p>{TEXT}</p></article></body></html>".encode()


class Died(BaseException):
    """The process is dead: not even `except Exception` sees it."""


class Fate:
    """When the process dies; counts its commands until then."""

    def __init__(self, at: int, *, answered: bool) -> None:
        self.at = at
        self.sent_first = answered
        self.count = 0
        self.dead = False


class MortalConnection(UnixDomainSocketConnection):
    """A connection of a process that dies at its fate's command."""

    fate: Fate

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        fate = self.fate
        if fate.dead:
            # Pipelines that the dead process leaves behind say UNWATCH when they are collected.
            raise RedisConnectionError if b"UNWATCH" in b"".join(command) else Died
        fate.count += 1
        if fate.count == fate.at and not fate.sent_first:
            fate.dead = True
            raise Died
        super().send_packed_command(command, check_health=check_health)
        if fate.count == fate.at:
            # Let the server take it before the socket goes.
            time.sleep(0.002)
            fate.dead = True
            raise Died


def mortal(server: EmbeddedRedis, fate: Fate) -> Redis:
    kind = type("Mortal", (MortalConnection,), {"fate": fate})
    pool = ConnectionPool(connection_class=kind, path=str(server.socket), retry=Retry(NoBackoff(), 0))
    return Redis(connection_pool=pool)


class Quiet(PalmyraWorker, SimpleWorker):
    """A worker without the thread that listens for commands."""

    def subscribe(self) -> None: ...

    def unsubscribe(self) -> None: ...


class Process:
    """Everything that palmyra does with Redis, in one process, step by step."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis, self.keys = redis, keys
        self.ledger = Ledger(redis, keys, lease_s=LEASE_S)
        self.registry = Registry(redis, keys)

    def live(self) -> None:
        """Poll the feed, dispatch and work, as long as there is something to do."""
        self.poll()
        for stage in STAGES:
            worker = Quiet(self.redis, self.keys, stage, f"{stage}-worker", concurrency=5)
            worker.register_birth()  # so that the dispatcher knows of it
        for stage in STAGES:
            self.dispatch()
            self.work(stage)

    def poll(self) -> None:
        self.registry.add("https://one.test/feed")
        for feed_id in self.ledger.due_feeds(10, LEASE_S)[0]:
            found = [Found(link_id(URL), URL, "one.test", 1, Entry(URL, title="Wells"))]
            self.ledger.discover(feed_id, found)
            self.ledger.polled(feed_id, 0.01, {"etag": '"1"'})

    def dispatch(self) -> None:
        make_dead = dead_job_maker(self.redis, self.keys)
        Dispatcher(self.ledger, make_dead, host_delay_s=0, keep_stream_days=1).step()

    def work(self, stage: str) -> None:
        install(
            Tasks(
                ledger=self.ledger,
                download=lambda url, validators=None: Page(url, url, 200, PAGE, "text/html", 1),
                feed_infos=self.registry.infos,
                dead_job=dead_job_maker(self.redis, self.keys),
                worker="tester",
                sites=SiteMemories(self.redis, self.keys),
            )
        )
        Quiet(self.redis, self.keys, stage, f"{stage}-worker", concurrency=5).work(
            burst=True, logging_level=None
        )


def commands(server: EmbeddedRedis, keys: Keys) -> int:
    """How many commands the whole way takes undisturbed."""
    fate = Fate(-1, answered=False)
    Process(mortal(server, fate), keys).live()
    return fate.count


@pytest.mark.timeout(300)
@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
def test_death_at_any_command_loses_and_doubles_nothing(
    redis_server: EmbeddedRedis, redis: Redis, keys: Keys, answered: bool
) -> None:
    """One process dies at command N, another goes on: one event, one outcome, balanced books."""
    count = commands(redis_server, keys)
    assert redis.xlen(keys.stream) == 1
    assert count > 50
    for n in range(1, count + 1):
        redis.flushall()
        fate = Fate(n, answered=answered)
        with contextlib.suppress(Died):
            Process(mortal(redis_server, fate), keys).live()
        assert fate.dead or fate.count < n
        survivor = Process(redis, keys)
        deadline = time.monotonic() + 10
        while not settled(survivor):
            assert time.monotonic() < deadline, f"died at command {n}: {survivor.ledger.story(link_id(URL))}"
            survivor.live()
        assert redis.xlen(keys.stream) == 1, f"died at command {n}"


def settled(process: Process) -> bool:
    """The link has its outcome, and its feed the validators of the document that listed it."""
    totals = process.ledger.totals()
    assert totals["discovered"] == sum(totals[o] for o in OUTCOMES) + totals["in_flight"]
    feeds = process.registry.registered()
    return totals["discovered"] == 1 and totals["in_flight"] == 0 and bool(feeds) and feeds[0].etag == '"1"'
