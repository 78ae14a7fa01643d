"""A feed's rhythm: how many links it brings, at which hours (UTC) and on which days of the week. Pure.

Two questions, two memories. *How much* is learned from the last few dozen publications, so that it follows a
feed whose pace changes, and silence never counts before it ends. *When* is learned over weeks: links by hour
and by weekday, halved every three weeks, compared with how long each hour was watched, and believed only as
far as there is evidence. All of it is 116 characters in the feed's hash, whatever the feed does.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

HALF_LIFE_DAYS = 21
"""Of what is known of hours and weekdays."""
MEMORY = 30.0
"""Publications after which the pace from before counts a third (1/e)."""
PRIOR_LINKS = 0.5
PRIOR_DAYS = PRIOR_LINKS / 12.8
"""A feed of which nothing is known is taken for one with about 13 links a day (a poll in 15 min)."""
SLOT_S = 900
"""Links of one quarter of an hour are one publication: batches say little about the next one."""
LONGEST_LOOK_BACK_DAYS = 28
SHORTEST_LOOK_BACK_DAYS = 0.25
"""A first document with one date on everything must not look like hundreds of links a day."""
DOUBT_HOURS, DOUBT_WEEKDAYS = 2.0, 1.0
"""Days, and weeks, that each hour and weekday is taken to have been ordinary before it was watched; or as
long as one publication in it takes, if that is longer (Laplace's rule)."""
SILENT_TIMES = 10.0
"""A feed is silent when this many publications should have come, and none did …"""
SILENT_DAYS = 2.0
"""… for at least as long as this …"""
SILENT_EVIDENCE = 5.0
"""… and its rhythm is known from at least as many."""

DAY_S = 86_400
_DAILY = 0.5 ** (1 / HALF_LIFE_DAYS)
_UNIT = 16  # the stored counts are in sixteenths of a link
_FULL = 60_000  # of 65,535
_STORED = struct.Struct(">IIffff31H")
_VERSION = "1"
_FLAT = (1.0,) * 24, (1.0,) * 7


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What is known. Days are *usual* days: an hour in which much is published counts for more."""

    since_s: int
    """From when on the feed was watched; s since the epoch."""
    at_s: int
    """Until when: the last poll that was answered."""
    links: float = 0.0
    """Links, those of long ago counted less."""
    times: float = 0.0
    """Publications: quarters of an hour with links."""
    days: float = 0.0
    """Over how many days they came, up to the last one."""
    silence: float = 0.0
    """Days since the last one."""
    hours: tuple[int, ...] = (0,) * 24
    """Links by hour of the day (UTC), in sixteenths, fading by the day."""
    weekdays: tuple[int, ...] = (0,) * 7
    """The same by weekday, from Monday."""

    @property
    def links_a_day(self) -> float:
        """The usual number."""
        return (self.links + PRIOR_LINKS) / (self.days + PRIOR_DAYS)

    @property
    def times_a_day(self) -> float:
        """How often it usually publishes."""
        return (self.times + PRIOR_LINKS) / (self.days + PRIOR_DAYS)

    @property
    def overdue(self) -> float:
        """Publications that should have come since the last one."""
        return self.silence * self.times_a_day

    @property
    def text(self) -> str:
        """As it is kept: 116 characters."""
        numbers = (self.since_s, self.at_s, self.links, self.times, self.days, self.silence)
        packed = _STORED.pack(*numbers, *self.hours, *self.weekdays)
        return _VERSION + base64.b64encode(packed).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Rhythm | None:
        """The inverse of `text`; None for what is not one, or of another version."""
        try:
            packed = base64.b64decode(text[1:] + "=" * (-(len(text) - 1) % 4), validate=True)
            since_s, at_s, links, times, days, silence, *bins = _STORED.unpack(packed)
        except (ValueError, binascii.Error, struct.error):
            return None
        if text[0] != _VERSION or not all(0 <= n < math.inf for n in (links, times, days, silence)):
            return None
        return cls(since_s, at_s, links, times, days, silence, tuple(bins[:24]), tuple(bins[24:]))


@dataclass(frozen=True, slots=True)
class Shape:
    """How the hours and weekdays compare: 1 is usual, 2 twice as many links."""

    hours: tuple[float, ...] = _FLAT[0]
    weekdays: tuple[float, ...] = _FLAT[1]

    def at(self, when_s: float) -> float:
        """The factor at a moment (s since the epoch)."""
        hour = int(when_s // 3600)
        return self.hours[hour % 24] * self.weekdays[(hour // 24 + 3) % 7]  # 1970 began on a Thursday

    def usual_days(self, start_s: float, end_s: float) -> float:
        """How many usual days lie between two moments."""
        if end_s - start_s > 7 * DAY_S:  # over a week the hours make little difference
            return (end_s - start_s) / DAY_S
        total, at = 0.0, start_s
        while at < end_s:
            then = min((at // 3600 + 1) * 3600, end_s)
            total += (then - at) * self.at(at)
            at = then
        return total / DAY_S


def first(published_ms: Sequence[int | None], now_ms: int) -> Rhythm:
    """The rhythm as the dates in a feed's first document tell it."""
    now_s, least_s = now_ms // 1000, now_ms // 1000 - LONGEST_LOOK_BACK_DAYS * DAY_S
    dated = sorted(min(at // 1000, now_s) for at in published_ms if at is not None)
    if len(dated) < 2:
        return Rhythm(now_s, now_s)
    since_s = max(dated[0], least_s)
    since_then = [at for at in dated if at > since_s]  # the oldest only says where the time begins
    days = max((now_s - since_s) / DAY_S, SHORTEST_LOOK_BACK_DAYS)
    silence = min((now_s - dated[-1]) / DAY_S, days)
    before = Rhythm(since_s, now_s, days=days - silence, silence=silence)
    return _filled(before, since_then, len(since_then), _times(since_then))


def learn(rhythm: Rhythm, published_ms: Sequence[int | None], now_ms: int, *, gap: bool = False) -> Rhythm:
    """The rhythm after another answered poll.

    Args:
        rhythm: as it was.
        published_ms: when the links were published that the feed did not list before, where it says so.
        now_ms: the time of this poll.
        gap: the document holds nothing of the one before: there may have been more links than it shows.
    """
    now_s = max(now_ms // 1000, rhythm.at_s)
    usual_days = shape(rhythm).usual_days(rhythm.at_s, now_s)
    faded = _faded(rhythm, now_s)
    if not published_ms:
        return replace(faded, silence=rhythm.silence + usual_days)
    appeared = _appeared(published_ms, rhythm.at_s, now_s)
    took = rhythm.silence + usual_days
    if gap and now_s > rhythm.at_s:  # what is shown came in the time since the oldest of it
        shown = (now_s - min(appeared)) / (now_s - rhythm.at_s)
        took = usual_days * max(shown, 0.25)
    times = _times(appeared)
    kept = math.exp(-times / MEMORY)
    paced = replace(
        faded,
        links=rhythm.links * kept,
        times=rhythm.times * kept,
        days=rhythm.days * kept + took,
        silence=0.0,
    )
    return _filled(paced, appeared, len(appeared), times)


def shape(rhythm: Rhythm) -> Shape:
    """How the hours and weekdays compare, as far as there is evidence."""
    if not rhythm.links:
        return Shape()
    once = 1 / rhythm.times_a_day
    watched = _watched_hours(rhythm.since_s, rhythm.at_s)
    hours = _ratios(_blurred(rhythm.hours), _blurred(watched), max(DOUBT_HOURS, 24 * once))
    watched = _watched_weekdays(rhythm.since_s, rhythm.at_s)
    return Shape(hours, _ratios(rhythm.weekdays, watched, max(DOUBT_WEEKDAYS, once)))


def silent_since(rhythm: Rhythm | None, newest_ms: int, now_ms: int) -> int:
    """When a feed fell silent against its own rhythm: when it last brought something; 0 if it did not."""
    known = rhythm is not None and rhythm.times >= SILENT_EVIDENCE and rhythm.overdue >= SILENT_TIMES
    return newest_ms if known and now_ms - newest_ms >= SILENT_DAYS * DAY_S * 1000 else 0


def _filled(rhythm: Rhythm, at_s: Sequence[float], links: int, times: int) -> Rhythm:
    hours, weekdays = list(rhythm.hours), list(rhythm.weekdays)
    for at in at_s:
        hour = int(at // 3600)
        hours[hour % 24] += _UNIT
        weekdays[(hour // 24 + 3) % 7] += _UNIT
    return replace(
        rhythm,
        links=rhythm.links + links,
        times=rhythm.times + times,
        hours=_bounded(hours),
        weekdays=_bounded(weekdays),
    )


def _bounded(bins: list[int]) -> tuple[int, ...]:
    while max(bins) > _FULL:
        bins = [count // 2 for count in bins]
    return tuple(bins)


def _faded(rhythm: Rhythm, now_s: int) -> Rhythm:
    """At midnight the hours and weekdays fade; between, they don't, so that rounding costs nothing."""
    nights = now_s // DAY_S - rhythm.at_s // DAY_S
    if not nights:
        return replace(rhythm, at_s=now_s)
    kept = _DAILY**nights
    hours, weekdays = (tuple(int(n * kept) for n in bins) for bins in (rhythm.hours, rhythm.weekdays))
    return replace(rhythm, at_s=now_s, hours=hours, weekdays=weekdays)


def _appeared(published_ms: Sequence[int | None], last_s: int, now_s: int) -> list[float]:
    """When links came into the feed: when they were published, unless that can't be; then halfway."""
    halfway = (last_s + now_s) / 2
    dated = (None if at is None else at / 1000 for at in published_ms)
    return [at if at is not None and last_s <= at <= now_s else halfway for at in dated]


def _times(at_s: Sequence[float]) -> int:
    return len({at // SLOT_S for at in at_s})


def _ratios(counts: Sequence[float], watched: Sequence[float], doubt: float) -> tuple[float, ...]:
    """Links per time watched in each bin, against the mean of all; `doubt` is a time without surprises."""
    mean = sum(counts) / max(sum(watched), 1e-9)
    if not mean:
        return (1.0,) * len(counts)
    ratios = [(n + doubt * mean) / (time + doubt) for n, time in zip(counts, watched, strict=True)]
    scale = len(ratios) / sum(ratios)
    return tuple(ratio * scale for ratio in ratios)


def _blurred(bins: Sequence[float]) -> list[float]:
    """A publication at 8:05 could have been at 7:55."""
    return [(bins[i - 1] + 2 * bins[i] + bins[(i + 1) % len(bins)]) / 4 for i in range(len(bins))]


def _watched_hours(since_s: int, at_s: int) -> list[float]:
    """How many days each hour was watched, those of long ago counted less, as the links are."""
    nights = at_s // DAY_S - since_s // DAY_S
    begun, ended = since_s % DAY_S / 3600, at_s % DAY_S / 3600
    if not nights:
        return [_part(hour, begun, ended) for hour in range(24)]
    whole = _DAILY * (1 - _DAILY ** (nights - 1)) / (1 - _DAILY)
    oldest = _DAILY**nights
    return [whole + _part(h, 0, ended) + oldest * _part(h, begun, 24) for h in range(24)]


def _part(hour: int, begun: float, ended: float) -> float:
    """How much of an hour lies between two times of a day, in hours."""
    return max(0.0, min(hour + 1, ended) - max(hour, begun))


def _watched_weekdays(since_s: int, at_s: int) -> list[float]:
    """The same for weekdays."""
    first_day, today = since_s // DAY_S, at_s // DAY_S
    begun, ended = since_s % DAY_S / DAY_S, at_s % DAY_S / DAY_S
    watched = [0.0] * 7
    if first_day == today:
        watched[(today + 3) % 7] = ended - begun
        return watched
    watched[(today + 3) % 7] = ended
    nights, weekly = today - first_day, _DAILY**7
    for ago in range(1, min(nights, 8)):  # the same weekday of all weeks in one step
        weeks = (nights - 1 - ago) // 7 + 1
        watched[(today - ago + 3) % 7] += _DAILY**ago * (1 - weekly**weeks) / (1 - weekly)
    watched[(first_day + 3) % 7] += _DAILY**nights * (1 - begun)
    return watched
