"""The world of `palmyra bench poll`: a Redis, a server with feeds, one poller, each a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from jobs.keys import Keys
from worker import factory
from worker.bench import poll_documents
from worker.bench.whole import DidNotFinish, end_with_us, settings_for, started, stop, wait_for
from worker.config import Settings
from worker.embedded import EmbeddedRedis
from worker.feeds.poller import LEASE_S

HOST_DELAY_S = 0.05
"""A host's slot is kept as always, but polls of it follow each other faster than a second."""

# In one step: what is leased meanwhile is polled. KEYS: the feeds' clock. ARGV: now, and a later time.
_CALL_OFF = """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
for _, feed in ipairs(due) do redis.call('ZADD', KEYS[1], ARGV[2], feed) end
return #due
"""


@dataclass(frozen=True, slots=True)
class Server:
    """The server of the feeds."""

    pid: int
    port: int

    def be(self, mode: str) -> None:
        """Answer polls in this way from now on (see `poll_server.MODES`)."""
        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/be/{mode}", timeout=10).close()


@contextmanager
def serving(opened_s: int) -> Iterator[Server]:
    """Run the server."""
    command = [sys.executable, "-m", "worker.bench.poll_server", "--opened", str(opened_s)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=end_with_us,
    )
    try:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise DidNotFinish("the server of the feeds did not start; its error is above")
        yield Server(process.pid, json.loads(line)["port"])
    finally:
        stop(process)
        if process.stdout:
            process.stdout.close()


@dataclass(frozen=True, slots=True)
class World:
    """What runs."""

    settings: Settings
    redis: Redis
    keys: Keys
    server: Server
    opened_s: int
    """When the first edition of the feeds came out (Unix time)."""
    home: Path

    def let_poll(self, feeds: Collection[str]) -> int:
        """Let those of these be due now that are not due or being polled already; returns how many."""
        polled: Any = self.redis.zrange(self.keys.feeds, self._polled_ms(), "+inf", byscore=True)
        again = dict.fromkeys({feed.decode() for feed in polled}.intersection(feeds), 0)
        if again:
            self.redis.zadd(self.keys.feeds, again, xx=True)
        return len(again)

    def waiting(self) -> int:
        """Feeds that are due, or are being polled."""
        return int(self.redis.zcount(self.keys.feeds, "-inf", self._polled_ms()))

    def _polled_ms(self) -> float:
        """A feed whose time is later was polled: the shortest interval is longer than a lease."""
        return (time.time() + LEASE_S + 30) * 1000

    def call_off(self) -> tuple[int, int]:
        """What is due and not yet begun need not be polled; waits for what is.

        Returns how many were called off, and how often it looked.
        """
        looks = 1
        now_ms = int(time.time() * 1000)
        called_off = int(self.redis.eval(_CALL_OFF, 1, self.keys.feeds, now_ms, now_ms + 86_400_000))

        def done() -> bool:
            nonlocal looks
            looks += 1
            return not self.waiting()

        wait_for(done, LEASE_S, "the polls in flight", self.home / "poller.log")
        return called_off, looks

    @contextmanager
    def poller(self) -> Iterator[int]:
        """Run a poller; yields its pid. It is ready when it is told of feeds."""
        log = self.home / "poller.log"
        process = started("worker.cli", "poll", home=self.home, settings=self.settings, log=log)
        try:
            wait_for(lambda: b"poller_ready" in log.read_bytes(), 60, "the poller", log)
            yield process.pid
        finally:
            stop(process)


@contextmanager
def world(home: Path) -> Iterator[World]:
    """Start Redis and the server."""
    home.mkdir(parents=True)
    settings = settings_for(home, {"host_delay": HOST_DELAY_S})
    opened_s = int(time.time()) - poll_documents.APART_S
    with (
        EmbeddedRedis(settings.home, settings.socket_path, preexec=end_with_us),
        serving(opened_s) as server,
        factory.connect(settings, patient=False) as redis,
    ):
        yield World(settings, redis, factory.keys(settings), server, opened_s, home)
