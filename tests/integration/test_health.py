"""What is wrong with a running system: found, and told with what mends it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from redis import Redis

from jobs.keys import STAGES, Keys
from worker.config import Settings, load
from worker.embedded import EmbeddedRedis
from worker.feeds.registry import Registry, feed_id
from worker.health import Finding, examine
from worker.rqworker import PalmyraWorker

URL = "https://one.test/feed"


@pytest.fixture
def configured(redis: Redis) -> Iterator[Redis]:
    """A Redis as palmyra wants it, put back as it was."""
    redis.config_set("appendonly", "yes")
    yield redis
    for name, value in (("appendonly", "no"), ("maxmemory-policy", "noeviction"), ("maxmemory", "0")):
        redis.config_set(name, value)


def settings(redis_server: EmbeddedRedis, keys: Keys) -> Settings:
    return load({"PALMYRA_REDIS_URL": redis_server.url, "PALMYRA_NAMESPACE": keys.namespace}).settings


@pytest.fixture
def examined(configured: Redis, redis_server: EmbeddedRedis, keys: Keys) -> Examined:
    return Examined(configured, settings(redis_server, keys), keys)


class Examined:
    """A system with a worker of each stage, in which nothing is wrong."""

    def __init__(self, redis: Redis, chosen: Settings, keys: Keys) -> None:
        self.redis, self.settings, self.keys = redis, chosen, keys
        self.workers = {
            stage: PalmyraWorker(redis, keys, stage, f"{keys.namespace}-{stage}") for stage in STAGES
        }
        for worker in self.workers.values():
            worker.register_birth()

    def findings(self) -> list[Finding]:
        return examine(self.settings, self.redis)

    def only(self) -> Finding:
        """The one finding, which says what to do."""
        (finding,) = self.findings()
        assert finding.mend
        return finding


def test_a_sound_system_has_no_findings(examined: Examined) -> None:
    """No false alarms: also with feeds, that are new or were polled."""
    Registry(examined.redis, examined.keys).add(URL)
    assert examined.findings() == []


@pytest.mark.parametrize("how", ["death", "silence"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_without_workers_is_an_error(examined: Examined, stage: str, how: str) -> None:
    """Whether they signed off or their heartbeat ended; other systems' workers don't count."""
    if how == "death":
        examined.redis.hset(examined.workers[stage].key, "death", "2026-01-01T00:00:00Z")
    else:
        examined.redis.delete(examined.workers[stage].key)
    PalmyraWorker(examined.redis, Keys("other"), stage, "other").register_birth()
    finding = examined.only()
    assert (finding.level, finding.what) == ("error", f"no {stage} worker runs")
    assert finding.mend == f"palmyra work {stage}"


def test_an_evicting_redis_is_an_error(examined: Examined) -> None:
    """It would lose links."""
    examined.redis.config_set("maxmemory-policy", "allkeys-lru")
    finding = examined.only()
    assert finding.level == "error"
    assert "allkeys-lru" in finding.what
    assert "noeviction" in finding.mend


def test_a_redis_without_append_only_file_is_a_warning(examined: Examined) -> None:
    """It works, until it crashes."""
    examined.redis.config_set("appendonly", "no")
    finding = examined.only()
    assert (finding.level, finding.mend) == ("warning", "redis-cli CONFIG SET appendonly yes")


def test_a_full_redis_is_a_warning(examined: Examined) -> None:
    """Before writes are refused."""
    used = int(examined.redis.info("memory")["used_memory"])
    examined.redis.config_set("maxmemory", str(used * 100))
    assert examined.findings() == []
    examined.redis.config_set("maxmemory", str(int(used * 1.1)))
    finding = examined.only()
    assert finding.level == "warning"
    assert "of its maxmemory" in finding.what


def test_a_redis_that_hides_its_configuration_is_a_warning(
    examined: Examined, redis_server: EmbeddedRedis
) -> None:
    """Managed services refuse CONFIG: the operator is told what to look at."""
    examined.redis.acl_setuser("app", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-config"])
    with Redis.from_url(redis_server.url, username="app", password="x") as restricted:
        (finding,) = examine(examined.settings, restricted)
    examined.redis.acl_deluser("app")
    assert (finding.level, finding.what) == ("warning", "Redis hides its configuration")


def test_a_ledger_out_of_balance_is_an_error(examined: Examined) -> None:
    """It says by how much."""
    examined.redis.hincrby(examined.keys.totals, "discovered", 2)
    finding = examined.only()
    assert (finding.level, finding.what) == ("error", "the ledger is out of balance by 2")


def test_feeds_that_nobody_polls_are_an_error(examined: Examined) -> None:
    """More than an hour overdue; a feed that is due now or was just added is not."""
    Registry(examined.redis, examined.keys).add(URL)
    for late_s, found in ((60, 0), (2 * 3600, 1)):
        examined.redis.zadd(examined.keys.feeds, {feed_id(URL): int((time.time() - late_s) * 1000)})
        assert len(examined.findings()) == found
    assert (examined.only().level, examined.only().mend) == ("error", "palmyra poll")


def test_feeds_that_keep_failing_are_a_warning(examined: Examined) -> None:
    """Three times in a row: once or twice happens to every feed."""
    Registry(examined.redis, examined.keys).add(URL)
    examined.redis.hset(examined.keys.feed(feed_id(URL)), "failures", 2)
    assert examined.findings() == []
    examined.redis.hset(examined.keys.feed(feed_id(URL)), "failures", 3)
    assert examined.only() == Finding(
        "warning", "1 feeds failed three times in a row or more", "palmyra feeds list"
    )


def test_errors_come_first(examined: Examined) -> None:
    """What needs an operator is at the top."""
    examined.redis.config_set("appendonly", "no")
    examined.redis.hincrby(examined.keys.totals, "discovered", 1)
    assert [finding.level for finding in examined.findings()] == ["error", "warning"]
