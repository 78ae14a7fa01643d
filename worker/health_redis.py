"""What is wrong with Redis itself, its memory and its clock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from redis import Redis

from worker import factory, memory
from worker.config import Settings
from worker.finding import Finding
from worker.memory import DROP_AT, STOP_AT, Memory

OLDEST = (6, 2)
"""Of Redis: older ones lack commands that the scripts use. Every Valkey is newer."""
SKEW_S = 5.0
"""A host's clock may differ from Redis's by so much: the ledger goes by Redis's, articles by the host's."""
STEPPED_S = 60.0
UNLIMITED_SHARE = 0.5
"""Of the machine's memory, from which on a Redis without a limit is told of: rewriting its log doubles it."""


def look(settings: Settings, redis: Redis) -> list[Finding]:
    """Version, durability, eviction."""
    # Not CONFIG GET, which few users may: it tells the server's passwords, too.
    info: Any = redis.info("server") | redis.info("memory") | redis.info("persistence")
    return server_findings(info) + memory_findings(memory.read(redis, factory.keys(settings)))


def server_findings(info: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with a server by its INFO. Pure."""
    found = []
    version = str(info["redis_version"])
    if "valkey_version" not in info and _numbers(version) < OLDEST:
        what = f"Redis {version} is too old: palmyra needs 6.2 or newer, or Valkey"
        found.append(Finding("error", what, "upgrade Redis; its append-only file can be taken along"))
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        what = f"Redis may evict our keys (maxmemory-policy {policy}): links can get lost"
        found.append(Finding("error", what, "redis-cli CONFIG SET maxmemory-policy noeviction"))
    if not info.get("aof_enabled"):
        what = "Redis does not write an append-only file: a crash loses what is in flight"
        found.append(Finding("warning", what, "redis-cli CONFIG SET appendonly yes"))
    elif info.get("aof_last_write_status", "ok") != "ok":
        what = "Redis can't write its append-only file, and takes no writes until it can"
        found.append(Finding("error", what, "make room on its disk: df -h; its log says more"))
    elif info.get("aof_last_bgrewrite_status", "ok") != "ok":
        what = "Redis could not rewrite its append-only file, which grows until it can"
        found.append(Finding("warning", what, "redis-cli BGREWRITEAOF; its log says why it failed"))
    return found


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def memory_findings(now: Memory) -> list[Finding]:
    """What is wrong with its memory. Pure."""
    mend = "redis-cli CONFIG SET maxmemory …, or lower PALMYRA_KEEP_PAGES; palmyra top shows what takes it"
    share = f"Redis uses {now.share:.0%} of its maxmemory"
    if now.polling_stopped:
        return [Finding("error", f"{share}: polling is stopped at {STOP_AT:.0%}", mend)]
    if now.share >= DROP_AT:
        gone = f" ({now.dropped:,} so far)" if now.dropped else ""
        what = f"{share}: the oldest kept pages go{gone}, and at {STOP_AT:.0%} polling stops"
        return [Finding("warning", what, mend)]
    if not now.limit_bytes and now.system_bytes and now.used_bytes > UNLIMITED_SHARE * now.system_bytes:
        part = now.used_bytes / now.system_bytes
        what = f"Redis has no maxmemory and uses {part:.0%} of its machine's memory: the kernel may kill it"
        return [Finding("warning", what, "redis-cli CONFIG SET maxmemory …, or lower PALMYRA_KEEP_PAGES")]
    return []


def look_at_clock(settings: Settings, redis: Redis) -> list[Finding]:
    """Redis's clock against this host's, and against itself."""
    before_s = time.time()
    told: Any = redis.time()
    after_s = time.time()
    offset: Any = redis.hget(factory.keys(settings).time, "offset")
    redis_s = int(told[0]) + int(told[1]) / 1_000_000
    # A slow answer is no wrong clock: within the time of asking nobody can tell.
    skew_s = max(before_s - redis_s, redis_s - after_s, 0.0)
    return clock_findings(skew_s, int(offset or 0) / 1000)


def clock_findings(skew_s: float, stepped_s: float) -> list[Finding]:
    """What is wrong with the clocks. Pure.

    Args:
        skew_s: by how much this host's clock differs from Redis's at least.
        stepped_s: by how much Redis's clock has stepped back in all; the ledger does not follow it.
    """
    found = []
    if skew_s > SKEW_S:
        what = f"this machine's clock differs from Redis's by {skew_s:.0f} s: times in articles are wrong"
        found.append(Finding("warning", what, "timedatectl set-ntp true, on both"))
    if stepped_s > STEPPED_S:
        what = f"Redis's clock has stepped back, by {stepped_s:.0f} s in all: the ledger runs ahead of it"
        found.append(Finding("warning", what, "timedatectl set-ntp true, on Redis's machine"))
    return found
