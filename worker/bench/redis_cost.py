"""What the work costs Redis: commands, round trips, and bytes that stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from redis import Redis

from jobs.keys import Keys

PLACE_BYTES = 8
"""A key's place in the table of keys, which MEMORY USAGE leaves out."""
EXPIRY_BYTES = 32
"""Entry and place in the table of expiry times (Redis 6.2), of a key that has one."""
_BATCH = 500


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
class Held:
    """What the keys of a server take, in bytes."""

    by_family: Mapping[str, int]
    """By the key's first two parts, such as ``palmyra:link`` or ``rq:job``."""
    used_bytes: int
    """The server's own `used_memory`: buffers of clients and of the log too, which come and go."""

    def since(self, before: Held) -> Held:
        """What has come to be held since `before`."""
        families = {name: size - before.by_family.get(name, 0) for name, size in self.by_family.items()}
        return Held(families, self.used_bytes - before.used_bytes)


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


def held(redis: Redis) -> Held:
    """What is held now: MEMORY USAGE of every key, and its places in the server's tables."""
    families: dict[str, int] = {}
    for keys in _batches(redis.scan_iter(count=_BATCH)):
        with redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.memory_usage(key, samples=0)
                pipe.pttl(key)
            told = pipe.execute()
        for key, size, ttl_ms in zip(keys, told[::2], told[1::2], strict=True):
            if size:  # else it expired meanwhile
                places = PLACE_BYTES + (EXPIRY_BYTES if ttl_ms >= 0 else 0)
                families[family(key)] = families.get(family(key), 0) + size + places
    return Held(families, int(redis.info("memory")["used_memory"]))


def family(key: bytes) -> str:
    """``b"palmyra:link:abc"`` → ``palmyra:link``."""
    return ":".join(key.decode("utf-8", "replace").split(":")[:2])


def split(bytes_by_family: Mapping[str, int], keys: Keys) -> dict[str, int]:
    """What pages, events, RQ's finished jobs and the memory of links take together."""
    parts = {family(keys.page("").encode()): "page", family(keys.stream.encode()): "event"}
    found = dict.fromkeys(("page", "event", "rq", "remembered"), 0)
    for name, size in bytes_by_family.items():
        found[parts.get(name, "rq" if name.startswith("rq:") else "remembered")] += size
    return found


def _batches(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    source = iter(keys)
    while batch := list(islice(source, _BATCH)):
        yield batch
