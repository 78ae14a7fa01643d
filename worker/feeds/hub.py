"""What it means for a feed's polls that a hub tells us of its news. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from worker.feeds.schedule import Bounds, Next
from worker.feeds.spans import duration

SAFETY_NET_S = 4 * 3_600.0
RARER = 4
"""A feed whose hub is relied on is polled this many times more rarely, and not more often than the above."""


@dataclass(frozen=True, slots=True)
class Hub:
    """What a feed's subscription is worth when the next poll is planned."""

    renew_s: float
    """Seconds until it is to be renewed, which a poll does."""
    relied_on: bool
    """The hub tells us of news, so that polls may be rare."""
    owes: bool = False
    """It told us before this poll, which brought nothing: a cache on the way may have the old document."""


def heed(planned: Next, hub: Hub | None, bounds: Bounds, chance: float, *, least_s: float = 0) -> Next:
    """The next poll of a feed that has a subscription.

    Args:
        planned: without it.
        hub: what the subscription is worth; None when there is none.
        bounds: of intervals.
        chance: a random number in [0, 1), so that feeds don't march in step.
        least_s: what the site asks to wait (Retry-After).
    """
    if hub is None:
        return planned
    because, delay_s = planned.because, planned.delay_s
    if hub.relied_on and hub.owes:
        delay_s = min(delay_s, bounds.min_s)
        because = f"its hub told us of news that we don't see yet: asked again after {duration(delay_s)}"
    elif hub.relied_on:
        rare_s = min(max(SAFETY_NET_S, RARER * delay_s), bounds.max_s)
        because = f"its hub tells us; a poll every {duration(rare_s)} in case it does not"
        delay_s = max(delay_s, rare_s * (1 - chance / 10))
    soonest_s = max(bounds.min_s, least_s)
    if hub.renew_s < delay_s:
        delay_s, because = hub.renew_s, f"{because}; now sooner, since the subscription is to be renewed"
    return replace(planned, delay_s=max(delay_s, soonest_s), because=because)
