"""What is wrong with a running system: found, and told with what mends it."""

from __future__ import annotations

import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.entry import Entry
from jobs.keys import STAGES, Keys
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.urls import link_id
from worker import health_here, health_redis
from worker.config import Settings, load
from worker.embedded import EmbeddedRedis
from worker.feeds.registry import Registry, feed_id
from worker.feeds.websub import Subscription
from worker.finding import Finding
from worker.health import examine, group_findings, hub_findings
from worker.health_redis import memory_findings, server_findings
from worker.memory import Memory
from worker.rqworker import PalmyraWorker
from worker.stream import Group, trim

URL = "https://one.test/feed"


@pytest.fixture
def configured(redis: Redis) -> Iterator[Redis]:
    """A Redis as palmyra wants it, put back as it was."""
    redis.config_set("appendonly", "yes")
    yield redis
    for name, value in (("appendonly", "no"), ("maxmemory-policy", "noeviction"), ("maxmemory", "0")):
        redis.config_set(name, value)


def settings(redis_server: EmbeddedRedis, keys: Keys) -> Settings:
    return load(
        {
            "PALMYRA_REDIS_URL": redis_server.url,
            "PALMYRA_NAMESPACE": keys.namespace,
            "PALMYRA_CONTACT": "news@example.org",
        }
    ).settings


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Which names resolve; all others do not."""
    known = {"one.test": True}

    def getaddrinfo(host: str, port: int) -> list[str]:
        if not known.get(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [host]

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    return known


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
        self.dispatch()

    def dispatch(self) -> None:
        """A dispatcher's step."""
        Ledger(self.redis, self.keys).lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9)

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
    used = int(examined.redis.info("memory")["used_memory"])  # what was freed meanwhile is not counted
    examined.redis.config_set("maxmemory", str(int(used * 1.02)))
    finding = examined.only()
    assert finding.level == "error"
    assert "of its maxmemory: polling is stopped" in finding.what
    used = int(examined.redis.info("memory")["used_memory"])
    examined.redis.config_set("maxmemory", str(int(used / 0.83)))
    finding = examined.only()
    assert finding.level == "warning"
    assert "oldest kept pages go" in finding.what
    assert "maxmemory" in finding.mend


def test_a_redis_without_limit_that_fills_its_machine_is_a_warning() -> None:
    """Before the kernel kills it."""
    assert memory_findings(Memory(40, 0, system_bytes=100)) == []
    (finding,) = memory_findings(Memory(60, 0, system_bytes=100))
    assert finding.level == "warning"
    assert "60% of its machine's memory" in finding.what


SOUND = {"redis_version": "6.2.14", "maxmemory_policy": "noeviction", "aof_enabled": 1}


@pytest.mark.parametrize(
    ("told", "level", "mend"),
    [
        ({}, None, ""),
        ({"redis_version": "7.0.1"}, None, ""),
        ({"redis_version": "6.0.16"}, "error", "upgrade"),
        ({"redis_version": "5.0.1", "valkey_version": "8.0.0"}, None, ""),
        ({"aof_last_write_status": "err"}, "error", "df -h"),
        ({"aof_last_bgrewrite_status": "err"}, "warning", "BGREWRITEAOF"),
    ],
)
def test_what_a_server_says_of_itself(told: dict[str, str], level: str | None, mend: str) -> None:
    """Too old, or unable to write its file."""
    found = server_findings(SOUND | told)
    assert [one.level for one in found] == ([level] if level else [])
    assert all(mend in one.mend for one in found)


def test_a_clock_that_differs_is_a_warning(examined: Examined, monkeypatch: pytest.MonkeyPatch) -> None:
    """By more than some seconds, before or behind; and one of Redis's that stepped back."""
    now = time.time
    for ahead_s in (-60, 60):
        with monkeypatch.context() as patched:
            patched.setattr("time.time", lambda ahead=ahead_s: now() + ahead)
            (finding,) = health_redis.look_at_clock(examined.settings, examined.redis)
        assert (finding.level, finding.mend) == ("warning", "timedatectl set-ntp true, on both")
        assert re.search(r"by (59|60) s", finding.what)
    examined.redis.hincrby(examined.keys.time, "offset", 100_000)
    examined.redis.hincrby(examined.keys.time, "last", 100_000)
    assert "stepped back, by 100 s" in examined.only().what


def test_nobody_who_dispatches_is_an_error(examined: Examined) -> None:
    """Within half a minute: each step leaves its time. Where there is nothing to do, nobody is missed."""
    keys, redis = examined.keys, examined.redis
    redis.hset(keys.time, "last", int((time.time() - 90) * 1000))
    assert examined.findings() == []
    Registry(redis, keys).add(URL)
    assert (examined.only().level, examined.only().mend) == ("error", "palmyra poll")
    assert re.search(r"for (8|9)\d s", examined.only().what)
    redis.delete(keys.time)
    assert "yet" in examined.only().what
    examined.dispatch()
    assert examined.findings() == []


def test_jobs_that_are_stuck_are_an_error(examined: Examined) -> None:
    """Their leases ran out minutes ago; a dispatcher that runs takes them back, and it is well."""
    ledger = Ledger(examined.redis, examined.keys, lease_s=0.001)
    url = "https://one.test/1"
    ledger.discover("feedaaaaaa", [Found(link_id(url), url, "one.test", 1000, Entry(url))])
    ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9)
    assert examined.findings() == []
    late = int((time.time() - 121) * 1000)
    examined.redis.zadd(examined.keys.leases("fetch"), {link_id(url): late})
    assert examined.only().level == "error"
    assert "1 fetch jobs are stuck" in examined.only().what
    examined.dispatch()
    assert examined.findings() == []


def test_no_dns_is_a_warning(examined: Examined, names: dict[str, bool]) -> None:
    """When none of some feeds' names resolves: one that is gone is that feed's own trouble."""
    registry = Registry(examined.redis, examined.keys)
    for url in (URL, "https://two.test/feed", "https://three.test/feed", "http://127.0.0.1/feed"):
        registry.add(url)
    assert examined.findings() == []
    names.clear()
    finding = examined.only()
    assert finding.level == "warning"
    assert "one.test" in finding.what
    assert "127.0.0.1" not in finding.what
    assert examine(examined.settings, examined.redis, around=False) == [], "palmyra health waits for nobody"


def test_a_resolver_that_does_not_answer_is_waited_for_for_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it counts as none."""
    monkeypatch.setattr(health_here, "LOOK_UP_S", 0.1)
    answers = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: answers.wait(30))
    began_s = time.monotonic()
    assert health_here.dns_findings(["one.test"])
    assert time.monotonic() - began_s < 10
    answers.set()


@pytest.mark.parametrize(("free_mib", "level"), [(4096, None), (1024, "warning"), (100, "error")])
def test_a_disk_that_gets_full_is_told_of(free_mib: int, level: str | None, tmp_path: Path) -> None:
    """Of the embedded Redis, whose files are here; with the directory, and before it is too late."""
    found = health_here.disk_findings(free_mib * 2**20, tmp_path)
    assert [one.level for one in found] == ([level] if level else [])
    assert all(str(tmp_path) in one.what and "df -h" in one.mend for one in found)


def test_the_disk_that_is_looked_at_is_that_of_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before there is one; with another Redis none is."""
    looked: list[Any] = []
    usage = shutil.disk_usage

    def seen(path: Path) -> Any:
        looked.append(path)
        return usage(path)

    monkeypatch.setattr("shutil.disk_usage", seen)
    home = load({"PALMYRA_HOME": str(tmp_path / "not" / "yet")}).settings
    health_here.look_at_disk(home, Redis())
    elsewhere = load({"PALMYRA_REDIS_URL": "redis://redis.test"}).settings
    assert health_here.look_at_disk(elsewhere, Redis()) == []
    assert looked == [tmp_path]


def test_a_model_that_is_not_there_is_a_warning(examined: Examined) -> None:
    """Its language's articles would have no entities from it."""
    examined.settings = examined.settings.model_copy(update={"spacy_models": [("en", "en_not_there")]})
    finding = examined.only()
    assert finding.level == "warning"
    assert "en_not_there" in finding.what
    assert "pip install" in finding.mend


def test_a_user_with_few_rights_is_told_what_it_could_not_see(
    examined: Examined, redis_server: EmbeddedRedis
) -> None:
    """Part by part: the rest is looked at. CONFIG, which managed services refuse, is not needed."""
    examined.redis.zadd(examined.keys.feeds, {"feedaaaaaa": 1})
    for refused, unseen in (
        (["-config", "-info"], ["Redis itself"]),
        (["-config", "-info", "-hgetall"], None),
    ):
        rights = ["+@all", *refused]
        examined.redis.acl_setuser("app", enabled=True, nopass=True, keys=["*"], commands=rights)
        with Redis.from_url(redis_server.url, username="app", password="x") as restricted:
            found = examine(examined.settings, restricted)
        examined.redis.acl_deluser("app")
        told = [one for one in found if one.what.startswith("could not look at ")]
        assert {one.level for one in told} == {"warning"}
        named = [one.what.split(":")[0].removeprefix("could not look at ") for one in told]
        assert named == (unseen or ["Redis itself", "the ledger", "the feeds", "DNS"])
        assert any("overdue" in one.what for one in found) == bool(unseen)
    assert "users.acl" in told[0].mend


def test_a_ledger_out_of_balance_is_an_error(examined: Examined) -> None:
    """It says by how much."""
    examined.redis.hincrby(examined.keys.totals, "discovered", 2)
    finding = examined.only()
    assert (finding.level, finding.what) == ("error", "the ledger is out of balance by 2")


def test_publishers_need_somebody_to_write_to(examined: Examined) -> None:
    """Once feeds are polled; a public address of ours is a contact too."""
    anonymous = Examined(
        examined.redis, examined.settings.model_copy(update={"contact": None}), examined.keys
    )
    assert anonymous.findings() == []
    Registry(examined.redis, examined.keys).add(URL)
    assert anonymous.only().mend == "set PALMYRA_CONTACT to an address of yours"
    public = anonymous.settings.model_copy(update={"public_url": "https://palmyra.example.org"})
    assert examine(public, examined.redis) == []


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
        "warning", "1 feed has failed three times in a row or more", "palmyra feeds list --failing"
    )


HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("known", "option"),
    [
        ({"silent": 1}, "--silent"),
        ({"gone": 1, "failures": 40}, "--gone"),
        ({"polled": -26 * HOUR_MS, "interval": 3600}, "--stale"),
        ({"gaps": 1, "last_gap": -HOUR_MS}, "--gaps"),
        ({"gaps": 1, "last_gap": -30 * HOUR_MS}, None),
        ({"paused": 1, "failures": 9, "silent": 1}, None),
        ({"failures": 2}, None),
    ],
)
def test_feeds_to_look_at_are_warnings(examined: Examined, known: dict[str, int], option: str | None) -> None:
    """Each with the command that lists them; what the operator paused, and old gaps, are none."""
    Registry(examined.redis, examined.keys).add(URL)
    now_ms = int(time.time() * 1000)
    fields: Any = {"polled": now_ms} | {name: n if n >= 0 else now_ms + n for name, n in known.items()}
    examined.redis.hset(examined.keys.feed(feed_id(URL)), mapping=fields)
    if option is None:
        assert examined.findings() == []
    else:
        assert (examined.only().level, examined.only().mend) == ("warning", f"palmyra feeds list {option}")


NOW_MS = 1_790_000_000_000
PUBLIC = "https://palmyra.test"


def subscription(feed: str, **known: int) -> Subscription:
    asked: dict[str, Any] = {"asked": NOW_MS - HOUR_MS} | known
    return Subscription(feed, "https://hub.test/", f"https://{feed}.test/rss", f"{PUBLIC}/websub/x", **asked)


def test_subscriptions_that_are_denied_or_expired_are_warnings() -> None:
    """With the first feeds to look at; those that stand or were just asked for are none."""
    verified = {"verified": NOW_MS - HOUR_MS}
    sound = [
        subscription("a", **verified, until=NOW_MS + HOUR_MS),
        subscription("b", asked=NOW_MS),
    ]
    assert hub_findings(sound, PUBLIC, NOW_MS) == []
    denied = [subscription(feed, denied=NOW_MS) for feed in "cdefg"]
    expired = [subscription("h", **verified, until=NOW_MS - 1)]
    found = hub_findings([*sound, *denied, *expired], PUBLIC, NOW_MS)
    assert [(one.level, one.mend) for one in found] == [
        ("warning", "palmyra feeds show c"),
        ("warning", "palmyra feeds show h"),
    ]
    assert found[0].what == "subscriptions at hubs that are denied: 5, of c, d, e and 2 more"


def test_a_public_url_that_no_hub_reaches_is_a_warning() -> None:
    """Hubs were asked, and none has ever checked with us: the address is not ours from outside."""
    unanswered = [subscription("a"), subscription("b")]
    (finding,) = hub_findings(unanswered, PUBLIC, NOW_MS)
    assert "no hub has ever reached us" in finding.what
    assert f"{PUBLIC}/websub/" in finding.mend
    assert hub_findings(unanswered, None, NOW_MS) == []
    assert hub_findings([*unanswered, subscription("c", verified=1, until=NOW_MS + 1)], PUBLIC, NOW_MS) == []


DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("days", "words"), [(8.0, "holds the stream"), (4.0, "is far behind"), (3.0, None), (None, None)]
)
def test_groups_that_are_behind_are_warnings(days: float | None, words: str | None) -> None:
    """From half of the time that events are kept on, before they hold the stream; and how to give one up."""
    oldest = None if days is None else NOW_MS - int(days * DAY_MS)
    found = group_findings([Group("the desk", 5, 1, oldest, overtaken=False)], 7, "ns:articles", NOW_MS)
    assert [finding.level for finding in found] == ["warning"] * bool(words)
    for finding in found:
        assert words
        assert words in finding.what
        assert "redis-cli XGROUP DESTROY ns:articles 'the desk'" in finding.mend


def test_a_group_that_was_overtaken_is_a_warning(examined: Examined) -> None:
    """Until its consumer goes on, and is told."""
    stream = examined.keys.stream
    for _ in range(3):
        examined.redis.xadd(stream, {"event": "{}"})
    examined.redis.xgroup_create(stream, "desk", id="0")
    examined.redis.xreadgroup("desk", "me", {stream: ">"}, count=1, noack=True)
    trim(examined.redis, examined.keys, keep_days=7)
    assert examined.findings() == []
    examined.redis.xtrim(stream, maxlen=1, approximate=False)
    assert "group desk was overtaken" in examined.only().what
    examined.redis.xreadgroup("desk", "me", {stream: ">"}, noack=True)
    assert examined.findings() == []


def test_a_stream_over_its_size_names_who_holds_it(examined: Examined) -> None:
    """What is unread stays, whatever the size."""
    stream = examined.keys.stream
    for _ in range(100):
        examined.redis.xadd(stream, {"event": "x" * 1000})
    examined.settings = examined.settings.model_copy(update={"keep_stream_bytes": 50_000})
    assert examined.findings() == []
    examined.redis.xgroup_create(stream, "desk", id="0")
    finding = examined.only()
    assert "desk has not read it" in finding.what


def test_errors_come_first(examined: Examined) -> None:
    """What needs an operator is at the top."""
    examined.redis.config_set("appendonly", "no")
    examined.redis.hincrby(examined.keys.totals, "discovered", 1)
    assert [finding.level for finding in examined.findings()] == ["error", "warning"]
