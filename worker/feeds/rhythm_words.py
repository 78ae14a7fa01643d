"""A feed's rhythm in words, for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from worker.feeds.rhythm import DAY_S, Rhythm, shape
from worker.feeds.spans import duration

_BARS = "▁▂▃▄▅▆▇█"


def describe(rhythm: Rhythm | None) -> str:
    """All that is known: pace, hours, weekdays, and how long nothing has come."""
    if rhythm is None or not rhythm.links:
        return "not known yet"
    form = shape(rhythm)
    parts = [
        watched_pace(rhythm),
        f"by hour from 0 UTC {bars(form.hours)}",
        f"from Monday {bars(form.weekdays)}",
        silence_words(rhythm),
    ]
    return "; ".join(part for part in parts if part)


def watched_pace(rhythm: Rhythm) -> str:
    """``about 40 links a day, from 12 days of watching``."""
    return f"{pace_words(rhythm.links_a_day)}, from {duration(rhythm.at_s - rhythm.since_s)} of watching"


def silence_words(rhythm: Rhythm) -> str:
    """For how long nothing has come, when something should have; quiet nights do not count."""
    return f"nothing for {duration(rhythm.silence * DAY_S)} of usual time" if rhythm.overdue >= 1 else ""


def bars(factors: Sequence[float]) -> str:
    """A bar for each factor, the highest for the largest."""
    most = max(factors)
    return "".join(_BARS[min(int(factor / most * len(_BARS)), len(_BARS) - 1)] for factor in factors)


def pace_words(links_a_day: float) -> str:
    """``about 40 links a day``, ``about 3 links a week``, ``about 2 links a month``."""
    for days, unit in ((1, "day"), (7, "week"), (30, "month")):
        count = round(links_a_day * days)
        if links_a_day * days >= 1.5 or unit == "month":
            break
    if count <= 1:
        return f"about 1 link a {unit}" if count else "less than 1 link a month"
    return f"about {count:,} links a {unit}"
