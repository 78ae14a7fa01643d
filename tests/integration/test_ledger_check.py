"""`ledger check`: each kind of damage is found and told, and put right so that nothing is wrong any more."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.errors import Reason
from jobs.keys import ARTICLE, FETCH, STAGES, Keys
from jobs.ledger import Ledger
from jobs.reopening import How
from jobs.scripts import source
from tests.command import Palmyra
from tests.ledger_steps import FEED, OTHER_FEED, balance, begin, commit, found, give_up, lease, to_article
from worker import ledger_check
from worker.dead_job import dead_job_maker
from worker.dispatch import Dispatcher
from worker.embedded import EmbeddedRedis
from worker.ledger_check import FAULTS, Check, Fault
from worker.queues import queue_for
from worker.stream import trim

ONE = found(1).id
GHOST = "g" * 16


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing moves here while it is looked at."""
    monkeypatch.setattr(ledger_check, "SETTLE_S", 0.0)


@pytest.fixture
def ledger(redis: Redis, keys: Keys) -> Ledger:
    return Ledger(redis, keys)


@pytest.fixture
def check(redis: Redis, keys: Keys) -> Check:
    made = dead_job_maker(redis, keys)
    return Check(redis, keys, made, keep_ledger_days=90, keep_pages_days=3, keep_stream_days=7)


def enqueue(ledger: Ledger) -> None:
    """Let the dispatcher give what is due to RQ, for a worker of each stage."""
    dispatcher = Dispatcher(
        ledger, dead_job_maker(ledger.redis, ledger.keys), host_delay_s=0, keep_stream_days=7
    )
    dispatcher.capacity = lambda: dict.fromkeys(STAGES, 9)  # type: ignore[method-assign]
    dispatcher.step()


# -- the state of a link before the damage ------------------------------------------------------------------


def ready(ledger: Ledger) -> None:
    ledger.discover(FEED, [found(1), found(2, "two.test")])


def waiting(ledger: Ledger) -> None:
    ledger.discover(FEED, [found(1)])
    (handed,) = lease(ledger)
    ledger.retry(ONE, handed.attempt, 60, "later")


def leased(ledger: Ledger) -> None:
    ledger.discover(FEED, [found(1)])
    enqueue(ledger)


def published(ledger: Ledger) -> None:
    commit(ledger, begin(ledger, to_article(ledger)))


def dead(ledger: Ledger) -> None:
    ledger.discover(FEED, [found(1)])
    (handed,) = lease(ledger)
    give_up(ledger, handed)


def stream_known(ledger: Ledger) -> None:
    """Published, and the dispatcher has seen where the stream begins."""
    ledger.redis.xadd(ledger.keys.stream, {"event": "{}"}, id="1-1")
    published(ledger)
    trim(ledger.redis, ledger.keys, keep_days=36500)


State = Callable[[Ledger], None]
Damage = Callable[[Redis, Keys], Any]


def lease_long_over(redis: Redis, keys: Keys) -> None:
    redis.zadd(keys.leases(FETCH), {ONE: 1})
    redis.delete(f"rq:job:{keys.job(ONE, FETCH, 1)}")


def half_open(redis: Redis, keys: Keys) -> None:
    """An id that somebody put into the ledger's sets without a record."""
    redis.zadd(keys.open, {GHOST: 1})
    redis.zadd(keys.later, {GHOST: 1})
    redis.hincrby(keys.totals, "discovered", 1)


def lose_event(redis: Redis, keys: Keys) -> None:
    entry: Any = redis.hget(keys.link(ONE), "entry")
    redis.xdel(keys.stream, entry.decode())


def moved_back(redis: Redis, keys: Keys) -> None:
    """The link is ready although an earlier job of it waits in RQ."""
    redis.hset(keys.link(ONE), "n", 7)


def leave_job(redis: Redis, keys: Keys) -> None:
    """A failed job that is there again after its link was opened again."""
    job = keys.dead_job(ONE, 1)
    fields = redis.dump(keys.rq_job(job))
    assert isinstance(fields, bytes)
    Ledger(redis, keys).reopen(ONE, "again")
    redis.restore(keys.rq_job(job), 60_000, fields)
    redis.zadd(keys.rq_failed, {job: time.time() + 60})


CASES: list[tuple[str, State, Damage]] = [
    ("not_in_open", ready, lambda r, k: r.zrem(k.open, ONE)),
    ("misplaced", ready, lambda r, k: r.zadd(k.later, {ONE: 1})),
    ("misplaced", leased, lambda r, k: r.zadd(k.later, {ONE: 1})),
    ("misplaced", leased, lambda r, k: r.hset(k.link(ONE), "state", "later")),
    ("misplaced", ready, lambda r, k: r.zadd(k.ready("two.test", FEED), {ONE: 1})),
    ("misplaced", published, lambda r, k: r.zadd(k.ready("one.test", OTHER_FEED), {ONE: 1})),
    ("nowhere", ready, lambda r, k: r.zrem(k.ready("one.test", FEED), ONE)),
    ("nowhere", waiting, lambda r, k: r.zrem(k.later, ONE)),
    ("nowhere", leased, lambda r, k: r.zrem(k.leases(FETCH), ONE)),
    ("nowhere", ready, lambda r, k: r.hdel(k.link(ONE), "state", "stage", "feed", "host")),
    ("no_record", ready, half_open),
    ("no_record", ready, lambda r, k: r.delete(k.link(ONE))),
    ("no_record", leased, lambda r, k: r.delete(k.link(ONE))),
    ("closed_in_open", published, lambda r, k: r.zadd(k.open, {ONE: 1})),
    ("closed_in_place", published, lambda r, k: r.zadd(k.leases(ARTICLE), {ONE: 1})),
    ("closed_in_place", published, lambda r, k: r.zadd(k.later, {ONE: 1})),
    ("lease_over", leased, lease_long_over),
    ("no_turn", ready, lambda r, k: r.zrem(k.lanes, "one.test")),
    ("no_turn", ready, lambda r, k: r.delete(k.lane("two.test"))),
    ("miscounted", ready, lambda r, k: r.hincrby(k.waiting, FETCH, 3)),
    ("miscounted", published, lambda r, k: r.hset(k.waiting, ARTICLE, 1)),
    ("out_of_balance", published, lambda r, k: r.hincrby(k.totals, "published", 2)),
    ("out_of_balance", ready, lambda r, k: r.hincrby(k.totals, "discovered", 1)),
    ("not_dead", published, lambda r, k: r.zadd(k.dead, {ONE: time.time() * 1000})),
    ("dead_unlisted", dead, lambda r, k: r.zrem(k.dead, ONE)),
    ("dead_not_shown", dead, lambda r, k: r.delete(f"rq:job:{k.dead_job(ONE, 1)}")),
    ("dead_job_stale", dead, leave_job),
    ("stale_job", leased, moved_back),
    ("stale_job", leased, lambda r, k: Ledger(r, k).skip(ONE, 1, Reason.NOT_HTML, "ended")),
    ("event_missing", published, lose_event),
    ("event_missing", stream_known, lose_event),
    ("page_without_link", ready, lambda r, k: r.set(k.page(GHOST), "page", ex=60)),
    ("page_withdrawn", published, lambda r, k: r.hset(k.link(ONE), "withdrawn", 1)),
    ("never_expires", published, lambda r, k: r.persist(k.link(ONE))),
    ("never_expires", published, lambda r, k: r.persist(k.page(ONE))),
]


@pytest.mark.parametrize(("kind", "state", "damage"), CASES, ids=[kind for kind, _, _ in CASES])
def test_damage_is_found_and_put_right(
    ledger: Ledger, check: Check, kind: str, state: State, damage: Damage
) -> None:
    """It is told, left alone without --fix, mended with it; then nothing is wrong and all links move on."""
    state(ledger)
    assert not check.run().counts, "nothing is wrong before"
    damage(ledger.redis, ledger.keys)
    report = check.run()
    assert kind in report.counts
    assert set(report.counts) <= set(FAULTS)
    assert check.run().counts == report.counts, "looking changes nothing"
    assert kind in check.run(mend=True).counts
    left = check.run()
    assert not left.counts, left.faults
    assert balance(ledger) == 0
    assert_all_move_on(ledger)


def assert_all_move_on(ledger: Ledger) -> None:
    """What is open is handed out, once, now or when its wait or lease is over."""
    redis, keys = ledger.redis, ledger.keys
    opened: Any = redis.zrange(keys.open, 0, -1)
    for clock in (keys.later, *map(keys.leases, STAGES)):
        waiting_there: Any = redis.zrange(clock, 0, -1)
        for link in waiting_there:
            redis.zadd(clock, {link: 1})
    handed = [one.link_id for one in lease(ledger)]
    assert sorted(handed) == sorted(link.decode() for link in opened)


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_every_kind_of_fault_is_tested(kind: str) -> None:
    """And each that a script tells has its words."""
    assert kind in {case[0] for case in CASES}


def test_a_repair_is_on_the_links_way(ledger: Ledger, check: Check) -> None:
    """`why` tells who moved it."""
    ready(ledger)
    ledger.redis.zrem(ledger.keys.ready("one.test", FEED), ONE)
    check.run(mend=True)
    story = ledger.story(ONE)
    assert story is not None
    assert story.steps[-1].text == "ledger check: ready and nowhere to be found; its turn comes"


def test_an_event_that_is_gone_is_published_again(ledger: Ledger, check: Check) -> None:
    """As a new revision, which no consumer takes for a repeat, from the kept page."""
    published(ledger)
    lose_event(ledger.redis, ledger.keys)
    check.run(mend=True)
    (handed,) = lease(ledger)
    assert handed.stage == ARTICLE
    assert commit(ledger, begin(ledger, handed), revision=2, digests="digest1") == ("published", None)
    assert ledger.redis.xlen(ledger.keys.stream) == 1


def test_what_was_trimmed_is_no_fault(ledger: Ledger, check: Check) -> None:
    """By age, by size or by an operator's hand: the stream begins later, and nothing is published twice."""
    published(ledger)
    ledger.redis.xadd(ledger.keys.stream, {"event": "{}"})
    trim(ledger.redis, ledger.keys, keep_days=7)
    ledger.redis.xtrim(ledger.keys.stream, maxlen=1, approximate=False)
    assert not check.run().counts
    assert trim(ledger.redis, ledger.keys, keep_days=0.0) == 1
    assert not check.run().counts


def test_a_system_at_work_has_no_faults(ledger: Ledger, check: Check) -> None:
    """Links in every state; a leased one whose job is lost waits for its lease's end."""
    ledger.discover(FEED, [found(n, f"h{n % 5}.test") for n in range(300)])
    for number, handed in enumerate(lease(ledger, fetch_window=200)):
        begun = begin(ledger, handed)
        if number % 5 == 1:
            ledger.retry(begun.link_id, begun.attempt, 60, "later")
        elif number % 5 == 2:
            ledger.store(begun, b"page", handed.url, "fetched")
        elif number % 5 == 3:
            give_up(ledger, handed)
        elif number % 5 == 4:
            ledger.unchanged(begun, "304")
    for number, handed in enumerate(lease(ledger, fetch_window=0)):
        if number % 2:
            commit(ledger, begin(ledger, handed))
    ledger.reopen(next(ledger.dead()).link_id, "again", how=How.REFETCH)
    report = check.run()
    assert report.links == 300
    assert report.faults == [], "the failed job of a link goes with its death"


def test_a_moment_later_decides_about_rq(
    ledger: Ledger, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job whose end RQ is about to note is no fault."""
    leased(ledger)
    moved_back(ledger.redis, ledger.keys)
    key = f"rq:job:{ledger.keys.job(ONE, FETCH, 1)}"

    def meanwhile(seconds: float) -> None:
        ledger.redis.expire(key, 60)

    monkeypatch.setattr("worker.ledger_check.time.sleep", meanwhile)
    assert "stale_job" not in check.run(mend=True).counts


def test_a_large_ledger_is_checked_in_small_steps(ledger: Ledger, check: Check) -> None:
    """No script holds Redis up for long, whatever it finds: here 3,000 links that stand nowhere."""
    ledger.discover(FEED, [found(n) for n in range(3000)])
    ledger.redis.delete(ledger.keys.ready("one.test", FEED))
    ledger.redis.config_resetstat()
    report = check.run(mend=True)
    assert report.counts["nowhere"] == 3000
    stats: Any = ledger.redis.info("commandstats")
    assert stats["cmdstat_evalsha"]["usec_per_call"] < 50_000
    assert not check.run().counts


def test_the_scripts_words_are_the_vocabulary() -> None:
    """What a script calls a fault has its explanation."""
    told = set()
    for script in ("check", "check_ready", "check_counts"):
        told |= set(re.findall(r"wrong\(id, '(\w+)'", source(script)))
        told |= set(re.findall(r"rows\[#rows \+ 1\] = \{[^']*(?:'')?[^']*'(\w+)'", source(script)))
    assert told <= set(FAULTS)
    assert {"nowhere", "misplaced", "no_turn", "miscounted", "out_of_balance"} <= told


def test_the_command(redis: Redis, redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """Exit code 4 when something is wrong; --fix puts it right; JSON for scripts."""
    palmyra = Palmyra(redis, redis_server.url, tmp_path)
    link = palmyra.discover(1)
    assert "1 links checked: nothing is wrong" in palmyra.run("ledger", "check").stdout
    redis.zrem(palmyra.keys.ready("news.test", "feedaaaaaa"), link)
    told = palmyra.run("ledger", "check", code=4).stdout
    assert f"(nowhere)\n    {link} ready" in told
    assert "`palmyra ledger check --fix` puts them right" in told
    (fixed,) = palmyra.json("ledger", "check", "--fix")
    assert (fixed["fixed"], fixed["counts"]["nowhere"]) == (True, 1)
    assert {"link": link, "kind": "nowhere", "detail": "ready"} in fixed["faults"]
    (clean,) = palmyra.json("ledger", "check")
    assert clean == {"links": 1, "fixed": False, "counts": {}, "faults": []}


def test_a_report_tells_a_fault_once() -> None:
    """However often a scan comes by."""
    report = ledger_check.Report()
    fault = Fault("a", "nowhere", "")
    report.add([fault, fault])
    assert (report.counts.total(), report.faults) == (1, [fault])


def test_queues_are_left_as_they_are(ledger: Ledger, check: Check) -> None:
    """A job of a link that is at that attempt stays, running or not."""
    leased(ledger)
    check.run(mend=True)
    assert queue_for(ledger.keys, FETCH, ledger.redis).job_ids == [ledger.keys.job(ONE, FETCH, 1)]
