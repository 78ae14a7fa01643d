"""Published articles that are asked for again: which are worth it, what they say now, what no page means."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobs.article import Article, Change
from jobs.entry import FeedInfo
from jobs.errors import Reason
from jobs.event import envelope
from jobs.ledger_view import LedgerView
from jobs.link import Begun
from jobs.page import Page
from jobs.revision import Said, change, digests, revised
from jobs.withdrawal import PUBLISHER, withdrawn_article

if TYPE_CHECKING:  # heavy: only article workers extract
    from jobs.recurring.lesson import Lesson

FRESH = timedelta(days=3)
"""Age up to which an article is news when it is published here: its site is asked later if it changed."""
VANISHED = (Reason.GONE, Reason.NOT_FOUND)
"""The publisher took the article down. Other reasons may pass, or are about us (walls, the law)."""


def worthwhile(article: Article, page: Page, now: datetime) -> bool:
    """Is it news, on a page that its site gives us? Not so what is old, or where the feed stands in."""
    if page.refused:
        return False
    return now - _published(article) <= FRESH


def _published(article: Article) -> datetime:
    for text in (article.published or "", article.first_seen):
        with suppress(ValueError):  # the 30th of February
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.max.replace(tzinfo=UTC)


def what_changed(begun: Begun, before: Article | None, lesson: Lesson) -> Change | None:
    """What an article says that its newest revision does not; None when it says the same, or nobody knows.

    Args:
        begun: the attempt.
        before: the newest revision, while its event is on the stream; else digests are compared.
        lesson: the page as it is now. A sentence that is on it still, though no longer in the article since
            it recurs on its site, was removed by nobody.
    """
    read, now = lesson.as_read, lesson.draft
    if before is None:
        return change(begun.digests, digests(read.headline, read.text))
    language = before.language or now.language
    page = Said.of(read.headline, read.text, language).sentences
    after = Said.of(now.headline, now.text, language)
    return revised(Said.of(before.headline, before.text, language), after, page, read.titles)


def told_of(change: Change | None) -> str:
    """What a revision changed, for the link's way."""
    return f"; {change.kind} change of {', '.join(change.fields) or 'nothing'}" if change else ""


def vanished_event(ledger: LedgerView, begun: Begun, feeds: list[FeedInfo], now_ms: int) -> dict[str, Any]:
    """The withdrawal of an article that its publisher took down."""
    story, revision = ledger.story(begun.link_id), begun.revision + 1
    article = withdrawn_article(begun.link_id, story, begun.url, revision, feeds, now_ms, by=PUBLISHER)
    return envelope(article, kind="withdrawn", namespace=ledger.keys.namespace, time_ms=now_ms)
