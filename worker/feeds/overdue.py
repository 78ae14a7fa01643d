"""After a downtime many feeds are overdue at once: in which order they are polled, and over how long. Pure.

Without this they would all be asked as fast as the machine can, and from then on again and again together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

GRACE_S = 60.0
"""A feed is overdue when it should have been polled this long ago."""
MANY = 128
"""Fewer overdue feeds are simply polled."""
FEEDS_A_SECOND = 20.0
"""How many are caught up with in a second: 10,000 in eight minutes."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """A feed that should have been polled already."""

    id: str
    host: str
    """Its registrable domain."""
    late_s: float
    """For how long."""
    interval_s: float
    """How often it is polled; 0 when it never was."""


def spread(
    feeds: Iterable[Overdue], *, host_delay_s: float, a_second: float = FEEDS_A_SECOND
) -> dict[str, float]:
    """Seconds from now at which each of these feeds is to be polled.

    First those that have missed the most of their own intervals: what is polled often has the most to lose.
    New feeds come before all. Two feeds of one host are at least the host's delay apart.
    """
    order = sorted(feeds, key=lambda feed: (feed.interval_s > 0, -_missed(feed), feed.id))
    free_s: dict[str, float] = {}
    delays_s: dict[str, float] = {}
    for place, feed in enumerate(order):
        at_s = max(place / a_second, free_s.get(feed.host, 0.0))
        free_s[feed.host] = at_s + host_delay_s
        delays_s[feed.id] = at_s
    return delays_s


def _missed(feed: Overdue) -> float:
    return feed.late_s / feed.interval_s if feed.interval_s else 0.0
