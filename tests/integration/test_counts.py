"""What metrics count on a link's way: attempts, times, bytes, throttles, ages, memory; at no round trip."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Connection, Redis, UnixDomainSocketConnection

from jobs import counts
from jobs.article import Duplicate, Story
from jobs.errors import Reason
from jobs.keys import ARTICLE, FETCH, Keys
from jobs.ledger import Ledger
from jobs.reopening import How
from jobs.replay import article_of
from tests.integration.link_world import LinkWorld, html, link_world
from tests.ledger_steps import begin, found, give_up, lease, to_article
from tests.server import Response, TestServer
from worker import memory_use, oldest
from worker.collector import RedisCollector
from worker.feeds.registry import Registry
from worker.queues import queue_for

NOW_MS = 1_800_000_000_000


@pytest.fixture
def ledger(redis: Redis, keys: Keys) -> Ledger:
    return Ledger(redis, keys)


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer) -> Iterator[LinkWorld]:
    with link_world(redis, keys, server) as one:
        yield one


def told(redis: Redis, keys: Keys) -> dict[str, float]:
    """Every sample, as `name{label values}`."""
    collector = RedisCollector(redis, keys, Ledger(redis, keys), Registry(redis, keys))
    return {
        f"{sample.name}{{{','.join(sample.labels.values())}}}": sample.value
        for metric in collector.collect()
        for sample in metric.samples
    }


def test_an_article_is_counted_with_its_times(world: LinkWorld) -> None:
    """Both stages, what was downloaded, and each step of the way from sight to event."""
    body = html()
    world.server.route("/story", Response(body=body))
    world.find()
    assert world.work() == ["stored", "published"]
    found = told(world.redis, world.keys)
    assert found["palmyra_attempts_total{fetch,stored}"] == 1
    assert found["palmyra_attempts_total{article,published}"] == 1
    assert found["palmyra_downloaded_bytes_total{pages}"] >= len(body) / 100
    for span in ("seen_fetched", "fetched_emitted", "seen_emitted"):
        assert found[f"palmyra_latency_seconds_count{{{span}}}"] == 1
        assert found[f"palmyra_latency_seconds_bucket{{{span},+Inf}}"] == 1
    assert found["palmyra_latency_seconds_count{published_seen}"] == 0, "this page tells no time"
    assert (
        found["palmyra_duration_seconds_count{fetch}"]
        == found["palmyra_duration_seconds_count{extract}"]
        == 1
    )
    total = found["palmyra_latency_seconds_sum{seen_emitted}"]
    parts = ("seen_fetched", "fetched_emitted")
    assert total == pytest.approx(
        sum(found[f"palmyra_latency_seconds_sum{{{part}}}"] for part in parts), abs=0.01
    )


def test_new_articles_are_counted_by_what_else_they_are(world: LinkWorld) -> None:
    """A copy of an earlier one; the first of a story, or a further one; one whose publisher tells a time."""
    world.server.route("/story", Response(body=html()))
    world.find()
    world.work()
    article = article_of(json.dumps(world.events()[0]))
    assert article is not None
    copy = Duplicate.model_construct(of="o" * 16)
    for size, how in ((1, "began"), (2, "joined")):
        placed = article.model_copy(update={"duplicate": copy, "story": Story(id="s" * 16, size=size)})
        added = counts.of_article(placed)
        assert (added["copies"], added[f"story {how}"]) == (1, 1)
    day = article.timings.model_copy(update={"published": "2026-11-22"})
    told_a_day = counts.of_article(article.model_copy(update={"timings": day}))
    minute = day.model_copy(
        update={"published": "2023-11-14T23:00:00+01:00", "seen": "2023-11-14T22:10:00.000Z"}
    )
    told_a_time = counts.of_article(article.model_copy(update={"timings": minute}))
    assert "published_seen sum" not in told_a_day
    assert told_a_time["published_seen sum"] == 600_000


def test_an_update_was_not_late(world: LinkWorld) -> None:
    """Its page was first seen long ago: it counts as work, not as latency."""
    world.server.route("/story", Response(body=html()))
    link = world.find()
    world.work()
    world.server.route("/story", Response(body=html("Other words altogether, of wells and of roads. " * 30)))
    world.ledger.reopen(link, "again", how=How.REFETCH)
    assert world.work() == ["stored", "published"]
    found = told(world.redis, world.keys)
    assert found["palmyra_duration_seconds_count{extract}"] == 2
    assert found["palmyra_latency_seconds_count{seen_emitted}"] == 1


def test_every_end_of_an_attempt_is_counted_once(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """Whatever becomes of it: each attempt is in one row."""
    ledger.discover("feed", [found(n, host=f"h{n}.test") for n in range(1, 7)])
    later, moved, released, failed, skipped, stored = lease(ledger)
    for handed in (later, moved, released, failed, skipped, stored):
        begin(ledger, handed)
    ledger.retry(later.link_id, later.attempt, 60, "rate_limited", counted={"retry rate_limited": 1})
    ledger.release(released.link_id, released.attempt, "stopping")
    give_up(ledger, failed)
    ledger.skip(skipped.link_id, skipped.attempt, Reason.NOT_HTML, "a PDF")
    begun = begin(ledger, stored)
    ledger.store(begun, b"page", "https://h6.test/", "fetched", counts.of_page(1000, 42))
    ledger.reroute(begin(ledger, moved), "https://else.test/", "else.test", "moved")
    attempts = counts.under(counts.read(redis, keys), counts.DID)
    ends = ("later", "moved", "released", "failed", "skipped", "stored")
    assert attempts == {(FETCH, end): 1 for end in ends}
    assert told(redis, keys)["palmyra_retries_total{rate_limited}"] == 1
    once = counts.read(redis, keys)
    ledger.store(begun, b"page", "https://h6.test/", "sent twice", counts.of_page(1000, 42))
    assert counts.read(redis, keys) == once, "a script that is sent twice counts once"


def test_dead_workers_are_counted(redis: Redis, keys: Keys) -> None:
    """Killed, died, and those of which nobody knows more than that the lease ran out."""
    ledger = Ledger(redis, keys, lease_s=0.05)
    for number, (killed, word) in enumerate(((True, "killed"), (False, "died")), 1):
        handed = to_article(ledger, number)
        begin(ledger, handed)
        ledger.died(handed.link_id, handed.attempt, killed=killed, note="so")
        assert counts.read(redis, keys)[f"did article {word}"] == 1
        for again in lease(ledger):
            ledger.skip(again.link_id, again.attempt, Reason.NO_TEXT, "")
    begin(ledger, to_article(ledger, 3))
    time.sleep(0.06)
    lease(ledger)
    assert counts.read(redis, keys)["did article lost"] == 1


def test_hosts_that_make_us_wait_are_counted(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """A pause that a host asks for, a request that it holds up, and a Crawl-delay over our own."""
    ledger.block("one.test", 30)
    assert ledger.ask("one.test", "me", 1) > 0
    ledger.set_crawl_delay("two.test", "https://two.test", 5)
    redis.delete(keys.slot("two.test"))
    assert ledger.ask("two.test", "me", 1) == 0
    assert ledger.ask("three.test", "me", 1) == 0
    throttles = counts.under(counts.read(redis, keys), counts.THROTTLE)
    assert throttles == {("pause",): 1, ("held",): 1, ("crawl_delay",): 1}


def test_counting_takes_no_round_trip(ledger: Ledger, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step of a link is one command still, counters and all."""
    ledger.discover("feed", [found(1)])
    begun = begin(ledger, lease(ledger)[0])
    sent: list[Any] = []
    send: Any = Connection.send_packed_command

    def noted(connection: Connection, *args: Any, **options: Any) -> None:
        sent.append(args)
        send(connection, *args, **options)

    ledger.store(begun, b"page", begun.url, "loads the script", counts.of_page(1, 1))
    ledger.redis.hset(keys.link(begun.link_id), mapping={"state": "running", "stage": FETCH})
    monkeypatch.setattr(UnixDomainSocketConnection, "send_packed_command", noted)
    assert ledger.store(begun, b"page", begun.url, "fetched", counts.of_page(48_211, 42))
    assert len(sent) == 1
    monkeypatch.undo()
    assert counts.read(ledger.redis, keys)["did fetch stored"] == 2


def test_the_oldest_work_is_found_behind_what_was_put_off(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """In the ledger since it was opened, in RQ since it was put there; a back-off is nobody's delay."""
    assert set(oldest.by_stage(redis, keys, NOW_MS).values()) == {0.0}
    assert oldest.overdue_host(redis, keys, NOW_MS) == 0.0
    ledger.discover("feed", [found(1, host="a.test"), found(2, host="b.test")])
    handed = next(one for one in lease(ledger) if one.host == "a.test")
    begin(ledger, handed)
    ledger.retry(handed.link_id, handed.attempt, 3600, "timeout")
    ledger.discover("feed", [found(3, host="c.test")])
    put_off, _, ready = (found(n).id for n in (1, 2, 3))
    redis.zadd(keys.open, {put_off: NOW_MS - 9_000_000, ready: NOW_MS - 120_000})
    redis.zadd(keys.lanes, {"c.test": NOW_MS - 7_000})
    queue = queue_for(keys, ARTICLE, redis)
    job = queue.enqueue("jobs.tasks.article", "l" * 16, 1)
    redis.hset(keys.rq_job(job.id), "enqueued_at", "2027-01-15T07:59:50.000000Z")
    ages = oldest.by_stage(redis, keys, NOW_MS)
    assert ages[FETCH, "ledger"] == 120
    assert (ages[ARTICLE, "ledger"], ages[FETCH, "rq"]) == (0, 0)
    assert ages[ARTICLE, "rq"] == 10
    assert oldest.overdue_host(redis, keys, NOW_MS) == 7


def test_memory_is_told_by_purpose(redis: Redis, keys: Keys) -> None:
    """Near enough to see what takes the room, with the number of pages; keys of others are other."""
    for n in range(300):
        redis.set(keys.page(f"p{n}"), b"x" * 20_000)
        redis.hset(keys.link(f"l{n}"), mapping={"url": "https://one.test/" + "a" * 500})
    redis.xadd(keys.stream, {"event": b"e" * 50_000})
    redis.set("someone:else", b"y" * 1000)
    use = memory_use.measure(redis, keys)
    pages, links = 300 * 20_480, 300 * 700
    assert use.by_purpose["pages"] == pytest.approx(pages, rel=0.4)
    assert use.by_purpose["ledger"] == pytest.approx(links, rel=0.9)
    assert 50_000 <= use.by_purpose["stream"] < 100_000, "what is one key is measured"
    assert use.pages == pytest.approx(300, rel=0.3)
    assert use.used > use.by_purpose["pages"] / 2
    assert set(use.by_purpose) == set(memory_use.PURPOSES)


def test_every_key_has_its_purpose(keys: Keys) -> None:
    """A new kind of key is not lost among others'."""
    source = (Path(__file__).parents[2] / "jobs" / "keys.py").read_text()
    parts = set(re.findall(r'_key\("([a-z-]+)"', source))
    assert len(parts) > 40
    lost = {
        part
        for part in parts
        if memory_use.purpose_of(keys, f"{keys.namespace}:{part}:x") == memory_use.OTHER
    }
    assert lost == set()
    assert memory_use.purpose_of(keys, "rq:job:x") == "rq"


@pytest.mark.parametrize(("ms", "bucket"), [(-5, "100"), (100, "100"), (101, "250"), (10**9, "inf")])
def test_a_time_falls_into_one_bucket(ms: float, bucket: str) -> None:
    """The least whose bound it does not exceed; a clock that runs ahead makes nothing negative."""
    assert counts.observed("seen_emitted", ms) == {
        f"seen_emitted {bucket}": 1, "seen_emitted sum": max(0, round(ms)),
    }  # fmt: skip
    buckets, _ = counts.buckets(counts.observed("seen_emitted", ms), "seen_emitted")
    assert [n for _, n in buckets] == sorted(n for _, n in buckets)
    assert buckets[-1] == ("+Inf", 1)
