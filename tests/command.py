"""The `palmyra` command for tests: run as processes, on a Redis and a namespace of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from redis import Redis

from jobs.entry import Entry
from jobs.errors import Reason
from jobs.keys import FETCH, Keys
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.urls import link_id
from worker.dead_job import dead_job_maker
from worker.feeds.registry import Registry

ROOT = Path(__file__).parents[1]
Done = subprocess.CompletedProcess[str]


class Palmyra:
    """The command, with a Redis and a namespace of its own."""

    def __init__(self, redis: Redis, url: str, home: Path) -> None:
        self.redis, self.home = redis, home
        self.keys = Keys("cli")
        self.ledger = Ledger(redis, self.keys)
        self.registry = Registry(redis, self.keys)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PALMYRA_", "REDIS_"))}
        self.environment = inherited | {
            "PALMYRA_REDIS_URL": url,
            "PALMYRA_NAMESPACE": "cli",
            "PALMYRA_ALLOW_NETWORKS": "127.0.0.0/8",
            "PALMYRA_HOST_DELAY": "0",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "300",
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "worker.cli", *arguments],
            cwd=self.home,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0, **environment: str) -> Done:
        """Run it to its end, which is this exit code; nothing may end in a traceback."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, (arguments, out, err)
        assert "Traceback" not in err
        return Done(arguments, process.returncode, out, err)

    def each(self, *commands: tuple[str, ...], code: int = 0, **environment: Any) -> list[Done]:
        """Run several, two at a time."""
        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(lambda command: self.run(*command, code=code, **environment), commands))

    def json(self, *arguments: str, code: int = 0) -> list[Any]:
        """The JSON lines that a command prints."""
        return [json.loads(line) for line in self.run(*arguments, "--json", code=code).stdout.splitlines()]

    def publish(self, number: int, age_s: float = 0, **data: Any) -> str:
        """Put an event on the stream that is so old; returns its entry id."""
        about: dict[str, Any] = {
            "url": f"https://news.test/{number}",
            "headline": f"Story {number}",
            "language": "de",
        }
        about |= {"source": {"name": None, "domain": "news.test"}, "word_count": 100 * number} | data
        event = {"id": f"{number}:1", "type": "news.article.published.v1", "data": about}
        fields: dict[Any, Any] = {"id": event["id"], "type": event["type"], "event": json.dumps(event)}
        entry: Any = self.redis.xadd(
            self.keys.stream, fields, id=f"{int((time.time() - age_s) * 1000) - 1000 + number}-0"
        )
        return str(entry.decode())

    def discover(self, number: int, title: str = "Title") -> str:
        """Let a link be in the ledger; returns its id."""
        url = f"https://news.test/{number}"
        self.ledger.discover(
            "feedaaaaaa", [Found(link_id(url), url, "news.test", 1000, Entry(url, title=title))]
        )
        return link_id(url)

    def fail(self, number: int, detail: str = "status 404") -> str:
        """Let a link have ended in the dead letter; returns its id."""
        link = self.discover(number)
        (lease,) = self.ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9).leases
        assert self.ledger.begin(link, FETCH, lease.attempt, "w1")
        dead = dead_job_maker(self.redis, self.keys)(link, "news.test", lease.attempt, Reason.NOT_FOUND)
        assert self.ledger.fail(link, lease.attempt, Reason.NOT_FOUND, detail, dead)
        return link
