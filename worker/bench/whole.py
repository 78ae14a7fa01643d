"""Palmyra whole, in a temporary home: its own Redis and all its processes, as `palmyra up` starts them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from jobs.errors import PalmyraError
from jobs.keys import ARTICLE, FETCH
from jobs.ledger import Ledger
from worker import factory
from worker.config import Settings
from worker.demo.newsroom import Newsroom
from worker.demo.publication import AT_START
from worker.demo.server import DemoServer
from worker.procs import die_with_parent

READY_WITHIN_S = 120.0
STOP_WITHIN_S = 20.0
LOOK_EVERY_S = 0.1
WARM_INTERVAL_S = 86_400.0


class DidNotFinish(PalmyraError):
    """The system under test did not get there in time."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A running system whose parts have all worked once."""

    pid: int
    """Of `palmyra up`; everything else, Redis too, descends from it."""
    settings: Settings
    redis: Redis
    ledger: Ledger
    log: Path
    """What its processes said."""

    def add_feeds(self, urls: Sequence[str]) -> None:
        """Register feeds, due at once."""
        for url in urls:
            factory.registry(self.settings, self.redis).add(url)

    def remove_feeds(self) -> None:
        """Forget all feeds; their links stay."""
        feeds = factory.registry(self.settings, self.redis)
        for feed in feeds.registered():
            feeds.remove(feed.id)

    def settle(self, discovered: int, within_s: float) -> int:
        """Wait until that many links were discovered and each has its outcome.

        Returns how often it looked: each time costs one HGET and one ZCARD, in one round trip.

        Raises:
            DidNotFinish: not within `within_s`.
        """
        looks = 0

        def done() -> bool:
            nonlocal looks
            looks += 1
            with self.redis.pipeline(transaction=False) as pipe:
                pipe.hget(self.ledger.keys.totals, "discovered")
                pipe.zcard(self.ledger.keys.open)
                seen, in_flight = pipe.execute()
            return int(seen or 0) >= discovered and not in_flight

        wait_for(done, within_s, f"{discovered} links with an outcome", self.log)
        return looks


@contextmanager
def running(home: Path, **options: object) -> Iterator[Whole]:
    """Start the system in `home`, wait until every part of it has worked once, and stop it at the end.

    Args:
        options: settings by field name, beside those that a benchmark needs; the caller's environment does
            not count, so that two runs are alike.

    Raises:
        DidNotFinish: it did not become ready; the message has the end of its log.
    """
    home.mkdir(parents=True)
    settings = settings_for(home, options)
    log = home / "up.log"
    process = started("worker.cli", "up", "--no-demo", home=home, settings=settings, log=log)
    try:
        redis = factory.connect(settings, patient=False)
        one = Whole(process.pid, settings, redis, factory.ledger(settings, redis), log)
        _wait_until_ready(one)
        _warm(one)
        yield one
        redis.close()
    finally:
        stop(process)


def settings_for(home: Path, options: dict[str, object]) -> Settings:
    """Settings for a benchmark in `home`, with these by field name."""
    defaults: dict[str, object] = {
        "home": home / "data",
        "allow_networks": "127.0.0.0/8",
        "host_delay": 0,
        "backfill": "all",
        "web_port": _free_port(),
    }
    return Settings.model_validate(defaults | options)


def _environment(settings: Settings) -> dict[str, str]:
    """Ours without what configures palmyra, and the settings that are not defaults."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PALMYRA_", "REDIS_"))}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        kept[f"PALMYRA_{name.upper()}"] = text
    return kept


def started(
    module: str, *arguments: str, home: Path, settings: Settings, log: Path
) -> subprocess.Popen[bytes]:
    """A Python module as a process of its own, which takes no notice of our caller's settings.

    Args:
        home: its working directory.
        settings: given to it as environment variables.
        log: what it says goes there.
    """
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=home,  # no .env of the caller's
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=end_with_us,
        )


def end_with_us() -> None:
    """For a child process, before it begins: it ends when we do, however that is."""
    die_with_parent(signal.SIGTERM)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process, and wait for it."""
    process.terminate()
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(one: Whole) -> None:
    """Wait for every worker: what they would still have to import is not part of any measurement."""
    wanted = {FETCH: 1, ARTICLE: one.settings.article_workers}

    def ready() -> bool:
        try:
            return all(
                one.redis.scard(WORKERS_BY_QUEUE_KEY % one.ledger.keys.queue(stage)) >= count
                for stage, count in wanted.items()
            )
        except RedisError:  # it is only starting
            return False

    wait_for(ready, READY_WITHIN_S, "all workers", one.log)


def _warm(one: Whole) -> None:
    """Send a few articles through, for the first use of everything, and forget their feeds again."""
    with DemoServer(Newsroom(interval_s=WARM_INTERVAL_S)) as server:
        one.add_feeds([feed.url for feed in server.feeds])
        one.settle(AT_START, READY_WITHIN_S)
        one.remove_feeds()


@dataclass(frozen=True, slots=True)
class PageServer:
    """A process that serves a folder of pages."""

    pid: int
    url: str
    feeds: tuple[str, ...]


@contextmanager
def serving(folder: Path) -> Iterator[PageServer]:
    """Serve a folder of pages (see `worker.demo.corpus`) as three feeds, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "worker.demo", "--corpus", str(folder), "--port", "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=end_with_us,
    )
    try:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise DidNotFinish("the page server did not start; its error is above")
        said = json.loads(line)
        yield PageServer(process.pid, said["url"], tuple(feed["url"] for feed in said["feeds"]))
    finally:
        stop(process)
        if process.stdout:
            process.stdout.close()


def wait_for(done: Callable[[], bool], within_s: float, what: str, log: Path) -> None:
    """Look every `LOOK_EVERY_S` until `done`.

    Raises:
        DidNotFinish: not within `within_s`; the message has the end of `log`.
    """
    deadline = time.monotonic() + within_s
    while not done():
        if time.monotonic() > deadline:
            lines = log.read_text(errors="replace").splitlines()[-10:] if log.is_file() else []
            said = "".join(f"\n  {line[:400]}" for line in lines)
            raise DidNotFinish(f"waited {within_s:.0f} s for {what}. The end of its log:{said}")
        time.sleep(LOOK_EVERY_S)


def _free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
