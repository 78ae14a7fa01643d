"""Our schedule against fixed intervals, over invented feeds, by a clock that nobody waits for.

Each feed is simulated by itself, poll by poll: the document it shows at that moment goes through the same
pure functions as in the poller (`next_poll`, and what is kept in the feed's hash). What is not simulated: the
time a request takes, waiting for a host's turn, caches that show an old document, and edits of old entries.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from worker.bench.population import DAY_S, SimulatedFeed, population
from worker.feeds.learned import rhythm_fields
from worker.feeds.registry import Feed
from worker.feeds.schedule import Bounds, Brought, next_poll

EPOCH_MS = 1_767_571_200_000
"""The simulation begins on Monday, 5 January 2026, 0:00 UTC."""
BOUNDS = Bounds(300, 86_400)
"""The defaults of PALMYRA_POLL_MIN and PALMYRA_POLL_MAX."""
TAIL_S = DAY_S
"""Links of the last day are not counted: a rare feed may not have been asked since."""
PACES = ((100, "over 100 links a day"), (10, "10 to 100 a day"), (1, "1 to 10 a day"), (0, "under 1 a day"))
STEPS_MIN = tuple(0.5 * 2880 ** (step / 60) for step in range(61))
"""Delays at which the plot has a point: from half a minute to a day."""


@dataclass
class Found:
    """What a way of polling came to, over some feeds."""

    requests: int = 0
    with_news: int = 0
    """Requests that found a new link."""
    delays_s: list[float] = field(default_factory=list)
    """Of each link, from its publication to the poll that found it."""
    missed: int = 0
    """Links that no poll ever saw."""
    feed_medians_s: list[float] = field(default_factory=list)
    """Each feed's own median delay."""
    gaps: int = 0
    """Polls that had no overlap with the last."""

    def add(self, other: Found) -> None:
        """Take what came of another feed."""
        self.requests += other.requests
        self.with_news += other.with_news
        self.missed += other.missed
        self.gaps += other.gaps
        self.delays_s += other.delays_s
        if other.delays_s:
            self.feed_medians_s.append(statistics.median(other.delays_s))


Policy = Callable[[SimulatedFeed, float, Random], Iterator[tuple[float, int]]]
"""A feed, the end (s) and chance → the moment of each poll (s), and how many gaps it recorded."""


def simulate(feeds: Sequence[SimulatedFeed], days: float, policy: Policy, seed: int) -> dict[str, Found]:
    """What a way of polling comes to: by pace (`PACES`), and ``all``."""
    found = {name: Found() for name in ("all", *(name for _, name in PACES))}
    for number, feed in enumerate(feeds):
        one = _one(feed, days * DAY_S, policy, Random(f"{seed}/{number}/polls"))
        found["all"].add(one)
        found[next(name for least, name in PACES if feed.a_day >= least)].add(one)
    return found


def _one(feed: SimulatedFeed, end_s: float, policy: Policy, rng: Random) -> Found:
    found, seen = Found(), feed.listed(0.0)[1]  # links from before the beginning do not count
    for at_s, gaps in policy(feed, end_s, rng):
        found.requests += 1
        found.gaps += gaps
        if feed.failure(at_s):
            continue
        first, last = feed.listed(at_s)
        if last > seen:
            found.with_news += 1
            for link in range(seen, last):
                _count(found, feed.published_s[link], at_s if link >= first else math.inf, end_s)
            seen = last
    for published_s in feed.published_s[seen:]:  # not found, and perhaps still to be
        _count(found, published_s, max(end_s, published_s), end_s)
    return found


def _count(found: Found, published_s: float, at_s: float, end_s: float) -> None:
    if published_s >= end_s - TAIL_S:
        return
    if at_s == math.inf:
        found.missed += 1
    else:
        found.delays_s.append(at_s - published_s)


def fixed(interval_s: float) -> Policy:
    """A poll each `interval_s`, come what may."""

    def polls(feed: SimulatedFeed, end_s: float, rng: Random) -> Iterator[tuple[float, int]]:
        at_s = rng.random() * interval_s
        while at_s < end_s:
            yield at_s, 0
            at_s += interval_s

    return polls


def ours(bounds: Bounds = BOUNDS) -> Policy:
    """As the poller does it."""

    def polls(feed: SimulatedFeed, end_s: float, rng: Random) -> Iterator[tuple[float, int]]:
        at_s, known, seen = rng.random() * 60, Feed("simulated", ""), 0
        while at_s < end_s:
            now_ms = EPOCH_MS + int(at_s * 1000)
            before, (first, last) = known.gaps, feed.listed(at_s)
            brought = _brought(feed, at_s, max(first, seen), known)
            after = next_poll(known, brought, bounds, rng.random(), now_ms=now_ms)
            known = _kept(known, rhythm_fields(known, brought, after, now_ms), brought)
            seen = seen if brought.error else last
            yield at_s, known.gaps - before
            at_s += after.delay_s

    return polls


def _brought(feed: SimulatedFeed, at_s: float, seen: int, known: Feed) -> Brought:
    """What a poll at this moment brings, when the links up to `seen` are known."""
    error = feed.failure(at_s)
    if error:
        return Brought(error=error)
    first, last = feed.listed(at_s)
    links = feed.published_s[seen:last]
    dates = tuple(EPOCH_MS + int(link * 1000) if feed.dated else None for link in links)
    unchanged = bool(known.rhythm) and not links
    listed = 0 if unchanged else last - first
    return Brought(
        new=len(links),
        unchanged=unchanged,
        listed=listed,
        published_ms=dates,
        max_age_s=feed.max_age_s,
        ttl_s=feed.ttl_s,
    )


def _kept(known: Feed, fields: dict[str, Any], brought: Brought) -> Feed:
    """The feed as the next poll finds it in its hash: the fields that the schedule reads."""
    failures = known.failures + 1 if brought.error else 0
    kept = {name: fields.get(name, getattr(known, name)) for name in ("rhythm", "listed", "gaps", "missing")}
    return Feed(
        known.id,
        known.url,
        failures=failures,
        rhythm=kept["rhythm"],
        listed=kept["listed"] or 0,
        gaps=kept["gaps"] or 0,
        missing=kept["missing"] or 0,
    )


POLICIES: dict[str, Policy] = {
    "palmyra": ours(),
    "every 15 min": fixed(900),
    "every 60 min": fixed(3600),
}


def run(
    *, days: float, count: int, seed: int, tell: Callable[[str], None] = lambda what: None
) -> dict[str, Any]:
    """All policies over the same feeds; the result is plain data for JSON."""
    tell(f"seed {seed}: inventing {count} feeds")
    feeds = population(count, days, seed)
    result: dict[str, Any] = {"seed": seed, "days": days, "feeds": count, "policies": {}}
    for name, policy in POLICIES.items():
        tell(f"seed {seed}: {days:g} days, {name}")
        found = simulate(feeds, days, policy, seed)
        result["policies"][name] = {group: summary(one, days) for group, one in found.items()}
        result["policies"][name]["all"]["curve"] = curve(found["all"])
    return result


def summary(found: Found, days: float) -> dict[str, Any]:
    """The figures of one row."""
    delays, links = sorted(found.delays_s), len(found.delays_s) + found.missed
    return {
        "requests": found.requests,
        "with_news": found.with_news,
        "links": links,
        "missed": found.missed,
        "gaps": found.gaps,
        "median_s": _quantile(delays, 0.5),
        "p95_s": _quantile(delays, 0.95),
        "mean_s": statistics.fmean(delays) if delays else None,
        "feed_median_s": _quantile(sorted(found.feed_medians_s), 0.5),
        "feeds_with_links": len(found.feed_medians_s),
    }


def curve(found: Found) -> list[tuple[float, float]]:
    """Minutes, and the share of links that were found within them."""
    delays, links = sorted(found.delays_s), len(found.delays_s) + found.missed
    points, done = [], 0
    for minutes in STEPS_MIN:
        while done < len(delays) and delays[done] <= minutes * 60:
            done += 1
        points.append((round(minutes, 3), round(done / max(links, 1), 5)))
    return points


def _quantile(ascending: Sequence[float], part: float) -> float | None:
    return ascending[min(int(part * len(ascending)), len(ascending) - 1)] if ascending else None
