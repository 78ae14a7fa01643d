"""Polls counted for the metrics: in memory, and written to Redis together, once in a while.

A poll costs no Redis command of its own for this; what a killed poller had not written yet is not counted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from redis import Redis

from jobs.keys import Keys
from worker.feeds import history
from worker.feeds.history import Past

FLUSH_S = 2.0
BUCKETS_MS = (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 40_000)
"""Upper bounds of the latencies that are told apart; what took longer is in the total only."""
CAME, WITHIN, TOOK_MS, SIZE_BYTES = "came:", "within:", "took_ms", "size_bytes"
"""Fields of the hash: polls by what they came to, by bucket (each poll in one), all their time and bytes."""


class Tally:
    """What the polls of one process came to since it was last written."""

    def __init__(self, redis: Redis, keys: Keys, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._key = keys.polls
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._written_s = clock()

    def count(self, past: Past) -> None:
        """Count a poll."""
        self._counts[CAME + past.came] += 1
        if past.came == history.OWN_NETWORK:
            return
        bucket = next((most for most in BUCKETS_MS if past.took_ms <= most), None)
        self._counts[f"{WITHIN}{bucket or 'inf'}"] += 1
        self._counts[TOOK_MS] += past.took_ms
        if past.size_bytes:
            self._counts[SIZE_BYTES] += past.size_bytes

    @property
    def is_due(self) -> bool:
        """Whether there is something to write that has waited long enough."""
        return bool(self._counts) and self._clock() - self._written_s >= FLUSH_S

    def write(self) -> None:
        """Add what was counted to the hash; what can't be written is kept.

        Raises:
            redis.exceptions.RedisError: Redis is away.
        """
        counts, self._counts = self._counts, Counter()
        self._written_s = self._clock()
        try:
            with self._redis.pipeline(transaction=True) as pipe:
                for field, count in counts.items():
                    pipe.hincrby(self._key, field, count)
                pipe.execute()
        except BaseException:
            self._counts.update(counts)
            raise


def read(redis: Redis, keys: Keys) -> dict[str, int]:
    """The counts of all pollers since the beginning, by field."""
    raw: Any = redis.hgetall(keys.polls)
    return {field.decode(): int(count) for field, count in raw.items()}
