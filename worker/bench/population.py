"""Invented feeds with real-world rhythms, for the simulation of polling. The same seed, the same feeds.

What is known of real feeds, and what was made of it:

- Hmedeh et al., *Characterizing Web Syndication Behavior and Content* (WISE 2011; IJWIS 10 (3), 2014): of
  8,155 feeds watched for eight months, 17 % brought 97 % of 10.8 million items. A lognormal pace with
  σ = 2.83 is as uneven as that. Their mean, 5.5 items a day, is over feeds of all kinds; our median of 0.5 a
  day makes it a few times that, as for a list of news feeds. From 1 a month to 3 a minute.
- Liu, Ramasubramanian, Sirer, *Client Behavior and Feed Characteristics of RSS* (IMC 2005): of 100,000 feeds
  55 % were updated hourly, and 25 % not at all for several days.
- Sia, Cho, Cho, *Efficient Monitoring Algorithm for Fast News Alerts* (TKDE 19 (7), 2007): feeds have days
  and weeks of their own. Counts of what news sites publish (Avraam et al., *Publishing Patterns in Greek
  Media Websites*, Social Sciences 10 (2), 2021) differ by time of day, and between weekdays and weekends.
- RSS Advisory Board, *Really Simple Syndication Best Practices Profile* (2007): 21 % of feeds have a ttl.

The other figures (how many publish in batches, stop, fail or have no dates, how long documents are, the exact
hours) are guesses.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from random import Random

DAY_S = 86_400
HISTORY_DAYS = 60
"""Feeds have published for as long before the simulation begins, so that their first documents are full."""

SIGMA, MEDIAN_A_DAY = 2.83, 0.5
LEAST_A_DAY, MOST_A_DAY = 1 / 30, 3 * 1440

_DAY = (5, 4, 3, 3, 4, 8, 20, 40, 65, 85, 95, 100, 95, 95, 100, 105, 110, 95, 75, 60, 45, 32, 20, 10)
"""Links by the hour, local time: a newsroom's working day."""
_EVENING = (40, 20, 10, 6, 4, 4, 8, 15, 25, 30, 35, 40, 45, 45, 45, 50, 60, 70, 85, 100, 110, 110, 95, 65)
"""A private blog's."""
_ZONES = ((-8, 2), (-5, 5), (0, 4), (1, 8), (2, 2), (5.5, 2), (8, 2), (9, 1))
"""Offsets of local time from UTC, h, with weights."""


@dataclass(frozen=True, slots=True)
class SimulatedFeed:
    """One feed and all that happens to it."""

    published_s: tuple[float, ...]
    """When its links are published, ascending; 0 is the beginning of the simulation."""
    length: int
    """Links its document lists."""
    a_day: float
    """Its pace: links on a usual day."""
    kind: str
    """``steady``, ``batches``, ``daily`` (an edition a day), or ``dead`` (never answers)."""
    dated: bool
    """Whether its entries have dates."""
    ttl_s: float | None
    max_age_s: float | None
    outages: tuple[tuple[float, float, str], ...]
    """From, until, and the reason word of every poll between."""

    def listed(self, at_s: float) -> tuple[int, int]:
        """The links its document lists at a moment: the first, and the one after the last."""
        end = bisect.bisect_right(self.published_s, at_s)
        return max(0, end - self.length), end

    def failure(self, at_s: float) -> str | None:
        """Why a poll at a moment fails; None if it does not."""
        return next((why for begin, end, why in self.outages if begin <= at_s < end), None)


def population(count: int, days: float, seed: int) -> list[SimulatedFeed]:
    """So many feeds, over so many days."""
    return [_feed(Random(f"{seed}/{number}"), days) for number in range(count)]


def _feed(rng: Random, days: float) -> SimulatedFeed:
    a_day = min(max(rng.lognormvariate(math.log(MEDIAN_A_DAY), SIGMA), LEAST_A_DAY), MOST_A_DAY)
    kind = rng.choices(("steady", "batches", "daily", "dead"), (70, 18, 4, 8))[0]  # guesses
    published = _published(rng, a_day, kind, days)
    return SimulatedFeed(
        published_s=tuple(published),
        length=rng.choices((10, 15, 20, 25, 30, 50), (25, 15, 20, 15, 10, 15))[0],  # guesses
        a_day=a_day,
        kind=kind,
        dated=rng.random() < 0.85,  # a guess
        ttl_s=rng.choices((None, 300, 900, 3600, 86_400), (79, 2, 5, 11, 3))[0],  # 21 % have one
        max_age_s=rng.choices((None, 60, 300, 900, 3600), (50, 15, 20, 10, 5))[0],  # guesses
        outages=_outages(rng, kind, days),
    )


def _outages(rng: Random, kind: str, days: float) -> tuple[tuple[float, float, str], ...]:
    """Guesses: 8 % of feeds never answer; the others fail now and then for hours, some for days."""
    if kind == "dead":
        why = rng.choice(
            ("not_found", "not_found", "gone", "dns", "connect", "tls", "forbidden", "not_a_feed")
        )
        return ((0.0, math.inf, why),)
    outages, at_s = [], rng.expovariate(1 / (20 * DAY_S))
    while at_s < days * DAY_S:
        lasts_s = rng.lognormvariate(math.log(2 * 3600), 1.2)
        outages.append((at_s, at_s + lasts_s, rng.choice(("server_error", "timeout", "connect", "dns"))))
        at_s += lasts_s + rng.expovariate(1 / (20 * DAY_S))
    return tuple(outages)


def _published(rng: Random, a_day: float, kind: str, days: float) -> list[float]:
    end_s = days * DAY_S
    if kind == "dead":
        return []
    if kind == "daily":
        return _editions(rng, a_day, end_s)
    weight = _weights(rng)
    batch = rng.uniform(3, 10) if kind == "batches" else 1.0
    events = _thinned(rng, a_day / batch / DAY_S, end_s, weight)
    if batch == 1.0:
        return events
    together = [[at] * (1 + int(rng.expovariate(1 / (batch - 1)))) for at in events]
    return [at for links in together for at in links]


def _editions(rng: Random, a_day: float, end_s: float) -> list[float]:
    """An edition on each working day, at its hour give or take some minutes."""
    hour_s, size = rng.uniform(4, 20) * 3600, max(1, min(round(a_day), 60))
    days = range(-HISTORY_DAYS, int(end_s // DAY_S) + 1)
    moments = (day * DAY_S + hour_s + rng.gauss(0, 600) for day in days if day % 7 < 5)
    return sorted(at for at in moments for _ in range(size) if at < end_s)


@dataclass(frozen=True, slots=True)
class Weights:
    """How a feed's pace varies; 1 is its mean."""

    by_hour: tuple[float, ...]
    """Of the week, from Monday 0:00 UTC."""
    bursts: tuple[tuple[float, float, float], ...]
    """From, until, times as fast: breaking news."""
    turn_s: float
    """When the feed changes its pace for good …"""
    turn: float
    """… to as many times as before."""

    def at(self, at_s: float) -> float:
        """The factor at a moment."""
        factor = self.by_hour[int(at_s // 3600) % 168]
        factor *= self.turn if at_s >= self.turn_s else 1.0
        burst = next((times for begin, end, times in self.bursts if begin <= at_s < end), 1.0)
        return factor * burst

    @property
    def most(self) -> float:
        """No factor is greater."""
        return max(self.by_hour) * max(self.turn, 1.0) * max((b[2] for b in self.bursts), default=1.0)


def _weights(rng: Random) -> Weights:
    """Guesses, but for day and night: 15 % have none; 5 % stop for good, 10 % change their pace."""
    zone = rng.choices([zone for zone, _ in _ZONES], [weight for _, weight in _ZONES])[0]
    day = [1.0] * 24 if rng.random() < 0.15 else rng.choices((_DAY, _EVENING), (80, 20))[0]
    weekend = rng.uniform(0.2, 1.0)
    local = [(hour + zone) % 168 for hour in range(168)]
    by_hour = [day[int(hour) % 24] * (weekend if hour // 24 >= 5 else 1.0) for hour in local]
    mean = sum(by_hour) / 168
    fate = rng.random()
    turn = 0.0 if fate < 0.05 else rng.choice((0.3, 3.0)) if fate < 0.15 else 1.0
    bursts, at_s = [], rng.expovariate(1 / (7 * DAY_S))
    while at_s < 400 * DAY_S:
        lasts_s = rng.uniform(1, 8) * 3600
        bursts.append((at_s, at_s + lasts_s, rng.uniform(2, 6)))
        at_s += lasts_s + rng.expovariate(1 / (7 * DAY_S))
    return Weights(tuple(w / mean for w in by_hour), tuple(bursts), rng.uniform(2, 28) * DAY_S, turn)


def _thinned(rng: Random, a_second: float, end_s: float, weights: Weights) -> list[float]:
    """A Poisson process whose pace varies, by thinning one that is fast enough for its fastest moment."""
    at_s, events, most = -HISTORY_DAYS * DAY_S * 1.0, [], weights.most
    # Only a first document's worth is needed of the history of a fast feed.
    at_s = max(at_s, -400 / a_second)
    while (at_s := at_s + rng.expovariate(a_second * most)) < end_s:
        if rng.random() * most < weights.at(at_s):
            events.append(at_s)
    return events
