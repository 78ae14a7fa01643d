"""What RQ runs: one function a stage, which takes a link through it and writes its outcome to the ledger.

RQ finds a function by its name, so the functions are at module level; the process that runs them installs
the `Tasks` they act on. That is the one global of the system.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import structlog
from rq.timeouts import JobTimeoutException

from jobs.article import Article, build_article
from jobs.entry import FeedInfo
from jobs.errors import Outcome, Permanent, Reason, Retry, Skip
from jobs.event import encode, envelope
from jobs.fetch import Moved
from jobs.keys import ARTICLE, FETCH
from jobs.ledger import DeadJob, Ledger
from jobs.link import Begun
from jobs.page import Page
from jobs.retries import wait_before_next
from jobs.revision import change, digests
from jobs.urls import domain, link_id

log = structlog.get_logger(__name__)

MAX_HOPS = 5
"""Moves from domain to domain before a link counts as going in a circle."""


class Stopping(Exception):
    """The worker is shutting down and this download was cut short."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """The two stages of a link, with everything they need passed in."""

    ledger: Ledger
    download: Callable[[str], Page | Moved]
    """Fetches a page; raises an `Outcome`, or `Stopping`."""
    feed_infos: Callable[[tuple[str, ...]], list[FeedInfo]]
    dead_job: Callable[[str, str, int, Reason], DeadJob]
    """The failed RQ job for a link id, host, attempt and reason."""
    worker: str
    """This worker's name, for the link's way."""

    def fetch(self, link: str, attempt: int) -> str:
        """Download the page and hand the link to the article stage. Returns the outcome in a word."""
        return self._logged("page", self.ledger.begin(link, FETCH, attempt, self.worker), self._fetch)

    def article(self, link: str, attempt: int) -> str:
        """Turn the stored page into an event on the stream. Returns the outcome in a word."""
        return self._logged("article", self.ledger.begin(link, ARTICLE, attempt, self.worker), self._extract)

    def _logged(self, event: str, begun: Begun | None, work: Callable[[Begun], str]) -> str:
        """Do the work of an attempt, unless it was overtaken, and write the one log line of its stage."""
        if begun is None:
            return "overtaken"
        outcome = work(begun)
        feed = begun.feeds[0] if begun.feeds else None
        log.info(
            event, outcome=outcome, link=begun.link_id, attempt=begun.attempt, host=begun.host, feed=feed
        )
        return outcome

    def _fetch(self, begun: Begun) -> str:
        try:
            return self._fetched(begun, self.download(begun.next_url))
        except Stopping:
            note = f"{self.worker} is stopping and hands the link back"
            return "released" if self.ledger.release(begun.link_id, begun.attempt, note) else "overtaken"
        except Outcome as outcome:
            return self._end(begun, outcome)

    def _fetched(self, begun: Begun, got: Page | Moved) -> str:
        if isinstance(got, Moved):
            return self._moved(begun, got)
        note = f"fetched {got.status}, {len(got.body)} bytes in {got.took_ms} ms from {got.address}"
        page = replace(got, url=begun.url, entry=begun.entry)
        return "stored" if self.ledger.store(begun, page.pack(), got.final_url, note) else "overtaken"

    def _moved(self, begun: Begun, to: Moved) -> str:
        if begun.hops >= MAX_HOPS:
            raise Permanent(
                Reason.REDIRECT_LOOP, f"{MAX_HOPS} moves from domain to domain, the last to {to.url}"
            )
        host = domain(to.url)
        moved = self.ledger.reroute(begun, to.url, host, f"moved to {host}")
        return "moved" if moved else "overtaken"

    def _extract(self, begun: Begun) -> str:
        try:
            return self._published(begun)
        except Outcome as outcome:
            return self._end(begun, outcome)
        except (JobTimeoutException, MemoryError) as error:
            what = "memory" if isinstance(error, MemoryError) else "time"
            note = f"exceeds the limit of {what}"
            return self.died(begun.link_id, begun.attempt, begun.host, killed=True, note=note)

    def _published(self, begun: Begun) -> str:
        packed = self.ledger.page(begun.link_id)
        if packed is None:
            return self._refetch(begun)
        page = Page.unpack(packed)
        article = self._article(begun, page)
        kind: Literal["published", "updated"] = "updated" if begun.revision else "published"
        event = envelope(article, kind=kind, namespace=self.ledger.keys.namespace, time_ms=_now_ms())
        outcome, other = self.ledger.commit(
            begun,
            revision=article.revision,
            event_id=event["id"],
            event_type=event["type"],
            event=encode(event),
            final_id=link_id(page.final_url),
            digests=digests(article.headline, article.text),
        )
        return f"{outcome} of {other}" if other else outcome

    def _article(self, begun: Begun, page: Page) -> Article:
        from jobs.extract import extract  # heavy, and fetch workers never come here

        started = time.perf_counter()
        draft = extract(page.body, url=page.final_url, content_type=page.content_type, entry=page.entry)
        if draft.skip:
            raise Skip(draft.skip, begun.host)
        return build_article(
            draft,
            link_id=begun.link_id,
            revision=begun.revision + 1,
            url_found=begun.url,
            final_url=page.final_url,
            feeds=self.feed_infos(begun.feeds),
            first_seen_ms=begun.first_seen_ms,
            fetched_ms=page.fetched_ms,
            fetch_ms=page.took_ms,
            extract_ms=round((time.perf_counter() - started) * 1000),
            emitted_ms=_now_ms(),
            change=change(begun.digests, digests(draft.headline, draft.text)),
        )

    def _refetch(self, begun: Begun) -> str:
        """The page expired, or went under memory pressure, before its turn came."""
        if begun.hops >= MAX_HOPS:
            raise Permanent(Reason.PAGE_LOST, f"{MAX_HOPS} times")
        again = self.ledger.reroute(
            begun, begun.next_url, begun.host, "the stored page is gone: fetching it again"
        )
        return "refetch" if again else "overtaken"

    def died(self, link: str, attempt: int, host: str, *, killed: bool, note: str) -> str:
        """The process of a running attempt was killed (by the watchdog) or died: try again, or give up."""
        verdict = self.ledger.died(link, attempt, killed=killed, note=note)
        if verdict == "enough":
            self.give_up(link, attempt, host, Reason.TOO_COMPLEX if killed else Reason.POISON, note)
        return verdict

    def give_up(self, link: str, attempt: int, host: str, reason: Reason, detail: str) -> bool:
        """End a link as failed: into the dead letter, and as a failed job into RQ's dashboard."""
        return self.ledger.fail(link, attempt, reason, detail, self.dead_job(link, host, attempt, reason))

    def _end(self, begun: Begun, outcome: Outcome) -> str:
        link, attempt = begun.link_id, begun.attempt
        if isinstance(outcome, Skip):
            skipped = self.ledger.skip(link, attempt, outcome.reason, outcome.detail)
            return f"skipped: {outcome.reason}" if skipped else "overtaken"
        wait_s = (
            wait_before_next(outcome, begun.tries, random.random()) if isinstance(outcome, Retry) else None
        )
        if wait_s is None:
            failed = self.give_up(link, attempt, begun.host, outcome.reason, outcome.detail)
            return f"failed: {outcome.reason}" if failed else "overtaken"
        note = f"{outcome.reason} ({outcome.detail}), again in {wait_s:.0f} s"
        block = isinstance(outcome, Retry) and outcome.after_s is not None
        later = self.ledger.retry(link, attempt, wait_s, note[:400], block_host=block)
        return f"later: {outcome.reason}" if later else "overtaken"


def _now_ms() -> int:
    return int(time.time() * 1000)


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
