"""When a feed does not want to be asked: RSS skipHours and skipDays, in GMT. Pure.

RSS 0.91 counts hours from 1 to 24, RSS 2.0 from 0 to 23 (https://www.rssboard.org/rss-specification): 24 and
0 are the same hour. Feeds that exclude every hour or every day can't mean it.
"""

from __future__ import annotations

import re

_HOURS = re.compile(r"<(/?)skipHours\s{0,9}>", re.IGNORECASE)
_DAYS = re.compile(r"<(/?)skipDays\s{0,9}>", re.IGNORECASE)
_HOUR = re.compile(r"<hour>\s{0,9}([0-9]{1,2})\s{0,9}</hour>", re.IGNORECASE)
_DAY = re.compile(r"<day>\s{0,9}([A-Za-z]{6,9})\s{0,9}</day>", re.IGNORECASE)
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def skip_hours(text: str) -> tuple[int, ...]:
    """The hours (0 to 23, GMT) in which an RSS document asks not to be read."""
    hours = {int(hour) % 24 for hour in _HOUR.findall(_between(_HOURS, text)) if int(hour) <= 24}
    return tuple(sorted(hours)) if len(hours) < 24 else ()


def skip_days(text: str) -> tuple[int, ...]:
    """The days (Monday is 0) on which an RSS document asks not to be read."""
    names = {day.lower() for day in _DAY.findall(_between(_DAYS, text))}
    days = [number for number, name in enumerate(_NAMES) if name in names]
    return tuple(days) if len(days) < 7 else ()


def _between(tag: re.Pattern[str], text: str) -> str:
    """What stands between the first opening and the tag after it, if that closes it."""
    tags = tag.finditer(text)
    opening, closing = next(tags, None), next(tags, None)
    if opening is None or closing is None or opening[1] or not closing[1]:
        return ""
    return text[opening.end() : closing.start()]


def allowed_from(at_s: float, hours: tuple[int, ...], days: tuple[int, ...]) -> float:
    """The first moment (s since the epoch) from `at_s` on in no hour and on no day to be skipped."""
    if not hours and not days:
        return at_s
    for _ in range(8 * 24):  # over a week, hour by hour
        hour = int(at_s // 3600)
        if hour % 24 not in hours and (hour // 24 + 3) % 7 not in days:
            return at_s
        at_s = (hour + 1) * 3600.0
    return at_s


def pack(numbers: tuple[int, ...]) -> str:
    """As they are kept in the feed's hash: ``0,1,2``."""
    return ",".join(map(str, numbers))


def unpack(text: str) -> tuple[int, ...]:
    """The inverse of `pack`."""
    return tuple(int(part) for part in text.split(",") if part.isdecimal())
