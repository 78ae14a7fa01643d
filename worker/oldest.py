"""How long the oldest work has been waiting, by stage: in the ledger, in RQ, and at hosts that are free."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redis import Redis
from rq.utils import utcparse

from jobs.keys import STAGES, Keys
from worker.queues import Queue

MOST_OPEN = 10_000
"""Open links that are looked through, the oldest first."""
_STEP = 500


def in_ledger(redis: Redis, keys: Keys, now_ms: int) -> dict[str, float]:
    """Seconds since the oldest link was opened that is ready for a stage; 0 where none is.

    Links that wait for a time (a back-off) are passed over. Where none is found among the `MOST_OPEN` oldest
    though some are ready, it is no older than the last of those: that age is told.
    """
    oldest: Any = redis.zrange(keys.open, 0, MOST_OPEN - 1, withscores=True)
    waiting: Any = redis.hmget(keys.waiting, list(STAGES))
    wanted = {stage for stage, n in zip(STAGES, waiting, strict=True) if int(n or 0) > 0}
    ages = dict.fromkeys(STAGES, 0.0)
    for stage, opened_ms in _ready(redis, keys, oldest) if wanted else ():
        if stage in wanted:
            ages[stage] = _since(opened_ms, now_ms)
            wanted.discard(stage)
        if not wanted:
            break
    if oldest:
        ages |= {stage: _since(oldest[-1][1], now_ms) for stage in wanted}
    return ages


def _ready(redis: Redis, keys: Keys, oldest: list[tuple[bytes, float]]) -> Iterator[tuple[str, float]]:
    """Stage, and when it was opened, of those that are ready."""
    for start in range(0, len(oldest), _STEP):
        some = oldest[start : start + _STEP]
        put_off: Any = redis.zmscore(keys.later, [link.decode() for link, _ in some])
        at_once = [one for one, due in zip(some, put_off, strict=True) if due is None]
        with redis.pipeline(transaction=False) as pipe:
            for link, _ in at_once:
                pipe.hmget(keys.link(link.decode()), "stage", "state")
            found = pipe.execute()
        for (_, opened_ms), (stage, state) in zip(at_once, found, strict=True):
            if stage and state == b"ready":
                yield stage.decode(), opened_ms


def in_rq(redis: Redis, keys: Keys, now_ms: int) -> dict[str, float]:
    """Seconds since the first job of each stage's queue was put there; 0 where the queue is empty."""
    with redis.pipeline(transaction=False) as pipe:
        for stage in STAGES:
            pipe.lindex(f"{Queue.redis_queue_namespace_prefix}{keys.queue(stage)}", 0)
        first = pipe.execute()
    ages = dict.fromkeys(STAGES, 0.0)
    for stage, job in zip(STAGES, first, strict=True):
        at: Any = redis.hget(keys.rq_job(job.decode()), "enqueued_at") if job else None
        if at:
            ages[stage] = _since(utcparse(at.decode()).timestamp() * 1000, now_ms)
    return ages


def overdue_host(redis: Redis, keys: Keys, now_ms: int) -> float:
    """Seconds that some host was free while pages of it were ready to be fetched; 0 where none is."""
    first: Any = redis.zrange(keys.lanes, 0, 0, withscores=True)
    return _since(first[0][1], now_ms) if first else 0.0


def by_stage(redis: Redis, keys: Keys, now_ms: int) -> dict[tuple[str, str], float]:
    """Stage and place (``ledger`` or ``rq``) → seconds."""
    ledger, rq = in_ledger(redis, keys, now_ms), in_rq(redis, keys, now_ms)
    places = (("ledger", ledger), ("rq", rq))
    return {(stage, place): ages[stage] for place, ages in places for stage in STAGES}


def _since(at_ms: float, now_ms: int) -> float:
    return max(0.0, (now_ms - at_ms) / 1000)
