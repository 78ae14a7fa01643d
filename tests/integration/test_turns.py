"""Turns at a host, in a real ledger: slots are given ahead, and asked for again when a request goes out."""

from __future__ import annotations

import asyncio
import time

import pytest
from redis import Redis

from jobs.entry import Entry
from jobs.fetch import Moved
from jobs.keys import FETCH, Keys
from jobs.ledger import Ledger
from jobs.link import Found, Lease
from jobs.page import Page
from jobs.politeness import Gate, NotNow
from jobs.tasks import Tasks
from jobs.validators import Validators
from worker.dead_job import dead_job_maker
from worker.feeds.turns import LONGEST_WAIT_S, come

HOST = "one.test"
FEED = "feedaaaaaa"


@pytest.fixture
def ledger(redis: Redis, keys: Keys) -> Ledger:
    return Ledger(redis, keys)


def discover(ledger: Ledger, count: int) -> None:
    urls = [f"https://{HOST}/{number}" for number in range(count)]
    ledger.discover(
        FEED, [Found(f"{n:016d}", url, HOST, 1_000_000, Entry(url)) for n, url in enumerate(urls)]
    )


def lease(ledger: Ledger, host_delay_s: float = 1) -> list[Lease]:
    handout = ledger.lease(fetch_window=99, article_window=9, host_delay_s=host_delay_s, max_pages=99)
    return list(handout.leases)


def about(seconds: float) -> object:
    """A wait that began a moment ago."""
    return pytest.approx(seconds - 0.45, abs=0.46)


def test_two_requests_never_go_out_within_the_delay(ledger: Ledger) -> None:
    """However late the job of the first lease begins: whoever is second is told how long to wait."""
    assert ledger.ask(HOST, "late", 5) == 0
    assert ledger.ask(HOST, "punctual", 5) == about(5)
    assert ledger.ask(HOST, "late", 5) == 0, (
        "the same request goes on: it asked for robots.txt before its page"
    )
    assert ledger.ask("two.test", "punctual", 5) == 0


def test_the_next_slot_counts_from_the_request(ledger: Ledger) -> None:
    """Not from the lease, which may have been some time before: pages and polls."""
    discover(ledger, 2)
    assert len(lease(ledger, 0.2)) == 1
    time.sleep(0.25)
    assert ledger.ask(HOST, "late", 5) == 0
    assert lease(ledger, 0.2) == []
    assert ledger.reserve(HOST, 5) == about(5)


def test_a_pause_holds_for_those_who_have_their_slot_already(ledger: Ledger) -> None:
    """Retry-After: neither a leased page, nor a poll that waits for its moment, nor a redirect goes out."""
    discover(ledger, 1)
    assert ledger.reserve(HOST, 1) == 0
    assert ledger.reserve(HOST, 1) == about(1)
    ledger.block(HOST, 20)
    assert ledger.ask(HOST, "page", 1) == about(20)
    assert ledger.ask(HOST, "poll", 1) == about(20)
    assert ledger.ask(HOST, "hop", 1, rides=True) == about(20)
    assert ledger.reserve(HOST, 1) == about(20)
    assert lease(ledger) == []
    ledger.block(HOST, 5)
    assert ledger.ask(HOST, "page", 1) == about(20), "a shorter pause does not shorten it"


def test_a_pause_by_a_page_is_one_for_all(ledger: Ledger) -> None:
    """As by a poll."""
    discover(ledger, 2)
    (one,) = lease(ledger)
    ledger.begin(one.link_id, FETCH, one.attempt, "w1")
    assert ledger.retry(one.link_id, one.attempt, 20, "rate_limited", block_host=True)
    assert ledger.ask(HOST, "any", 1) == about(20)
    assert ledger.reserve(HOST, 1) == about(20)


def test_redirects_inside_the_domain_ride_along(ledger: Ledger) -> None:
    """They don't wait for the delay."""
    assert ledger.ask(HOST, "page", 5) == 0
    assert ledger.ask(HOST, "page", 5, rides=True) == 0
    assert ledger.ask(HOST, "other", 5, rides=True) == 0


@pytest.mark.parametrize("delay_s", [1, 40])
def test_polls_come_before_pages(ledger: Ledger, redis: Redis, keys: Keys, delay_s: float) -> None:
    """However many pages wait: a poll has the host's next moment, also where it can't wait for that."""
    discover(ledger, 3)
    assert len(lease(ledger, delay_s)) == 1
    wait_s = ledger.reserve(HOST, delay_s)
    assert wait_s == about(delay_s)
    turn_back(ledger, redis, keys, wait_s)
    assert lease(ledger, delay_s) == [], "the moment has come, and it is the poll's"
    again_s = ledger.reserve(HOST, delay_s) if delay_s > LONGEST_WAIT_S else 0
    assert again_s == 0
    turn_back(ledger, redis, keys, delay_s)
    assert len(lease(ledger, delay_s)) == 1, "and the next one is a page's"


def turn_back(ledger: Ledger, redis: Redis, keys: Keys, seconds: float) -> None:
    """Let time pass: everything that is kept in time comes nearer."""
    for key in (keys.slot(HOST), keys.kept(HOST)):
        value = redis.get(key)
        if isinstance(value, bytes):
            redis.set(key, int(value) - int(seconds * 1000), px=60_000)
    for name, score in [(keys.lanes, redis.zscore(keys.lanes, HOST))]:
        if isinstance(score, float):
            redis.zadd(name, {HOST: score - int(seconds * 1000)})
    redis.delete(keys.asked(HOST))


def test_a_kept_moment_is_not_kept_for_ever(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """When no poll comes back for it, it was one lost slot."""
    ledger.reserve(HOST, 40)
    assert ledger.reserve(HOST, 40) == about(40)
    assert 70_000 < redis.pttl(keys.kept(HOST)) <= 80_001
    assert ledger.reserve(HOST, 40) == about(40), "a second poll that asks meanwhile keeps no further moment"


def test_a_poll_that_waits_heeds_a_pause(ledger: Ledger) -> None:
    """It is put off when its moment comes: nothing is sent."""
    ledger.reserve(HOST, 0.2)
    wait_s = ledger.reserve(HOST, 0.2)
    assert wait_s > 0
    ledger.block(HOST, 300)
    assert asyncio.run(come(ledger, HOST, 0.2, wait_s)) == pytest.approx(300, abs=1)


def test_a_poll_goes_when_its_moment_has_come(ledger: Ledger) -> None:
    """After somebody who was late, if need be."""
    ledger.reserve(HOST, 0.2)
    wait_s = ledger.reserve(HOST, 0.2)
    ledger.ask(HOST, "late", 0.5)
    started_s = time.monotonic()
    assert asyncio.run(come(ledger, HOST, 0.2, wait_s)) == 0
    assert time.monotonic() - started_s >= 0.2


def test_no_worker_waits_for_a_host(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """The link goes back at once, with its time and without a failed try, and comes round in time."""
    discover(ledger, 1)
    (one,) = lease(ledger)
    ledger.block(HOST, 20)
    gate = Gate(ledger, host_delay_s=1, robots=None)

    def download(url: str, validators: Validators | None = None) -> Page | Moved:
        gate.begin(url)
        raise AssertionError("nothing is asked for")

    tasks = Tasks(ledger, download, lambda ids: [], dead_job_maker(redis, keys), "w1")
    started_s = time.monotonic()
    assert tasks.fetch(one.link_id, one.attempt) == "released"
    assert time.monotonic() - started_s < 2
    story = ledger.story(one.link_id)
    assert story is not None
    assert (story.state, story.outcome) == ("ready", None)
    assert story.steps[-1].text.startswith(f"{HOST} is not to be asked for another")
    assert redis.hget(keys.link(one.link_id), "tries") == b"0"
    assert lease(ledger) == []
    redis.delete(keys.asked(HOST))
    turn_back(ledger, redis, keys, 20)
    (again,) = lease(ledger)
    assert again.attempt == one.attempt + 1


def test_without_a_delay_nobody_waits(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """The demo newsroom's hosts have none, whatever the general one."""
    ledger.set_delay(HOST, 0)
    ledger.set_crawl_delay(HOST, f"https://{HOST}", 30)
    gate = Gate(ledger, host_delay_s=60, robots=None)
    for _ in range(3):
        gate.begin(f"https://{HOST}/")
    assert ledger.reserve(HOST, 60) == 0
    assert redis.keys(keys.asked("*")) == []


def test_a_permit_is_for_one_request(ledger: Ledger) -> None:
    gate = Gate(ledger, host_delay_s=60, robots=None)
    gate.begin(f"https://www.{HOST}/a")
    with pytest.raises(NotNow):
        gate.begin(f"https://{HOST}/b")
