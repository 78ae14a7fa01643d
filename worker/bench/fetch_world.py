"""The world of `palmyra bench fetch`: a Redis, a dispatcher, slow sites, and one fetch process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from jobs.entry import Entry
from jobs.keys import FETCH
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.urls import domain, link_id
from worker import factory
from worker.bench.fetch_server import address
from worker.bench.whole import DidNotFinish, end_with_us, settings_for, started, stop, wait_for
from worker.config import Settings
from worker.dead_job import dead_job_maker
from worker.dispatch import Dispatcher
from worker.embedded import EmbeddedRedis

FEED = "benchfetch"
READY_WITHIN_S = 60.0
NO_ARTICLES = 1_000_000
"""Pages may wait: nobody makes articles of them here."""


@dataclass(frozen=True, slots=True)
class Sites:
    """The server of the pages."""

    pid: int
    port: int
    page_bytes: list[int]
    wire_bytes: list[int]
    """As sent; page by page, as `page_bytes`."""


@contextmanager
def sites(delay_s: float) -> Iterator[Sites]:
    """Run the server; a page comes after this delay."""
    process = subprocess.Popen(
        [sys.executable, "-m", "worker.bench.fetch_server", "--delay", str(delay_s)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=end_with_us,
    )
    try:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise DidNotFinish("the server of the pages did not start; its error is above")
        said: dict[str, Any] = json.loads(line)
        yield Sites(process.pid, **said)
    finally:
        stop(process)
        if process.stdout:
            process.stdout.close()


@dataclass(slots=True)
class World:
    """What runs."""

    settings: Settings
    redis: Redis
    ledger: Ledger
    sites: Sites
    home: Path
    hosts: int
    redis_pid: int
    given: int = 0
    """Links so far."""
    _log: Path = field(default_factory=Path)

    def give(self, count: int) -> None:
        """Open so many new links, on the hosts in turn."""
        found = []
        for number in range(self.given, self.given + count):
            url = f"http://{address(number % self.hosts)}:{self.sites.port}/page/{number}"
            found.append(Found(link_id(url), url, domain(url), number, Entry(url)))
        self.ledger.discover(FEED, found)
        self.given += count

    def fetched(self) -> int:
        """Pages that are stored."""
        return self.ledger.in_stages()["article_ready"]

    def settle(self, within_s: float) -> None:
        """Wait until every link's page is stored.

        Raises:
            DidNotFinish: not within this time; the message has the end of the worker's log.
        """
        wait_for(lambda: self.fetched() >= self.given, within_s, f"{self.given} pages", self._log)

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run `palmyra work fetch`; ready when it is registered."""
        self._log = self.home / "fetch.log"
        process = started(
            "worker.cli", "work", "fetch", home=self.home, settings=self.settings, log=self._log
        )
        key = WORKERS_BY_QUEUE_KEY % self.ledger.keys.queue(FETCH)
        try:
            wait_for(lambda: bool(self.redis.scard(key)), READY_WITHIN_S, "the fetch worker", self._log)
            yield process
        finally:
            stop(process)


@contextmanager
def world(home: Path, *, hosts: int, delay_s: float, **options: object) -> Iterator[World]:
    """Start Redis, the sites and a dispatcher in this process; `options` are settings by field name."""
    home.mkdir(parents=True)
    settings = settings_for(home, {"host_delay": 1.0, **options})
    with (
        EmbeddedRedis(settings.home, settings.socket_path, preexec=end_with_us) as server,
        sites(delay_s) as served,
        factory.connect(settings, patient=False) as redis,
        _dispatching(settings),
    ):
        pid = server.process.pid if server.process else 0
        yield World(settings, redis, factory.ledger(settings, redis), served, home, hosts, pid)


@contextmanager
def _dispatching(settings: Settings) -> Iterator[None]:
    """A dispatcher as a poller has it, on a thread of its own."""
    halt = threading.Event()
    with factory.connect(settings) as redis:
        one = Dispatcher(
            factory.ledger(settings, redis),
            dead_job_maker(redis, factory.keys(settings)),
            host_delay_s=settings.host_delay,
            keep_stream_days=settings.keep_stream,
            pages_per_worker=NO_ARTICLES,
        )
        thread = threading.Thread(target=one.run, args=(halt,), name="dispatch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            halt.set()
            thread.join(timeout=10)
