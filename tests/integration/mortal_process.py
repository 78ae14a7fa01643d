"""A process that dies at its Nth Redis command: real ones, killed by SIGKILL, forked from this one.

Run as a program, it reads lines ``<namespace> <N> before|after`` and lets a child live for each: poll,
dispatch, fetch, article, on a connection that counts commands and kills the process just before command N is
sent, or just after, so that its answer is never read. It prints how many commands the child came to, and the
signal that ended it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool, UnixDomainSocketConnection
from redis.retry import Retry
from rq.worker import SimpleWorker

from jobs.entry import Entry
from jobs.extract import warm
from jobs.keys import STAGES, Keys
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.page import Page
from jobs.recurring.store import SiteMemories
from jobs.tasks import Tasks, install
from jobs.urls import link_id
from worker.dead_job import dead_job_maker
from worker.dispatch import Dispatcher
from worker.feeds.registry import Registry
from worker.rqworker import PalmyraWorker

LEASE_S = 0.05
URL = "https://one.test/story"
TEXT = "The caravan road from the coast crossed the desert in nine days, and each day had its well. " * 12
PAGE = f"<html><body><article><h1>Wells</h1><p>{TEXT}</p><p>{TEXT}</p></article></body></html>".encode()


class Fate:
    """When the process dies; counts its commands until then."""

    def __init__(self, at: int, *, answered: bool, told: int) -> None:
        self.at = at
        self.sent_first = answered
        self.count = 0
        self.told = told
        """File descriptor that the count is written to."""

    def tell(self) -> None:
        os.write(self.told, b"%d" % self.count)

    def meet(self) -> None:
        self.tell()
        os.kill(os.getpid(), signal.SIGKILL)


class MortalConnection(UnixDomainSocketConnection):
    """A connection of a process that dies at its fate's command."""

    fate: Fate

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        self.fate.count += 1
        if self.fate.count == self.fate.at and not self.fate.sent_first:
            self.fate.meet()
        super().send_packed_command(command, check_health=check_health)  # type: ignore[no-untyped-call]  # redis-py's
        if self.fate.count == self.fate.at:
            time.sleep(0.002)  # let the server take it before the socket goes
            self.fate.meet()


def mortal(socket: str, fate: Fate) -> Redis:
    kind = type("Mortal", (MortalConnection,), {"fate": fate})
    pool = ConnectionPool(connection_class=kind, path=socket, retry=Retry(NoBackoff(), 0))
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


def child(socket: str, namespace: str, fate: Fate) -> None:
    """Live, and end without any clean-up."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    Process(mortal(socket, fate), Keys(namespace)).live()
    fate.tell()
    os._exit(0)


def live(socket: str, namespace: str, at: int, *, answered: bool) -> tuple[int, int]:
    """Let one child live. Returns how many commands it sent, and the signal that ended it (0: none)."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        child(socket, namespace, Fate(at, answered=answered, told=writing))
    os.close(writing)
    _, status = os.waitpid(pid, 0)
    told = os.read(reading, 20)
    os.close(reading)
    return int(told), os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def main() -> None:
    warm()
    socket = sys.argv[1]
    for line in sys.stdin:
        namespace, at, when = line.split()
        count, ended_by = live(socket, namespace, int(at), answered=when == "after")
        sys.stdout.write(f"{count} {ended_by}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
