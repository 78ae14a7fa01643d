"""When what could not be delivered is tried again, and when it is given up. Pure.

A hook that fails is left alone for a while (`pause_s`), longer each time. An event that failed `IN_PLACE`
times is set aside and those after it are tried: one event that a receiver chokes on does not hold up others.
So order is kept as long as a hook works. What is set aside is tried again on its own, and ends among the
hook's dead letters a day after its first attempt; if the hook answers nothing at all, that day begins with
the first failure, or the event, so that a hook that is gone holds a day of the stream and no more.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

IN_PLACE = 4
"""Attempts before an event is set aside: about two minutes."""
MOST_ASIDE = 100
"""With so many set aside nothing new is begun."""
GIVE_UP_S = 86_400
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 3_600.0
FACTOR = 4
JITTER = 0.25
"""A pause is up to this part longer, so that those who failed together don't come back together."""


@dataclass(frozen=True, slots=True)
class Try:
    """How far the delivery of an event has come. Times in ms since the epoch."""

    count: int = 0
    """Attempts that failed."""
    first_ms: int = 0
    """When the first of them was."""
    again_ms: int = 0
    """Not tried again before, where it was set aside; 0: it was not."""
    requeued: bool = False
    """An operator wants it delivered although it was given up."""


def pause_s(failures: int, retry_after_s: float | None = None) -> float:
    """How long to wait after so many failures in a row (from 1); at least as long as the receiver asks."""
    doubled = FIRST_PAUSE_S * float(FACTOR) ** min(failures - 1, 10)
    pause = min(doubled, LONGEST_PAUSE_S) * (1 + random.uniform(0, JITTER))
    return max(pause, min(retry_after_s or 0.0, float(GIVE_UP_S)))


def failed(before: Try, now_ms: int) -> Try:
    """After one more failed attempt."""
    count = before.count + 1
    aside = count >= IN_PLACE or before.requeued
    again_ms = now_ms + int(pause_s(count) * 1000) if aside else 0
    return Try(count, before.first_ms or now_ms, again_ms, before.requeued)


def given_up(tried: Try, event_ms: int, failing_ms: int, now_ms: int) -> bool:
    """Whether an event has had its time.

    Args:
        tried: what came of it so far; a fresh one was never tried.
        event_ms: when it was put on the stream.
        failing_ms: since when the hook has answered nothing; 0: it works.
    """
    starts = [tried.first_ms] if tried.first_ms else []
    if failing_ms and not tried.requeued:
        starts.append(max(event_ms, failing_ms))
    return bool(starts) and now_ms - min(starts) > GIVE_UP_S * 1000
