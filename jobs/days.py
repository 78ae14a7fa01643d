"""What happened on a day, by outcome, reason, feed and host, as ``jobs/lua/prelude.lua`` counts it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from redis import Redis

from jobs.keys import Keys

DAY_S = 86_400
OTHERS = "*"
"""Stands for the feeds, or hosts, past the 5,000 that a day tells apart."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Openings of links, and those that ended, by outcome. In the order in which the ledger keeps them."""

    discovered: int = 0
    published: int = 0
    duplicate: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))


@dataclass(frozen=True, slots=True)
class Day:
    """One day in UTC. What was discovered on it may have ended on a later one."""

    date: str
    """``2026-11-22``."""
    total: Counts = Counts()
    rechecks: int = 0
    """How many of those that ended were re-checks of published articles."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """``failed:timeout`` → how many."""
    feeds: Mapping[str, Counts] = field(default_factory=dict)
    """Id of the feed that a link was first listed by → its counts; `OTHERS` for the rest."""
    hosts: Mapping[str, Counts] = field(default_factory=dict)
    """Host that a link stood at → its counts; `OTHERS` for the rest."""


def days(redis: Redis, keys: Keys, number: int) -> list[Day]:
    """The last so many days, today's first; without those on which nothing happened."""
    today = int(time.time()) // DAY_S
    found = []
    for day in range(today, today - number, -1):
        raw: Any = redis.hgetall(keys.day(day))
        if raw:
            found.append(read(day, {_text(name): _text(value) for name, value in raw.items()}))
    return found


def read(number: int, raw: Mapping[str, str]) -> Day:
    """A day from its number and its hash. Pure."""
    by: dict[str, dict[str, str]] = {kind: {} for kind in "trfh"}
    for name, value in raw.items():
        kind, _, rest = name.partition(" ")
        by.get(kind, {})[rest] = value
    totals = {f.name: int(by["t"].get(f.name, 0)) for f in fields(Counts)}
    return Day(
        date=time.strftime("%Y-%m-%d", time.gmtime(number * DAY_S)),
        total=Counts(**totals),
        rechecks=int(by["t"].get("rechecks", 0)),
        reasons={reason: int(count) for reason, count in by["r"].items()},
        feeds={feed: _counts(row) for feed, row in by["f"].items()},
        hosts={host: _counts(row) for host, row in by["h"].items()},
    )


def total(several: Iterable[Mapping[str, Counts]]) -> dict[str, Counts]:
    """The counts of several days together, those with the most discovered first. Pure."""
    summed: dict[str, Counts] = {}
    for one in several:
        for name, counts in one.items():
            summed[name] = summed.get(name, Counts()) + counts
    return dict(sorted(summed.items(), key=lambda item: (-item[1].discovered, item[0])))


def _counts(row: str) -> Counts:
    return Counts(*map(int, row.split()))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
