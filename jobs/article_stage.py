"""The article stage: the stored page of a link becomes an event on the stream."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from rq.timeouts import JobTimeoutException

from jobs import counts
from jobs.article import Article, Change, Duplicate, Enriched, build_article
from jobs.copies.lineage import lineage
from jobs.errors import Kind, Outcome, Permanent, Reason, Skip
from jobs.event import encode, envelope
from jobs.link import Begun
from jobs.page import Page
from jobs.recheck import told_of, what_changed, worthwhile
from jobs.recurring.memory import Memory
from jobs.recurring.store import host_of
from jobs.reopening import How
from jobs.replay import article_of, as_revision, differing, enriched_again
from jobs.revision import digests
from jobs.urls import link_id
from jobs.validators import pack

if TYPE_CHECKING:
    from jobs.extract.draft import Draft
    from jobs.recurring.lesson import Lesson

from jobs.stage import MAX_HOPS, Stage, now_ms

_WITHOUT_PAGE = (How.ENRICH, How.PUBLISH)
"""Replays of the event, not of the page."""


@dataclass(frozen=True, slots=True)
class ArticleStage(Stage):
    """Takes a link from its stored page to an event."""

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
            article = as_revision(article, article.revision, now_ms(), fields)
        kind: Literal["published", "updated"] = "updated" if begun.revision else "published"
        event = envelope(article, kind=kind, namespace=self.ledger.keys.namespace, time_ms=now_ms())
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
        return as_revision(after, begun.revision + 1, now_ms(), differing(before, after))

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
        event = envelope(article, kind="updated", namespace=self.ledger.keys.namespace, time_ms=now_ms())
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
            emitted_ms=now_ms(),
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
