"""What both stages of a link share: what they work with, and how an attempt ends."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jobs import counts
from jobs.entry import FeedInfo
from jobs.errors import Outcome, Reason, Retry, Skip
from jobs.fetch import Moved, NotModified
from jobs.ledger import DeadJob, Ledger
from jobs.link import Begun
from jobs.page import Page
from jobs.recurring.store import SiteMemories
from jobs.reopening import How
from jobs.retries import wait_before_next
from jobs.validators import Validators

if TYPE_CHECKING:
    from jobs.copies.index import Copies
    from jobs.enrich.enricher import Enricher
    from jobs.stories.index import Stories


MAX_HOPS = 5
"""Moves from domain to domain before a link counts as going in a circle."""


class Download(Protocol):
    """Fetches a page; with `validators`, only if it changed. Raises an `Outcome`, `NotNow` or `Stopping`."""

    def __call__(self, url: str, validators: Validators | None = None) -> Page | Moved | NotModified: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a link, with everything it needs passed in."""

    ledger: Ledger
    download: Download
    feed_infos: Callable[[tuple[str, ...]], list[FeedInfo]]
    dead_job: Callable[[str, str, int, Reason], DeadJob]
    """The failed RQ job for a link id, host, attempt and reason."""
    worker: str
    """This worker's name, for the link's way."""
    sites: SiteMemories | None = None
    """What recurs in the articles of each site; None: nothing is learned."""
    enrichers: Callable[[], tuple[Enricher, ...]] = tuple
    """Loads what finds out what articles are about, in order: only article workers call it."""
    copies: Copies | None = None
    """Finds the earlier article that one repeats; None: nobody looks for it."""
    hold_copies: bool = False
    """A link whose article is a copy ends as a duplicate, unpublished."""
    stories: Stories | None = None
    """Finds the story of an article; None: nobody looks for it."""

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
        if begun.redo == How.RECHECK:
            return self._stands(begun, outcome)
        if isinstance(outcome, Skip):
            skipped = self.ledger.skip(link, attempt, outcome.reason, full(outcome))
            return f"skipped: {outcome.reason}" if skipped else "overtaken"
        wait_s = (
            wait_before_next(outcome, begun.tries, random.random()) if isinstance(outcome, Retry) else None
        )
        if wait_s is None:
            failed = self.give_up(link, attempt, begun.host, outcome.reason, full(outcome))
            return f"failed: {outcome.reason}" if failed else "overtaken"
        note = f"{outcome.reason}, again in {wait_s:.0f} s ({full(outcome)})"
        # Who is asked too much is asked no more for a while, whatever the link: for as long as it says, else
        # for the first step of the back-off.
        asked_too_much = outcome.reason is Reason.RATE_LIMITED and begun.tries == 1
        block = asked_too_much or (isinstance(outcome, Retry) and outcome.after_s is not None)
        counted = {f"{counts.RETRY} {outcome.reason}": 1}
        later = self.ledger.retry(link, attempt, wait_s, note[:600], block_host=block, counted=counted)
        return f"later: {outcome.reason}" if later else "overtaken"

    def _stands(self, begun: Begun, outcome: Outcome) -> str:
        """A re-check met something that says nothing of the article. The next one is another try."""
        if isinstance(outcome, Retry) and (outcome.after_s or outcome.reason is Reason.RATE_LIMITED):
            self.ledger.block(begun.host, wait_before_next(outcome, 1, random.random()) or 0)
        note = f"re-check: {outcome.reason}, {full(outcome)}; revision {begun.revision} stands"
        return f"unchanged: {outcome.reason}" if self.ledger.unchanged(begun, note) else "overtaken"

    def _hand_back(self, begun: Begun, note: str) -> str:
        return "released" if self.ledger.release(begun.link_id, begun.attempt, note) else "overtaken"

    def _kept(self, begun: Begun) -> Page | None:
        """The page of an earlier fetch, if it is still kept."""
        packed = self.ledger.page(begun.link_id)
        with suppress(ValueError):
            return Page.unpack(packed) if packed else None
        return None


def full(outcome: Outcome) -> str:
    """What was tried and how it went."""
    return "; ".join(filter(None, (outcome.detail, outcome.trip)))


def now_ms() -> int:
    return int(time.time() * 1000)
