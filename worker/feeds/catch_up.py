"""Puts overdue feeds in order after a downtime: the reading and writing of what overdue.py decides."""

from __future__ import annotations

from typing import Any

from jobs.errors import Outcome
from jobs.urls import domain
from worker.feeds.overdue import GRACE_S, MANY, Overdue, spread
from worker.feeds.registry import Registry

_BATCH = 500


def catch_up(registry: Registry, *, host_delay_s: float) -> int:
    """Spread the feeds that should have been polled long ago, if they are many. Returns how many there were.

    Any number of pollers may do it at once: a feed's time only moves back, and a leased one is not overdue.
    """
    redis, clock = registry.redis, registry.keys.feeds
    now_ms = _now_ms(registry)
    raw: Any = redis.zrange(clock, "-inf", now_ms - GRACE_S * 1000, byscore=True, withscores=True)
    if len(raw) < MANY:
        return 0
    due_ms = {member.decode(): float(score) for member, score in raw}
    delays_s = spread(_overdue(registry, due_ms, now_ms), host_delay_s=host_delay_s)
    times = {feed: int(now_ms + delay_s * 1000) for feed, delay_s in delays_s.items()}
    ids = list(times)
    for start in range(0, len(ids), _BATCH):
        redis.zadd(clock, {feed: times[feed] for feed in ids[start : start + _BATCH]}, xx=True, gt=True)
    return len(ids)


def _now_ms(registry: Registry) -> float:
    """The ledger's time (see jobs/lua/prelude.lua)."""
    with registry.redis.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.hget(registry.keys.time, "offset")
        (seconds, micros), offset = pipe.execute()
    return float(seconds * 1000 + micros // 1000 + int(offset or 0))


def _overdue(registry: Registry, due_ms: dict[str, float], now_ms: float) -> list[Overdue]:
    ids, found = list(due_ms), []
    for start in range(0, len(ids), _BATCH):
        part = ids[start : start + _BATCH]
        with registry.redis.pipeline(transaction=False) as pipe:
            for feed in part:
                pipe.hmget(registry.keys.feed(feed), "url", "interval")
            rows = pipe.execute()
        for feed, (url, interval) in zip(part, rows, strict=True):
            late_s = max(now_ms - due_ms[feed], 0.0) / 1000
            found.append(Overdue(feed, _host(url or b""), late_s, float(interval or 0)))
    return found


def _host(url: bytes) -> str:
    try:
        return domain(url.decode("utf-8", "replace"))
    except Outcome:  # polled, and then told that its URL can't be used
        return ""
