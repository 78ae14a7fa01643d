"""When a feed whose poll failed is asked again. Pure.

Reasons weigh differently: a server in trouble may be well in minutes, a name that does not resolve in an
hour, a certificate when somebody comes to work. Each failure in a row doubles the wait, up to the longest for
its reason; no feed is ever given up.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobs.errors import Reason
from worker.feeds.errors import FeedReason
from worker.feeds.spans import clamp, duration

JITTER = 0.1
"""The next poll is up to this part of the wait later."""
GONE_S = 7 * 86_400.0
"""How often a feed is asked whose site says that it is gone (410), or that has long been missing (404)."""
MISSING_S = 7 * 86_400.0
MISSING_TIMES = 10
"""A feed is gone after as many 404s in a row, over at least as long a time."""
MAX_RETRY_AFTER_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Weight:
    """How a reason weighs."""

    first_s: float
    """The wait after the first failure; the shortest interval, if that is longer."""
    longest_s: float
    """Where doubling ends; the longest interval, if that is shorter."""


HOUR_S, DAY_S = 3_600.0, 86_400.0
_TROUBLE = Weight(0, 6 * HOUR_S)
_UNREACHABLE = Weight(600, 12 * HOUR_S)
_REFUSED = Weight(1_800, 30 * DAY_S)
WEIGHTS: dict[str, Weight] = {
    Reason.SERVER_ERROR: _TROUBLE,
    Reason.BAD_RESPONSE: _TROUBLE,
    Reason.WRONG_LENGTH: _TROUBLE,
    FeedReason.EMPTY: _TROUBLE,
    FeedReason.TRUNCATED: _TROUBLE,
    Reason.TIMEOUT: _UNREACHABLE,
    Reason.TOO_SLOW: _UNREACHABLE,
    Reason.CONNECT: _UNREACHABLE,
    Reason.DNS: Weight(900, 30 * DAY_S),
    Reason.RATE_LIMITED: Weight(900, 30 * DAY_S),
    Reason.TLS: Weight(HOUR_S, 30 * DAY_S),
}
"""Every other reason (404, 403, what is no feed, …) is `_REFUSED`: asking again soon can't help."""


@dataclass(frozen=True, slots=True)
class Wait:
    """How long to wait, and why."""

    delay_s: float
    because: str
    gone: bool = False
    """The feed is gone: rarely asked, never dropped."""


def after_failure(
    error: str,
    failures: int,
    *,
    min_s: float,
    max_s: float,
    chance: float,
    missing_s: float = 0.0,
    retry_after_s: float | None = None,
) -> Wait:
    """How long to wait after a failed poll.

    Args:
        error: the reason word.
        failures: how often in a row, this one counted.
        min_s, max_s: the shortest and the longest interval. A Retry-After and a feed that is gone go beyond.
        chance: a random number in [0, 1), for the jitter.
        missing_s: for how long the site has been saying nothing but 404 (or 410).
        retry_after_s: the wait that the site asks for.
    """
    later = 1 + JITTER * chance
    gone = _gone(error, failures, missing_s)
    if gone:
        wait_s = max(GONE_S, max_s)
        return Wait(wait_s * later, f"{gone}: asked every {duration(wait_s)}", gone=True)
    times = "failed" if failures == 1 else f"failed {failures:,} times in a row"
    said = f"{times} ({error})"
    if retry_after_s is not None:
        wait_s = clamp(retry_after_s, min_s, max(MAX_RETRY_AFTER_S, min_s))
        return Wait(wait_s * later, f"{said}: the site asks to wait {duration(retry_after_s)}")
    weight = WEIGHTS.get(error, _REFUSED)
    longest_s = clamp(weight.longest_s, min_s, max_s)
    doubled_s = clamp(weight.first_s, min_s, longest_s) * 2.0 ** min(failures - 1, 30)
    delay_s = min(doubled_s * later, longest_s)
    most = "" if doubled_s < longest_s else ", the longest wait"
    return Wait(delay_s, f"{said}: asked again after {duration(delay_s)}{most}")


def _gone(error: str, failures: int, missing_s: float) -> str:
    """Why the feed counts as gone; empty if it does not."""
    if error == Reason.GONE:
        return "the site says it is gone"
    if error == Reason.NOT_FOUND and failures >= MISSING_TIMES and missing_s >= MISSING_S:
        return f"not found for {duration(missing_s)}, taken for gone"
    return ""
