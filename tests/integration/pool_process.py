"""A real article pool whose pages do to their worker what their URL says. Run: python -m … URL NAMESPACE."""

from __future__ import annotations

import os
import re
import signal
import sys
import time

from redis import Redis

from jobs.extract import warm
from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.page import Page
from jobs.recurring.lesson import Lesson
from jobs.tasks import Tasks
from worker import logs
from worker.dead_job import dead_job_maker
from worker.pool import Pool


class Hostile(Tasks):
    """Tasks whose extraction is struck by some pages."""

    def _lesson(self, page: Page) -> Lesson:
        kind = page.url.rsplit("/", 1)[-1].split("-")[0]
        if kind == "hang":
            re.match(r"(a+)+$", "a" * 64 + "b")  # C code that no signal handler can interrupt
        if kind == "memory":
            bytearray(8 * 2**30)
        if kind == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if kind == "bug":
            raise ZeroDivisionError("a bug that this page finds")
        if kind == "slow":
            time.sleep(3)
        return super()._lesson(page)


def main(url: str, namespace: str) -> None:
    """Run the pool until SIGTERM."""
    logs.configure("info", process="pool")
    keys = Keys(namespace)

    def make_tasks(redis: Redis, name: str) -> Tasks:
        return Hostile(
            ledger=Ledger(redis, keys),
            download=lambda url, validators=None: (_ for _ in ()).throw(
                AssertionError("nothing is downloaded here")
            ),
            feed_infos=lambda ids: [],
            dead_job=dead_job_maker(redis, keys),
            worker=name,
        )

    Pool(lambda: Redis.from_url(url), keys, make_tasks, size=2, warm=warm, hard_limit_s=1.5).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
