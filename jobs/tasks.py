"""What RQ runs: one function a stage, which takes a link through it and writes its outcome to the ledger.

RQ finds a function by its name, so the functions are at module level; the process that runs them installs
the `Tasks` they act on. That is the one global of the system.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from jobs.article_stage import ArticleStage
from jobs.fetch_stage import FetchStage
from jobs.keys import ARTICLE, FETCH
from jobs.link import Begun

log = structlog.get_logger(__name__)

_NOT_YET = ("again", "later", "moved", "overtaken", "refetch", "released")
"""How outcomes of an attempt begin that end no stage of the link."""


@dataclass(frozen=True, slots=True)
class Tasks(FetchStage, ArticleStage):
    """The two stages of a link, with everything they need passed in."""

    def fetch(self, link: str, attempt: int) -> str:
        """Download the page and hand the link to the article stage. Returns the outcome in a word."""
        return self._logged("page", FETCH, self.ledger.begin(link, FETCH, attempt, self.worker), self._fetch)

    def article(self, link: str, attempt: int) -> str:
        """Turn the stored page into an event on the stream. Returns the outcome in a word."""
        begun = self.ledger.begin(link, ARTICLE, attempt, self.worker)
        return self._logged("article", ARTICLE, begun, self._extract)

    def _logged(self, event: str, stage: str, begun: Begun | None, work: Callable[[Begun], str]) -> str:
        """Do the work of an attempt, unless it was overtaken, and write the one log line of its stage.

        Where the link has yet to come again that line is for debugging: at info there are two for an article.
        """
        if begun is None:
            return "overtaken"
        job = self.ledger.keys.job(begun.link_id, stage, begun.attempt)
        feed = begun.feeds[0] if begun.feeds else None
        with structlog.contextvars.bound_contextvars(link=begun.link_id, job=job, feed=feed):
            outcome = work(begun)
            say = log.debug if outcome.startswith(_NOT_YET) else log.info
            say(event, outcome=outcome, host=begun.host)
        return outcome


_installed: Tasks | None = None


def install(tasks: Tasks) -> None:
    """Make `tasks` what this process's jobs act on."""
    global _installed  # see the module's text
    _installed = tasks


def _tasks() -> Tasks:
    if _installed is None:
        raise RuntimeError("no Tasks are installed: these jobs run in palmyra's own workers only")
    return _installed


def fetch(link: str, attempt: int) -> str:
    """RQ job of the fetch stage."""
    return _tasks().fetch(link, attempt)


def article(link: str, attempt: int) -> str:
    """RQ job of the article stage."""
    return _tasks().article(link, attempt)


def reopen(link: str) -> str:
    """RQ job that stands for a dead link: requeueing it opens the link again."""
    opened = _tasks().ledger.reopen(link, "requeued through RQ")
    return {True: "reopened", False: "open already", None: "unknown link"}[opened]
