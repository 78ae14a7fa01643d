"""What happened on a day: counted with each opening and each outcome, bounded, and gone after its time."""

from __future__ import annotations

import time
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.days import DAY_S, OTHERS, Counts, days, read, total
from jobs.errors import Reason
from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.link import Found
from tests.command import Palmyra
from tests.ledger_steps import FEED, OTHER_FEED, begin, commit, found, give_up, lease
from worker.embedded import EmbeddedRedis

MOST_NAMES = 5000


@pytest.fixture(autouse=True)
def not_over_midnight() -> None:
    """A test that would run into the next day waits for it."""
    left_s = DAY_S - time.time() % DAY_S
    if left_s < 30:
        time.sleep(left_s + 1)


def test_a_day_counts_openings_and_outcomes(redis: Redis, keys: Keys) -> None:
    """In all, by reason, by feed and by host, each as the ledger's totals have them."""
    ledger = Ledger(redis, keys)
    assert days(redis, keys, 7) == []
    ledger.discover(FEED, [found(1), found(2), found(3, "two.test")])
    ledger.discover(OTHER_FEED, [found(4)])
    for handed in lease(ledger):
        begun = begin(ledger, handed)
        if handed.link_id == found(1).id:
            ledger.store(begun, b"page", handed.url, "fetched")
        elif handed.link_id == found(2).id:
            ledger.skip(handed.link_id, handed.attempt, Reason.NO_TEXT, "x")
        else:
            give_up(ledger, handed, Reason.TIMEOUT)
    (page,) = lease(ledger)
    commit(ledger, begin(ledger, page))
    ledger.reopen(found(4).id, "again")
    (today,) = days(redis, keys, 7)
    assert today.date == time.strftime("%Y-%m-%d", time.gmtime())
    counted = {name: getattr(today.total, name) for name in ("discovered", "published", "skipped", "failed")}
    assert counted == {"discovered": 5, "published": 1, "skipped": 1, "failed": 2}
    assert counted.items() <= ledger.totals().items()
    assert today.reasons == {"skipped:no_text": 1, "failed:timeout": 2}
    assert astuple(today.feeds[FEED]) == (3, 1, 0, 0, 1, 1)
    assert astuple(today.feeds[OTHER_FEED]) == (2, 0, 0, 0, 0, 1)
    assert {host: counts.discovered for host, counts in today.hosts.items()} == {"one.test": 4, "two.test": 1}


def test_a_day_is_bounded(redis: Redis, keys: Keys) -> None:
    """So many hosts are told apart; the rest are counted together, and none is left out."""
    ledger = Ledger(redis, keys)
    ledger.discover(FEED, [found(n, f"h{n}.test") for n in range(MOST_NAMES + 20)])
    (today,) = days(redis, keys, 1)
    assert len(today.hosts) == MOST_NAMES + 1
    assert today.hosts[OTHERS].discovered == 20
    assert sum(counts.discovered for counts in today.hosts.values()) == MOST_NAMES + 20
    size: Any = redis.memory_usage(keys.day(int(time.time()) // DAY_S))
    assert size < 1_000_000


def test_a_day_goes_with_the_links_of_it(redis: Redis, keys: Keys) -> None:
    """KEEP_LEDGER after it, also when nothing ended on it."""
    key = keys.day(int(time.time()) // DAY_S)
    ledger = Ledger(redis, keys, keep_ledger_days=5)
    ledger.discover(FEED, [found(1)])
    assert 0 < redis.ttl(key) <= 90 * DAY_S
    (handed,) = lease(ledger)
    give_up(ledger, handed)
    assert 5 * DAY_S - 5 <= redis.ttl(key) <= 6 * DAY_S


def test_days_add_up() -> None:
    """Those with the most discovered first; a hash of another version is no error."""
    one = read(20000, {"t discovered": "3", "f a": "1 1 0 0 0 0", "f b": "2 0 0 0 0 0", "x": "1", "#f": "2"})
    two = read(20001, {"t discovered": "1", "f a": "4 0 0 0 0 1"})
    assert (one.date, one.total) == ("2024-10-04", Counts(discovered=3))
    summed = total([one.feeds, two.feeds])
    assert list(summed.items()) == [("a", Counts(5, 1, failed=1)), ("b", Counts(2))]


def test_the_command(redis: Redis, redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """By day, reason, feed and host, for people and as JSON; without --days the balance, as ever."""
    palmyra = Palmyra(redis, redis_server.url, tmp_path)
    assert "Nothing happened" in palmyra.run("ledger", "--days", "7").stdout
    palmyra.registry.add("https://news.test/feed")
    (feed,) = palmyra.registry.all()
    palmyra.fail(1)
    entry = found(2)
    palmyra.ledger.discover(feed.id, [Found("a" * 16, entry.url, entry.host, 1, entry.entry)])
    options = (("reason",), ("feed",), ("host",), ("day",))
    by_reason, by_feed, by_host, by_day = palmyra.each(
        *(("ledger", "--days", "7", "--by", *option) for option in options)
    )
    assert "not_found" in by_reason.stdout
    assert f"{feed.id} https://news.test/feed" in by_feed.stdout
    assert "one.test" in by_host.stdout
    assert time.strftime("%Y-%m-%d", time.gmtime()) in by_day.stdout
    ((today,),) = palmyra.json("ledger", "--days", "1", "--by", "host")
    assert (today["discovered"], today["failed"]) == (2, 1)
    assert today["hosts"]["news.test"]["failed"] == 1
    assert palmyra.json("ledger")[0]["balance"] == 0
    assert "--days" in palmyra.run("ledger", "--by", "host", code=2).stderr
