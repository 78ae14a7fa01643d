"""What one poll brought, and what that means for the feed's hash and its schedule. Pure but for the time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.client import Answer
from jobs.entry import ParsedFeed
from jobs.errors import PalmyraError, Retry
from jobs.link import Found
from jobs.urls import split
from jobs.validators import Validators
from worker.feeds import history, moved
from worker.feeds.freshness import max_age_s
from worker.feeds.history import Past
from worker.feeds.learned import published_ms
from worker.feeds.registry import Feed
from worker.feeds.schedule import Brought, Next

MAX_VALIDATOR_CHARS = 1000
"""A longer ETag is not worth its memory: such a feed is downloaded, and its bytes compared."""


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll brought: an error, or an unchanged feed, or a document."""

    error: PalmyraError | None = None
    unchanged: str = ""
    """``not_modified`` (304) or ``same_body``."""
    parsed: ParsedFeed | None = None
    answer: Answer | None = None
    body_hash: str = ""
    took_ms: int = 0
    """From the request to the end of the answer, or to the failure; redirects included."""

    @property
    def reason(self) -> str:
        """The reason word of a failure; empty when the poll succeeded."""
        return str(getattr(self.error, "reason", "error")) if self.error else ""


def past(poll: Poll, *, new: int, listed: int, gap: bool, now_ms: int) -> Past:
    """What is remembered of a poll.

    Args:
        new: links that nobody had seen before.
        listed: links in its document.
        gap: the document had nothing in common with the one before.
        now_ms: when it ended, ms since the epoch.
    """
    answer = poll.answer
    return Past(
        at_s=now_ms // 1000,
        came=poll.reason or poll.unchanged or (history.GAP if gap else history.NEW),
        took_ms=poll.took_ms,
        status=answer.status if answer else 0,
        size_bytes=answer.wire_bytes if answer else 0,
        new=new,
        listed=listed,
    )


def changes(feed: Feed, poll: Poll, new: int, after: Next) -> dict[str, Any]:
    """The fields of the feed's hash that a poll changes (pure but for the time)."""
    now_ms = int(time.time() * 1000)
    fields: dict[str, Any] = {"polled": now_ms, "status": poll.answer.status if poll.answer else ""}
    if after.interval_s is not None:
        fields["interval"] = int(after.interval_s)
    if poll.error:
        charged = {"failures": feed.failures + 1, "reason": poll.reason, "error": str(poll.error)[:300]}
        return fields | charged
    fields |= {"failures": "", "reason": "", "error": ""}
    if poll.answer:
        fields |= given_validators(feed, poll.answer)
        fields["body_hash"] = poll.body_hash
        fields["moving"] = _moving(feed, poll.answer, now_ms)
    if poll.parsed:
        fields |= {"title": feed.title or poll.parsed.title or "", "format": poll.parsed.format}
        fields["ttl"] = poll.parsed.ttl_s or ""
        fields["site_url"] = feed.site_url or poll.parsed.site_url or ""
    if new:
        fields |= {"found": feed.found + new, "newest": now_ms}
    return fields


def validators(feed: Feed) -> Validators | None:
    """What a feed can be asked with whether it changed, at the one URL that can know.

    Raises:
        Permanent: `BAD_URL`; the feed's URL is none.
    """
    if not feed.etag and not feed.modified:
        return None
    return Validators(feed.validated or str(split(feed.login.url)), feed.etag, feed.modified)


def given_validators(feed: Feed, answer: Answer) -> dict[str, str]:
    """The validators after a good answer (200 or 304) to a poll of `feed`, as fields of its hash.

    A 304 need not repeat them; those of another document are worth nothing (RFC 9111, 4.3.4).
    """
    kept = feed if answer.status == 304 else Feed(feed.id, feed.url)
    elsewhere = answer.final_url if answer.redirects else ""
    if len(elsewhere) > MAX_VALIDATOR_CHARS:
        return {"etag": "", "modified": "", "validated": ""}
    etag = _validator(answer.etag) or kept.etag
    modified = _validator(answer.last_modified) or kept.modified
    return {"etag": etag, "modified": modified, "validated": elsewhere if etag or modified else ""}


def _moving(feed: Feed, answer: Answer, now_ms: int) -> str:
    """A feed with a login stays where it is: its secret was given for that place."""
    target = answer.final_url if answer.moved_permanently and not feed.login.headers else ""
    return moved.seen(moved.Move.parse(feed.moving), target, now_ms).text


def _validator(text: str | None) -> str:
    return text if text and len(text) <= MAX_VALIDATOR_CHARS else ""


def brought(feed: Feed, poll: Poll, *, new: int, listed: int, fresh: Sequence[Found]) -> Brought:
    """What the schedule needs to know of a poll of `feed` (as it was before)."""
    if poll.error:
        after_s = poll.error.after_s if isinstance(poll.error, Retry) else None
        return Brought(error=poll.reason, retry_after_s=after_s)
    answer = poll.answer
    return Brought(
        new=new,
        unchanged=bool(poll.unchanged),
        listed=listed,
        published_ms=published_ms(link.entry for link in fresh),
        retry_after_s=answer.retry_after_s if answer else None,
        max_age_s=max_age_s(answer.headers, answer.received_s) if answer else None,
        ttl_s=poll.parsed.ttl_s if poll.parsed else feed.ttl or None,
    )
