"""What is wrong with a running system, and what mends it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

from redis import Redis
from redis.exceptions import ResponseError
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from jobs.keys import STAGES
from jobs.link import OUTCOMES
from worker import factory
from worker.config import Settings

STUCK_S = 3600
"""A feed that is overdue for this long says that nobody polls."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    level: Literal["error", "warning"]
    what: str
    mend: str
    """The command or setting that mends it."""


def examine(settings: Settings, redis: Redis) -> list[Finding]:
    """All findings, errors first."""
    found = [*_redis(redis), *_workers(settings, redis), *_ledger(settings, redis), *_feeds(settings, redis)]
    return sorted(found, key=lambda finding: finding.level)


def _redis(redis: Redis) -> list[Finding]:
    found = []
    try:
        policy: Any = redis.config_get("maxmemory-policy") | redis.config_get("appendonly")
    except ResponseError:
        return [
            Finding("warning", "Redis hides its configuration", "check noeviction and appendonly yourself")
        ]
    if policy.get("maxmemory-policy", "noeviction") != "noeviction":
        what = f"Redis may evict our keys (maxmemory-policy {policy['maxmemory-policy']}): links can get lost"
        found.append(Finding("error", what, "redis-cli CONFIG SET maxmemory-policy noeviction"))
    if policy.get("appendonly") != "yes":
        what = "Redis does not write an append-only file: a crash loses what is in flight"
        found.append(Finding("warning", what, "redis-cli CONFIG SET appendonly yes"))
    memory: Any = redis.info("memory")
    limit = int(memory.get("maxmemory") or 0)
    if limit and int(memory["used_memory"]) > 0.8 * limit:
        what = f"Redis uses {int(memory['used_memory']) / limit:.0%} of its maxmemory"
        found.append(Finding("warning", what, "raise maxmemory, or lower PALMYRA_KEEP_PAGES"))
    return found


def _workers(settings: Settings, redis: Redis) -> list[Finding]:
    found = []
    names = factory.keys(settings)
    for stage in STAGES:
        keys: Any = redis.smembers(WORKERS_BY_QUEUE_KEY % names.queue(stage))
        if not any(redis.exists(key) and not redis.hexists(key, "death") for key in keys):
            found.append(Finding("error", f"no {stage} worker runs", f"palmyra work {stage}"))
    return found


def _ledger(settings: Settings, redis: Redis) -> list[Finding]:
    ledger = factory.ledger(settings, redis)
    totals = ledger.totals()
    balance = totals["discovered"] - sum(totals[o] for o in OUTCOMES) - totals["in_flight"]
    if balance:
        return [Finding("error", f"the ledger is out of balance by {balance}", "please report this as a bug")]
    return []


def _feeds(settings: Settings, redis: Redis) -> list[Finding]:
    found = []
    overdue_ms = (time.time() - STUCK_S) * 1000
    overdue = redis.zcount(factory.keys(settings).feeds, 1, overdue_ms)
    if overdue:
        found.append(Finding("error", f"{overdue} feeds are overdue by more than an hour", "palmyra poll"))
    failing = sum(1 for feed in factory.registry(settings, redis).registered() if feed.failures >= 3)
    if failing:
        what = f"{failing} feeds failed three times in a row or more"
        found.append(Finding("warning", what, "palmyra feeds list"))
    return found
