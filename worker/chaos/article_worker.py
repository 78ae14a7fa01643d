"""``python -m worker.chaos.article_worker``: `palmyra work article`, with a hook that obeys hostile pages.

No page is known that kills a worker, or we would have mended that: so a page's URL says what becomes of the
process that reads it, and the hook does it there and then.
"""

from __future__ import annotations

import os
import re
import signal
from dataclasses import fields
from urllib.parse import urlsplit

from redis import Redis

from jobs.page import Page
from jobs.recurring.lesson import Lesson
from jobs.tasks import Tasks
from worker import factory
from worker.chaos.fate import Fate
from worker.commands.run import work_article
from worker.config import Settings
from worker.fetcher import Downloader

CHUNK = 16 * 2**20


class Struck(Tasks):
    """Tasks whose extraction is struck by some pages."""

    def _lesson(self, page: Page) -> Lesson:
        kind = urlsplit(page.url).path.split("/")[1]
        if kind == Fate.POISON:
            os.kill(os.getpid(), signal.SIGSEGV)
        elif kind == Fate.MEMORY:
            _eat()
        elif kind == Fate.ENDLESS:
            re.match(r"(a+)+$", "a" * 64 + "b")  # C code that no signal handler can interrupt
        return super()._lesson(page)


def _eat() -> None:
    """Until there is no more. The limit on the child's memory is what ends it, not the machine's."""
    held = []
    while True:
        held.append(b"x" * CHUNK)


def main() -> None:
    """Run the pool until SIGTERM, as the command does."""
    plain = factory.tasks

    def tasks(settings: Settings, redis: Redis, worker: str, downloader: Downloader | None = None) -> Tasks:
        made = plain(settings, redis, worker, downloader)
        return Struck(**{field.name: getattr(made, field.name) for field in fields(made)})

    factory.tasks = tasks
    work_article()


if __name__ == "__main__":
    main()
