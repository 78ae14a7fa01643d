"""What the work costs Redis: commands, round trips, and bytes that stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

from jobs.keys import STAGES, Keys
from jobs.ledger import Ledger
from worker.queues import queue_for

RQ_PARTS = ("job", "results", "executions")


@dataclass(frozen=True, slots=True)
class Counters:
    """The server's counters, as INFO has them."""

    reads: int
    """Times it read from a client: a pipeline is one, a value of many kilobytes several."""
    calls: Mapping[str, int]
    """Commands by name, those inside of scripts included."""

    @property
    def commands(self) -> int:
        """All of them."""
        return sum(self.calls.values())


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes of Redis memory that a number of links came to take, all together."""

    at_end: int
    """Right after the last outcome."""
    kept: int
    """Without RQ's finished jobs, which stay for a minute: pages, events, and what is remembered."""
    remembered: int
    """Without the pages and events too."""
    pages: int
    """Of the packed pages alone."""
    events: int
    """Of the events' JSON alone."""


def counters(redis: Redis) -> Counters:
    """The counters now; asking costs two commands in one read."""
    with redis.pipeline(transaction=False) as pipe:
        pipe.info("stats")
        pipe.info("commandstats")
        stats, by_command = pipe.execute()
    calls = {name.removeprefix("cmdstat_"): int(row["calls"]) for name, row in by_command.items()}
    return Counters(int(stats["total_reads_processed"]), calls)


def since(before: Counters, after: Counters, ours: Mapping[str, int], our_reads: int) -> Counters:
    """What was counted between two moments, without what the benchmark itself asked."""
    calls = {
        name: count - before.calls.get(name, 0) - ours.get(name, 0) for name, count in after.calls.items()
    }
    return Counters(
        after.reads - before.reads - our_reads, {name: count for name, count in calls.items() if count > 0}
    )


def data_bytes(redis: Redis) -> int:
    """Memory of keys and values with their places in the tables; the buffers of clients and the log are not.

    `used_memory` alone moves by those buffers from one moment to the next.
    """
    stats: Any = redis.memory_stats()
    tables = (value for name, value in stats.items() if name.startswith("db."))
    return int(stats["dataset.bytes"]) + sum(sum(_numbers(table)) for table in tables)


def _numbers(table: Any) -> Iterable[int]:
    """``{"overhead.hashtable.main": 72, …}``, or the same as a flat list."""
    values = table.values() if isinstance(table, Mapping) else table
    return [value for value in values if isinstance(value, int)]


def measure_kept(redis: Redis, ledger: Ledger, links: Iterable[str], before: int) -> Kept:
    """What the links take more than `before` (`data_bytes`). Deletes their pages, the stream and RQ's jobs."""
    keys, ids = ledger.keys, list(links)
    at_end = data_bytes(redis)
    pages, events = _payload(redis, keys, ids)
    _forget_finished_jobs(redis, keys)
    kept = data_bytes(redis)
    redis.delete(keys.stream, *(keys.page(link) for link in ids))
    remembered = data_bytes(redis)
    return Kept(at_end - before, kept - before, remembered - before, pages, events)


def _payload(redis: Redis, keys: Keys, ids: list[str]) -> tuple[int, int]:
    with redis.pipeline(transaction=False) as pipe:
        for link in ids:
            pipe.strlen(keys.page(link))
        pages = sum(pipe.execute())
    wanted = {link.encode() for link in ids}
    entries: Any = redis.xrange(keys.stream)
    ours = (fields for _, fields in entries if fields[b"id"].partition(b":")[0] in wanted)
    return pages, sum(len(fields[b"event"]) for fields in ours)


def _forget_finished_jobs(redis: Redis, keys: Keys) -> None:
    for part in RQ_PARTS:
        found = list(redis.scan_iter(f"rq:{part}:{keys.namespace}-*", count=1000))
        if found:
            redis.delete(*found)
    for stage in STAGES:
        redis.delete(queue_for(keys, stage, redis).finished_job_registry.key)
