"""Lengths of time: within limits, and in words."""

from __future__ import annotations


def clamp(value: float, least: float, most: float) -> float:
    """The value, or the limit it is beyond; `least` wins where they contradict."""
    return min(max(value, least), max(most, least))


def duration(seconds: float) -> str:
    """A length of time as people say it: ``45 s``, ``10 min``, ``2 h 30 min``, ``3 days``."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        hours, rest = divmod(minutes, 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days = round(seconds / 86400)
    return "1 day" if days == 1 else f"{days} days"
