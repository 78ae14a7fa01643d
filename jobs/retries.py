"""When a failed attempt is worth another one (pure)."""

from __future__ import annotations

from jobs.errors import Reason, Retry

STEPS_S = (60, 600, 3600, 4 * 3600, 12 * 3600)
"""Waits after the first, second, … failed attempt; after the last one the link is given up."""
SHORT_STEPS_S = (60, 3600)
"""For answers that rarely change: nobody is served by asking them five times."""
LONGEST_RETRY_AFTER_S = 24 * 3600
LONG_STEPS_S = (3600, 6 * 3600, 18 * 3600)
"""For challenges: they pass when the site's protection calms down, and asking often keeps it from that."""
_RARELY_CHANGES = frozenset({Reason.EMPTY, Reason.TLS, Reason.DNS})


def wait_before_next(outcome: Retry, tries: int, jitter: float) -> float | None:
    """Seconds until the next attempt, or None to give up.

    Args:
        outcome: what the attempt ended with; its ``after_s`` (Retry-After) replaces the step.
        tries: attempts so far, this one included.
        jitter: a random number from 0 to 1; spreads links that failed together over 20 % of the step.
    """
    steps = _steps(outcome.reason)
    if tries > len(steps):
        return None
    if outcome.after_s is not None:
        return min(max(outcome.after_s, 1.0), LONGEST_RETRY_AFTER_S)
    return steps[tries - 1] * (1 + 0.2 * jitter)


def _steps(reason: Reason) -> tuple[int, ...]:
    if reason is Reason.BOT_CHALLENGE:
        return LONG_STEPS_S
    return SHORT_STEPS_S if reason in _RARELY_CHANGES else STEPS_S
