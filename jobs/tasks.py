"""What RQ runs: one function a stage, which takes a link through it and writes its outcome to the ledger.

RQ finds a function by its name, so the functions are at module level; the process that runs them installs
the `Tasks` they act on. That is the one global of the system.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Protocol

import structlog
from rq.timeouts import JobTimeoutException

from jobs import counts
from jobs.article import Article, Change, Duplicate, Enriched, build_article
from jobs.copies.lineage import lineage
from jobs.entry import Entry, FeedInfo
from jobs.errors import Kind, Outcome, Permanent, Reason, Retry, Skip
from jobs.event import encode, envelope
from jobs.feed_content import stands_in
from jobs.fetch import Moved, NotModified
from jobs.keys import ARTICLE, FETCH
from jobs.ledger import DeadJob, Ledger
from jobs.link import Begun
from jobs.page import Page
from jobs.politeness import NotNow
from jobs.recheck import VANISHED, told_of, vanished_event, what_changed, worthwhile
from jobs.recurring.memory import Memory
from jobs.recurring.store import SiteMemories, host_of
from jobs.reopening import How
from jobs.replay import article_of, as_revision, differing, enriched_again
from jobs.retries import wait_before_next
from jobs.revision import digests
from jobs.trip import told
from jobs.urls import domain, link_id
from jobs.validators import Validators, pack
from jobs.walls import landed

if TYPE_CHECKING:
    from jobs.copies.index import Copies
    from jobs.enrich.enricher import Enricher
    from jobs.extract.draft import Draft
    from jobs.recurring.lesson import Lesson
    from jobs.stories.index import Stories

log = structlog.get_logger(__name__)

MAX_HOPS = 5
"""Moves from domain to domain before a link counts as going in a circle."""


_WITHOUT_PAGE = (How.ENRICH, How.PUBLISH)
"""Replays of the event, not of the page."""


_NOT_YET = ("again", "later", "moved", "overtaken", "refetch", "released")
"""How outcomes of an attempt begin that end no stage of the link."""


class Stopping(Exception):
    """The worker is shutting down and this download was cut short."""


class Download(Protocol):
    """Fetches a page; with `validators`, only if it changed. Raises an `Outcome`, `NotNow` or `Stopping`."""

    def __call__(self, url: str, validators: Validators | None = None) -> Page | Moved | NotModified: ...


@dataclass(frozen=True, slots=True)
class Tasks:
    """The two stages of a link, with everything they need passed in."""

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

    def _fetch(self, begun: Begun) -> str:
        try:
            return self._fetched(begun, self.download(begun.next_url, begun.validators))
        except Stopping:
            return self._hand_back(begun, f"{self.worker} is stopping and hands the link back")
        except NotNow as busy:
            return self._hand_back(begun, str(busy))
        except Outcome as outcome:
            if begun.revision and outcome.reason in VANISHED:
                return self._vanished(begun, outcome)
            entry = begun.entry or self._stood_in_before(begun)
            if begun.redo != How.RECHECK and stands_in(outcome, begun.tries, entry):
                return self._feed_stands_in(begun, outcome, entry)
            return self._end(begun, outcome)

    def _stood_in_before(self, begun: Begun) -> Entry | None:
        """On a refetch: what the feed said when there was no page either. It goes on standing in."""
        kept = self._kept(begun)
        return kept.entry if kept and kept.refused else None

    def _feed_stands_in(self, begun: Begun, outcome: Outcome, entry: Entry | None) -> str:
        """There is no page: the article stage makes the article from what the feed carried."""
        page = Page(
            url=begun.url,
            final_url=begun.next_url,
            status=0,
            body=b"",
            content_type="",
            fetched_ms=_now_ms(),
            refused=outcome.reason,
            entry=entry,
        )
        note = f"{outcome.reason} ({_full(outcome)}): the feed's own content stands in for the page"
        stored = self.ledger.store(begun, page.pack(), page.final_url, note)
        return f"from feed: {outcome.reason}" if stored else "overtaken"

    def _hand_back(self, begun: Begun, note: str) -> str:
        return "released" if self.ledger.release(begun.link_id, begun.attempt, note) else "overtaken"

    def _fetched(self, begun: Begun, got: Page | Moved | NotModified) -> str:
        if isinstance(got, Moved):
            return self._moved(begun, got)
        if isinstance(got, NotModified):
            note = f"not modified: status 304, {told(None, got.took_ms, got.address, got.redirects)}"
            return "unchanged" if self.ledger.unchanged(begun, note) else "overtaken"
        trip = told(len(got.body), got.took_ms, got.address, got.redirects)
        if elsewhere := landed(begun.url, got.final_url):
            elsewhere.trip = trip
            raise elsewhere
        note = f"fetched {got.status}, {trip}"
        kept = None if begun.entry else self._kept(begun)
        # A refetch has nothing new from the feed: what it said before still holds.
        page = replace(got, url=begun.url, entry=kept.entry if kept else begun.entry)
        counted = counts.of_page(got.wire_bytes, got.took_ms)
        stored = self.ledger.store(begun, page.pack(), got.final_url, note, counted)
        return "stored" if stored else "overtaken"

    def _kept(self, begun: Begun) -> Page | None:
        """The page of an earlier fetch, if it is still kept."""
        packed = self.ledger.page(begun.link_id)
        with suppress(ValueError):
            return Page.unpack(packed) if packed else None
        return None

    def _moved(self, begun: Begun, to: Moved) -> str:
        if begun.hops >= MAX_HOPS:
            raise Permanent(
                Reason.REDIRECT_LOOP, f"{MAX_HOPS} moves from domain to domain, the last to {to.url}"
            )
        host = domain(to.url)
        note = f"moved to {host}: {told(None, to.took_ms, to.address, to.hops)}"
        moved = self.ledger.reroute(begun, to.url, host, note)
        return "moved" if moved else "overtaken"

    def _extract(self, begun: Begun) -> str:
        try:
            return self._again(begun) if begun.redo in _WITHOUT_PAGE else self._published(begun)
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
        lesson = self._read(begun, page)
        says = digests(lesson.as_read.headline, lesson.as_read.text), pack(page.etag, page.last_modified)
        newest = self._newest(begun) if begun.revision else None
        change = what_changed(begun, newest, lesson) if begun.revision else None
        if begun.redo != How.REPLAY and (begun.digests == says[0] or (newest and change is None)):
            return self._says_the_same(begun, says)
        article = self._compared(self._article(begun, page, lesson, change))
        if article.duplicate and self.hold_copies and not begun.revision:
            return self._held_back(begun, article.duplicate)
        article = self._placed(article)
        before = newest if begun.redo == How.REPLAY else None
        if before:
            fields = differing(before, article)
            if not fields:
                return self._as_before(begun)
            article = as_revision(article, article.revision, _now_ms(), fields)
        kind: Literal["published", "updated"] = "updated" if begun.revision else "published"
        event = envelope(article, kind=kind, namespace=self.ledger.keys.namespace, time_ms=_now_ms())
        outcome, other = self.ledger.commit(
            begun,
            revision=article.revision,
            event_id=event["id"],
            event_type=event["type"],
            event=encode(event),
            final_id=link_id(page.final_url),
            digests=says[0],
            validators=says[1],
            note=(" from the feed's own content" if article.provenance.get("text") == "feed" else "")
            + told_of(article.change)
            + lesson.note,
            lineage=lineage(article),
            again=before is not None,
            recheck=worthwhile(article, page, datetime.now(UTC)),
            counted=counts.of_article(article),
        )
        if outcome == "published" and not begun.revision and self.sites:
            self.sites.learn(host_of(page.final_url), begun.link_id, lesson.signs)
        return f"{outcome} of {other}" if other else outcome

    def remade(self, begun: Begun) -> Article | None:
        """What a replay (`Begun.redo`) makes of an article; None when what it needs is gone. Writes nothing.

        `Article.change` names what differs from the newest revision; it is None when that is not known.
        Raises an `Outcome` where today's code would not publish it.
        """
        before = self._newest(begun)
        if begun.redo == How.REPLAY:
            page = self._kept(begun)
            after = self._article(begun, page, self._read(begun, page), None) if page else None
        elif before and begun.redo == How.ENRICH:
            after = enriched_again(before, self.enrichers())
        else:
            after = before
        if after and self.copies and begun.redo != How.PUBLISH:
            after = after.model_copy(update={"duplicate": self.copies.original(after, record=False)})
        if before is None or after is None:
            return after
        return as_revision(after, begun.revision + 1, _now_ms(), differing(before, after))

    def _newest(self, begun: Begun) -> Article | None:
        """The newest revision as it was published, while its event is on the stream."""
        event = self.ledger.newest_event(begun.link_id)
        return article_of(event) if event else None

    def _again(self, begun: Begun) -> str:
        """Enrich, or only publish, what was published before, as a new revision."""
        article = self.remade(begun)
        if article is None:
            gone = self.ledger.unchanged(begun, "its newest event is gone: there is nothing to replay")
            return "unchanged" if gone else "overtaken"
        if begun.redo == How.ENRICH and article.change and not article.change.fields:
            return self._as_before(begun)
        event = envelope(article, kind="updated", namespace=self.ledger.keys.namespace, time_ms=_now_ms())
        told = begun.validators
        outcome, other = self.ledger.commit(
            begun,
            revision=article.revision,
            event_id=event["id"],
            event_type=event["type"],
            event=encode(event),
            final_id=link_id(begun.final_url),
            digests=begun.digests,
            validators=pack(told.etag, told.last_modified) if told else "",
            note=f" again: {begun.redo}",
            again=True,
        )
        return f"{outcome} of {other}" if other else outcome

    def _says_the_same(self, begun: Begun, says: tuple[str, str]) -> str:
        note = f"the article says what revision {begun.revision} says"
        return "unchanged" if self.ledger.unchanged(begun, note, says) else "overtaken"

    def _vanished(self, begun: Begun, outcome: Outcome) -> str:
        """Its publisher took a published article down, or the site blinks."""
        event = vanished_event(self.ledger, begun, self.feed_infos(begun.feeds), _now_ms())
        done = self.ledger.vanish(
            begun,
            certain=outcome.reason is Reason.GONE,
            event_id=event["id"],
            event_type=event["type"],
            event=encode(event),
            digests=digests(None, None),
            said=_full(outcome),
        )
        return "withdrawn" if done == "published" else done

    def _stands(self, begun: Begun, outcome: Outcome) -> str:
        """A re-check met something that says nothing of the article. The next one is another try."""
        if isinstance(outcome, Retry) and (outcome.after_s or outcome.reason is Reason.RATE_LIMITED):
            self.ledger.block(begun.host, wait_before_next(outcome, 1, random.random()) or 0)
        note = f"re-check: {outcome.reason}, {_full(outcome)}; revision {begun.revision} stands"
        return f"unchanged: {outcome.reason}" if self.ledger.unchanged(begun, note) else "overtaken"

    def _as_before(self, begun: Begun) -> str:
        note = f"replayed: it would say what revision {begun.revision} says"
        return "unchanged" if self.ledger.unchanged(begun, note) else "overtaken"

    def _compared(self, article: Article) -> Article:
        """The article with the earlier one that it repeats, if there is one."""
        original = self.copies.original(article) if self.copies else None
        return article.model_copy(update={"duplicate": original}) if original else article

    def _placed(self, article: Article) -> Article:
        """The article with the story that it belongs to."""
        story = self.stories.story(article) if self.stories else None
        return article.model_copy(update={"story": story}) if story else article

    def _held_back(self, begun: Begun, of: Duplicate) -> str:
        detail = f"{of.kind} of {of.of}, similarity {of.similarity:.2f}: kept back"
        ended = self.ledger.duplicate(begun, of.of, detail)
        return f"duplicate of {of.of}" if ended else "overtaken"

    def _lesson(self, page: Page) -> Lesson:
        """The draft of a page, without what recurs on its site, and what it teaches of the site."""
        from jobs.extract.from_feed import drafted  # heavy, and fetch workers never come here
        from jobs.recurring.lesson import lesson
        from jobs.recurring.titles import SiteTitles

        started = time.perf_counter()
        host = host_of(page.final_url)
        memory = self.sites.read(host) if self.sites else Memory()
        draft = drafted(page, SiteTitles(memory))
        took_ms = round((time.perf_counter() - started) * 1000)
        return lesson(replace(draft, took_ms=took_ms), memory, host)

    def _read(self, begun: Begun, page: Page) -> Lesson:
        lesson = self._lesson(page)
        if skip := lesson.draft.skip:
            # What is kept stays as it is, so no reason is worth another try here.
            raise (Skip if skip.kind is Kind.SKIP else Permanent)(skip, begun.host)
        return lesson

    def _article(self, begun: Begun, page: Page, lesson: Lesson, change: Change | None) -> Article:
        return build_article(
            lesson.draft,
            link_id=begun.link_id,
            revision=begun.revision + 1,
            url_found=begun.url,
            final_url=page.final_url,
            feeds=self.feed_infos(begun.feeds),
            first_seen_ms=begun.first_seen_ms,
            fetched_ms=page.fetched_ms,
            fetch_ms=None if page.refused else page.took_ms,
            emitted_ms=_now_ms(),
            change=change,
            enriched=self._enriched(lesson.draft, page),
        )

    def _enriched(self, draft: Draft, page: Page) -> Enriched:
        from jobs.enrich.enricher import Subject  # heavy, see _lesson
        from jobs.enrich.run import enrich
        from jobs.robots_cache import barred_agents

        barred = barred_agents(self.ledger, page.final_url)
        subject = Subject(draft, url=page.final_url, headers=page.headers, barred_agents=barred)
        return enrich(subject, self.enrichers())

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
        if begun.redo == How.RECHECK:
            return self._stands(begun, outcome)
        if isinstance(outcome, Skip):
            skipped = self.ledger.skip(link, attempt, outcome.reason, _full(outcome))
            return f"skipped: {outcome.reason}" if skipped else "overtaken"
        wait_s = (
            wait_before_next(outcome, begun.tries, random.random()) if isinstance(outcome, Retry) else None
        )
        if wait_s is None:
            failed = self.give_up(link, attempt, begun.host, outcome.reason, _full(outcome))
            return f"failed: {outcome.reason}" if failed else "overtaken"
        note = f"{outcome.reason}, again in {wait_s:.0f} s ({_full(outcome)})"
        # Who is asked too much is asked no more for a while, whatever the link: for as long as it says, else
        # for the first step of the back-off.
        asked_too_much = outcome.reason is Reason.RATE_LIMITED and begun.tries == 1
        block = asked_too_much or (isinstance(outcome, Retry) and outcome.after_s is not None)
        counted = {f"{counts.RETRY} {outcome.reason}": 1}
        later = self.ledger.retry(link, attempt, wait_s, note[:600], block_host=block, counted=counted)
        return f"later: {outcome.reason}" if later else "overtaken"


def _full(outcome: Outcome) -> str:
    """What was tried and how it went."""
    return "; ".join(filter(None, (outcome.detail, outcome.trip)))


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
