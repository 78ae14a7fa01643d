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
    watched = duration(rhythm.at_s - rhythm.since_s)
    parts = [
        f"{pace_words(rhythm.links_a_day)}, from {watched} of watching",
        f"by hour from 0 UTC {_bars(form.hours)}",
        f"from Monday {_bars(form.weekdays)}",
    ]
    if rhythm.overdue >= 1:
        parts.append(f"nothing for {duration(rhythm.silence * DAY_S)} of usual time")
    return "; ".join(parts)


def _bars(factors: Sequence[float]) -> str:
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
