"""When a feed is polled next, and why, in words. Pure: what happened goes in, a delay comes out.

The rule: **a poll is worth a minute of a link's waiting.** From a feed's rhythm follows how many links have
probably come by any moment, and how long they have waited together; when that reaches `WORTH_S`, it is time
to look. Intervals then go with one over the square root of the pace, which gives the shortest waiting for a
number of requests [1]; and a feed that sleeps at night is let sleep, and asked soon after it wakes. Errors do
not change the rhythm; they only put the next poll off (see backoff.py).

[1] K. C. Sia, J. Cho, H.-K. Cho: Efficient Monitoring Algorithm for Fast News Alerts, IEEE TKDE 19 (7), 2007.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

from jobs.errors import Reason
from worker.feeds import rhythm as rhythms
from worker.feeds.backoff import MAX_RETRY_AFTER_S, after_failure
from worker.feeds.rhythm import DAY_S, Rhythm, Shape, shape
from worker.feeds.rhythm_words import pace_words
from worker.feeds.skips import allowed_from, unpack
from worker.feeds.spans import clamp, duration

__all__ = ["Bounds", "Brought", "Next", "Plan", "Polled", "duration", "is_gap", "next_poll"]

WORTH_S = 60.0
"""Seconds of one link's waiting that a request is worth."""
FIRST_INTERVAL_S = 900.0
"""What follows from it for a feed of which nothing is known."""
PATIENCE_TIMES = 3.0
"""Publications that may be overdue before the feed is taken to have slowed down."""
AFTER_GAP = 0.25
"""After a gap the next poll comes within this part of the time since the last one."""
JITTER = 0.1
"""The next poll is up to this part of the interval earlier or later, so that feeds don't march in step."""
MAX_HINT_S = 3600.0
"""Wishes for rarer polls (ttl, max-age) are believed up to here: many say a day and publish hourly."""
SKIP_SPREAD_S = 600.0
"""After hours to be skipped, feeds are asked over this time."""


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
    listed: int = 0
    """Links in the document, when it was read."""
    published_ms: tuple[int | None, ...] = ()
    """When the links were published that *this feed* did not list before; None where it does not say."""
    error: str | None = None
    """The reason word of a failure (`Reason` or `FeedReason`); None: the poll succeeded."""
    retry_after_s: float | None = None
    max_age_s: float | None = None
    """How much longer the publisher's caches serve this document (Cache-Control, Expires, less Age)."""
    ttl_s: float | None = None
    """The feed's own wish (RSS ttl, sy:updatePeriod)."""


@dataclass(frozen=True, slots=True)
class Next:
    """When the next poll is, and what is to be kept of this one."""

    delay_s: float
    """Seconds from now."""
    because: str
    """One clause for the operator."""
    interval_s: float | None = None
    """The feed's interval from now on, to be kept; None: as it was."""
    rhythm: Rhythm | None = None
    """What is now known of its rhythm; None: as it was."""
    gap: bool = False
    """No overlap with the last document: links were probably missed."""
    gone: bool = False
    """The site says for good that it is not there."""


class Polled(Protocol):
    """What is known of a feed from before the poll (`worker.feeds.registry.Feed` has it)."""

    @property
    def pinned(self) -> int:
        """Seconds, fixed by the operator; 0: learned."""

    @property
    def failures(self) -> int:
        """Failed polls in a row, the present one not counted."""

    @property
    def missing(self) -> int:
        """Since when it answers nothing but 404 or 410 (ms since the epoch); 0: it does not."""

    @property
    def rhythm(self) -> str:
        """`Rhythm.text`; empty before the first poll."""

    @property
    def listed(self) -> int:
        """Links in its last document."""

    @property
    def skip_hours(self) -> str:
        """`skips.pack`."""

    @property
    def skip_days(self) -> str:
        """The same."""


def next_poll(feed: Polled, brought: Brought, bounds: Bounds, chance: float, *, now_ms: int) -> Next:
    """When to poll again.

    Args:
        feed: as it was before the poll, but for the hours and days to be skipped: as the poll found them.
        brought: what the poll brought.
        bounds: of intervals and of waits after errors. Only these may lie outside: a pinned interval, a
            Retry-After, and a feed that is gone.
        chance: a random number in [0, 1), for the jitter.
        now_ms: the present, ms since the epoch.
    """
    if brought.error:
        return _after_error(feed, brought, bounds, chance, now_ms)
    before, gap = Rhythm.parse(feed.rhythm), is_gap(feed, brought)
    if before is None:
        known = rhythms.first(brought.published_ms, now_ms)
    else:
        known = rhythms.learn(before, brought.published_ms, now_ms, gap=gap)
    if feed.pinned:
        after = Next(feed.pinned, f"pinned to every {duration(feed.pinned)}", rhythm=known, gap=gap)
        return _not_before(after, brought)
    plan = _plan(known, bounds)
    if gap and before is not None:
        plan = _sooner(plan, now_ms / 1000 - before.at_s, bounds)
    head = _what(brought) if before else "polled for the first time"
    because = f"{head}; {plan.because}: every {duration(plan.interval_s)}{plan.limit}"
    after = _hinted(
        Next(plan.interval_s, because, plan.interval_s, known, gap), plan, brought, bounds, chance
    )
    return _not_before(_allowed(feed, after, bounds, now_ms, chance), brought)


def is_gap(feed: Polled, brought: Brought) -> bool:
    """Whether links were probably missed: several are listed, and none of them was in the last document."""
    return bool(feed.listed) and brought.listed >= 2 and len(brought.published_ms) >= brought.listed


@dataclass(frozen=True, slots=True)
class Plan:
    """What the rhythm asks for."""

    interval_s: float
    because: str
    limit: str
    """What keeps the interval from being longer or shorter, in words."""
    usual_gap_s: float
    """Between two publications at this hour."""


def _plan(known: Rhythm, bounds: Bounds) -> Plan:
    form = shape(known)
    slowed = max(1.0, known.overdue / PATIENCE_TIMES)
    pace = known.links_a_day / DAY_S / slowed**2
    wanted_s = _until_worth(form, pace, known.at_s, bounds.max_s)
    interval_s = clamp(wanted_s, bounds.min_s, bounds.max_s)
    limit = ""
    if wanted_s <= bounds.min_s:
        limit = ", the shortest interval"
    elif wanted_s >= bounds.max_s:
        limit = ", the longest interval"
    times_now = known.times_a_day * form.at(known.at_s) / DAY_S
    return Plan(interval_s, _rhythm_words(known, form, slowed), limit, slowed / times_now)


def _until_worth(form: Shape, pace: float, start_s: float, longest_s: float) -> float:
    """Seconds until the links that probably come have waited `WORTH_S` together; at most `longest_s`.

    Args:
        pace: links a second in a usual hour.
    """
    come, waited, at_s, end_s = 0.0, 0.0, start_s, start_s + longest_s
    while at_s < end_s:
        span_s = min((at_s // 3600 + 1) * 3600, end_s) - at_s
        rate = pace * form.at(at_s)
        # When waited + come*t + rate*t²/2 = WORTH_S, in a form that is exact for the smallest rates.
        left = WORTH_S - waited
        root = math.sqrt(come * come + 2 * rate * left)
        if 2 * left <= span_s * (come + root):
            return at_s - start_s + 2 * left / (come + root)
        waited += come * span_s + rate * span_s * span_s / 2
        come += rate * span_s
        at_s += span_s
    return longest_s


def _sooner(plan: Plan, since_last_s: float, bounds: Bounds) -> Plan:
    interval_s = clamp(min(plan.interval_s, since_last_s * AFTER_GAP), bounds.min_s, bounds.max_s)
    because = f"nothing in it was in the last one, some links were probably missed; {plan.because}"
    return Plan(interval_s, because, plan.limit if interval_s == plan.interval_s else "", plan.usual_gap_s)


def _hinted(after: Next, plan: Plan, brought: Brought, bounds: Bounds, chance: float) -> Next:
    """With jitter, and as the publisher wishes, as far as what it publishes does not contradict that."""
    wish_s = max(brought.max_age_s or 0.0, brought.ttl_s or 0.0)
    least_s = min(wish_s, MAX_HINT_S, plan.usual_gap_s, bounds.max_s)
    because = after.because
    if least_s > plan.interval_s:
        whose = "its server" if (brought.max_age_s or 0.0) >= least_s else "the feed"
        because += f", but {whose} asks for polls no closer than {duration(least_s)}"
    wanted_s = max(plan.interval_s, least_s) * (1 + JITTER * (2 * chance - 1))
    return replace(after, delay_s=clamp(wanted_s, max(bounds.min_s, least_s), bounds.max_s), because=because)


def _allowed(feed: Polled, after: Next, bounds: Bounds, now_ms: int, chance: float) -> Next:
    """Past the hours and days that the feed asks to skip, though no later than the longest interval."""
    at_s = now_ms / 1000 + after.delay_s
    hours, days = unpack(feed.skip_hours), unpack(feed.skip_days)
    late_s = allowed_from(at_s, hours, days) - at_s
    if not late_s:
        return after
    spread_s = SKIP_SPREAD_S * chance  # or they all came at the full hour
    delay_s = clamp(after.delay_s + late_s + spread_s, after.delay_s, bounds.max_s)
    what = "hours" if hours and not days else "days" if days and not hours else "hours and days"
    because = f"{after.because}, but in {duration(delay_s)}, since it asks to skip {what}"
    return replace(after, delay_s=delay_s, because=because)


def _after_error(feed: Polled, brought: Brought, bounds: Bounds, chance: float, now_ms: int) -> Next:
    absent = brought.error in (Reason.NOT_FOUND, Reason.GONE)
    wait = after_failure(
        brought.error or "",
        feed.failures + 1,
        min_s=bounds.min_s,
        max_s=bounds.max_s,
        chance=chance,
        missing_s=(now_ms - feed.missing) / 1000 if absent and feed.missing else 0.0,
        retry_after_s=brought.retry_after_s,
    )
    if wait.delay_s >= feed.pinned:
        return Next(wait.delay_s, wait.because, gone=wait.gone)
    return Next(feed.pinned, f"{wait.because}, but pinned to every {duration(feed.pinned)}", gone=wait.gone)


def _not_before(after: Next, brought: Brought) -> Next:
    """A Retry-After that came with a good answer holds too."""
    asked_s = min(brought.retry_after_s or 0, MAX_RETRY_AFTER_S)
    if asked_s <= after.delay_s:
        return after
    return replace(
        after,
        delay_s=asked_s,
        because=f"{after.because}, but the site asks to wait {duration(asked_s)}",
    )


def _what(brought: Brought) -> str:
    if brought.new:
        return "1 new link" if brought.new == 1 else f"{brought.new:,} new links"
    return "not changed" if brought.unchanged else "changed, but no new links"


def _rhythm_words(known: Rhythm, form: Shape, slowed: float) -> str:
    if not known.links:
        silent = f", nothing for {duration(known.silence * DAY_S)}" if slowed > 1 else ""
        return f"its rhythm is not known yet{silent}"
    usual = pace_words(known.links_a_day)
    if slowed > 1:
        return f"nothing for {duration(known.silence * DAY_S)}, though usually {usual}"
    now = form.at(known.at_s)
    at_this_hour = ", more at this hour" if now >= 1.5 else ", fewer at this hour" if now <= 0.6 else ""
    return f"usually {usual}{at_this_hour}"
