"""When a feed is polled next, and why, in words. Pure: what happened goes in, a delay comes out.

The rule: an interval per feed, multiplied. What comes faster than we look shortens it, each poll without news
lengthens it a little, so that it settles where about one poll in five brings something, and grows by about a
sixth of the time a feed has been silent. Errors do not change it; they only put the next poll off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from jobs.errors import Reason
from worker.feeds.errors import FeedReason

FIRST_INTERVAL_S = 900.0
"""After the first poll, whose entries may be from any time."""
FASTER = 0.5
SLOWER = 1.2
JITTER = 0.1
"""The next poll is up to this part of the interval earlier or later, so that feeds don't march in step."""
MAX_HINT_S = 3600.0
"""Wishes for rarer polls (ttl, max-age) are believed up to here: many say a day and publish hourly."""
REFUSED_S = 1800.0
"""First wait when asking again soon can't help."""
BUSY_S = 900.0
"""First wait when the site has too much to do and doesn't say for how long."""
GONE_S = 7 * 86400.0
MAX_RETRY_AFTER_S = 7 * 86400.0

_REFUSED: frozenset[str] = frozenset(
    {
        Reason.NOT_FOUND,
        Reason.FORBIDDEN,
        Reason.HTTP_ERROR,
        Reason.REDIRECT_LOOP,
        Reason.BAD_REDIRECT,
        Reason.NOT_HTML,
        Reason.TOO_LARGE,
        Reason.TLS,
        Reason.BLOCKED_ADDRESS,
        Reason.BAD_URL,
        *(set(FeedReason) - {FeedReason.EMPTY, FeedReason.TRUNCATED}),
    }
)
"""Everything else (timeouts, DNS, 5xx, a document that is cut off) may be over in minutes."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The settings: no learned interval is outside of these."""

    min_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Brought:
    """What a poll brought."""

    new: int = 0
    """Links nobody had seen before."""
    unchanged: bool = False
    """The document is the same (304, or the same bytes)."""
    error: str | None = None
    """The reason word of a failure (`Reason` or `FeedReason`); None: the poll succeeded."""
    retry_after_s: float | None = None
    max_age_s: float | None = None
    """How much longer the publisher's caches serve this document (Cache-Control, Expires, less Age)."""
    ttl_s: float | None = None
    """The feed's own wish (RSS ttl, sy:updatePeriod)."""


@dataclass(frozen=True, slots=True)
class Next:
    """When the next poll is."""

    delay_s: float
    """Seconds from now."""
    because: str
    """One clause for the operator."""
    interval_s: float | None = None
    """The feed's interval from now on, to be kept; None: as it was."""


class Polled(Protocol):
    """What is known of a feed from before the poll (`worker.feeds.registry.Feed` has it)."""

    @property
    def interval(self) -> int:
        """Seconds; 0 before the first poll."""

    @property
    def pinned(self) -> int:
        """Seconds, fixed by the operator; 0: learned."""

    @property
    def failures(self) -> int:
        """Failed polls in a row, the present one not counted."""


def next_poll(feed: Polled, brought: Brought, bounds: Bounds, chance: float) -> Next:
    """When to poll again.

    Args:
        feed: as it was before the poll.
        brought: what the poll brought.
        bounds: of intervals and of waits after errors. Only these may lie outside: a pinned interval, a
            Retry-After, and a feed that is gone.
        chance: a random number in [0, 1), for the jitter.
    """
    if brought.error:
        return _after_error(feed, brought, bounds, chance)
    if feed.pinned:
        return _not_before(Next(feed.pinned, f"pinned to every {duration(feed.pinned)}"), brought)
    interval_s, because = _learned(feed, brought, bounds)
    hint_s = min(max(brought.max_age_s or 0, brought.ttl_s or 0), MAX_HINT_S, bounds.max_s)
    if hint_s > interval_s:
        whose = "its server" if (brought.max_age_s or 0) >= hint_s else "the feed"
        because += f", but {whose} asks for polls no closer than {duration(hint_s)}"
    wait_s = max(interval_s, hint_s)
    delay_s = _clamp(wait_s * (1 + JITTER * (2 * chance - 1)), max(bounds.min_s, hint_s), bounds.max_s)
    return _not_before(Next(delay_s, because, interval_s), brought)


def _learned(feed: Polled, brought: Brought, bounds: Bounds) -> tuple[float, str]:
    """The interval from now on, and why."""
    if not feed.interval:
        interval_s = _clamp(FIRST_INTERVAL_S, bounds.min_s, bounds.max_s)
        return (
            interval_s,
            f"polled for the first time: every {duration(interval_s)} until its rhythm is known",
        )
    old_s = _clamp(feed.interval, bounds.min_s, bounds.max_s)
    if brought.new:
        # Many at once: the interval that would have brought one each time.
        interval_s = _clamp(old_s * min(FASTER, 1 / brought.new), bounds.min_s, bounds.max_s)
        what = "1 new link" if brought.new == 1 else f"{brought.new:,} new links"
        return interval_s, _change(what, "more often", "the shortest interval", interval_s, old_s)
    interval_s = _clamp(old_s * SLOWER, bounds.min_s, bounds.max_s)
    what = "not changed" if brought.unchanged else "changed, but no new links"
    return interval_s, _change(what, "a little less often", "the longest interval", interval_s, old_s)


def _change(what: str, how: str, end: str, interval_s: float, old_s: float) -> str:
    if interval_s == old_s:
        return f"{what}: already at {end}, {duration(interval_s)}"
    return f"{what}: polled {how}, every {duration(interval_s)}"


def _after_error(feed: Polled, brought: Brought, bounds: Bounds, chance: float) -> Next:
    failures = feed.failures + 1
    times = "failed" if failures == 1 else f"failed {failures:,} times in a row"
    said = f"{times} ({brought.error})"
    if brought.error == Reason.GONE:
        wait_s = max(GONE_S, bounds.max_s)
        return Next(
            wait_s * (1 + JITTER * chance), f"the site says it is gone: asked every {duration(wait_s)}"
        )
    if brought.retry_after_s is not None:
        wait_s = _clamp(brought.retry_after_s, bounds.min_s, max(MAX_RETRY_AFTER_S, bounds.min_s))
        because = f"{said}: the site asks to wait {duration(brought.retry_after_s)}"
        return Next(max(wait_s * (1 + JITTER * chance), feed.pinned), because)
    first_s = _clamp(_first_wait_s(brought.error or ""), bounds.min_s, bounds.max_s)
    doubled_s = first_s * 2.0 ** min(failures - 1, 30)
    delay_s = _clamp(doubled_s * (1 + JITTER * chance), bounds.min_s, bounds.max_s)
    most = "" if doubled_s < bounds.max_s else ", the longest wait"
    return Next(
        max(delay_s, feed.pinned), f"{said}: asked again after {duration(max(delay_s, feed.pinned))}{most}"
    )


def _first_wait_s(error: str) -> float:
    if error in _REFUSED:
        return REFUSED_S
    return BUSY_S if error == Reason.RATE_LIMITED else 0.0


def _not_before(after: Next, brought: Brought) -> Next:
    """A Retry-After that came with a good answer holds too."""
    asked_s = min(brought.retry_after_s or 0, MAX_RETRY_AFTER_S)
    if asked_s <= after.delay_s:
        return after
    return Next(asked_s, f"{after.because}, but the site asks to wait {duration(asked_s)}", after.interval_s)


def _clamp(value: float, least: float, most: float) -> float:
    return min(max(value, least), max(most, least))


def duration(seconds: float) -> str:
    """A length of time as people say it: ``45 s``, ``10 min``, ``2 h 30 min``, ``3 days``."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        hours, rest = divmod(minutes, 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days = round(seconds / 86400)
    return "1 day" if days == 1 else f"{days} days"
