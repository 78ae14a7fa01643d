"""How a feed does, at a glance: the words that lists, metrics and doctor use. Pure."""

from __future__ import annotations

from enum import StrEnum

from worker.feeds.registry import Feed
from worker.feeds.rhythm import Rhythm
from worker.feeds.schedule import FIRST_INTERVAL_S

STALE_S = 86_400
"""A feed is stale when no poll succeeded for this long, and for …"""
STALE_INTERVALS = 5
"""… so many of its own intervals."""


class FeedState(StrEnum):
    """The states, the one that most needs an operator first. A feed may be in several."""

    GONE = "gone"
    FAILING = "failing"
    STALE = "stale"
    SILENT = "silent"
    MOVING = "moving"
    NEW = "new"
    OK = "ok"
    PAUSED = "paused"

    @property
    def meaning(self) -> str:
        """One plain clause, for people."""
        return MEANING[self]


MEANING: dict[FeedState, str] = {
    FeedState.GONE: "its site says for good that it is not there: asked once a week",
    FeedState.FAILING: "its last poll failed",
    FeedState.STALE: "no poll has succeeded for a day and for five of its own intervals",
    FeedState.SILENT: "it answers, but brings nothing new against its own rhythm",
    FeedState.MOVING: "it redirects for good, which has yet to hold for a day",
    FeedState.NEW: "it was not polled yet",
    FeedState.OK: "its last poll succeeded",
    FeedState.PAUSED: "it is not polled: paused by the operator",
}


def states(feed: Feed, now_ms: int) -> tuple[FeedState, ...]:
    """All states that a feed is in, the gravest first; ``paused``, ``gone``, ``ok`` only alone."""
    if feed.paused:
        return (FeedState.PAUSED,)
    if feed.gone:
        return (FeedState.GONE,)
    holds = {
        FeedState.FAILING: feed.failures > 0,
        FeedState.STALE: is_stale(feed, now_ms),
        FeedState.SILENT: feed.silent > 0 and not feed.failures,
        FeedState.MOVING: bool(feed.moving),
        FeedState.NEW: not feed.polled,
    }
    return tuple(state for state, does in holds.items() if does) or (FeedState.OK,)


def state(feed: Feed, now_ms: int) -> FeedState:
    """The gravest of its states."""
    return states(feed, now_ms)[0]


def is_stale(feed: Feed, now_ms: int) -> bool:
    """Whether no poll has succeeded for long, against the feed's own plan: whoever is to blame."""
    since_ms = answered_ms(feed) or feed.added
    plan_s = feed.pinned or feed.interval or FIRST_INTERVAL_S
    return now_ms - since_ms > max(STALE_S, STALE_INTERVALS * plan_s) * 1000


def answered_ms(feed: Feed) -> int:
    """When a poll last succeeded, ms since the epoch; 0: never."""
    if not feed.failures:
        return feed.polled
    known = Rhythm.parse(feed.rhythm)  # learns from good polls only
    return known.at_s * 1000 if known else 0


def links_a_day(feed: Feed) -> float | None:
    """How many links it usually brings; None when that is not known yet."""
    known = Rhythm.parse(feed.rhythm)
    return known.links_a_day if known and known.links else None
