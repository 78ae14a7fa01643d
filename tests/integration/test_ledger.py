"""The ledger's promises: no link is lost, the books balance, an event goes out once, whoever dies."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from jobs.entry import Entry
from jobs.errors import Reason
from jobs.keys import ARTICLE, FETCH, Keys
from jobs.ledger import MAX_DEATHS, MAX_KILLS, Ledger
from jobs.reopening import How
from tests.ledger_steps import FEED, OTHER_FEED, balance, begin, commit, found, give_up, lease, to_article


@pytest.fixture
def ledger(redis: Redis, keys: Keys) -> Ledger:
    """A ledger whose leases last long enough for a test."""
    return Ledger(redis, keys)


def test_a_link_goes_from_feed_to_stream_and_the_books_balance_at_every_step(ledger: Ledger) -> None:
    """Each link ends in one outcome, its event is on the stream once, and nothing is left over."""
    assert ledger.discover(FEED, [found(1), found(2)]).new == 2
    assert ledger.totals()["in_flight"] == 2
    for handed in lease(ledger):
        begun = begin(ledger, handed)
        assert begun.entry == Entry(handed.url, title=f"Title {int(handed.link_id)}")
        assert balance(ledger) == 0
        assert ledger.store(begun, b"page", handed.url, "fetched")
    for handed in lease(ledger):
        assert handed.stage == ARTICLE
        assert commit(ledger, begin(ledger, handed)) == ("published", None)
        assert balance(ledger) == 0
    totals = ledger.totals()
    assert (totals["discovered"], totals["published"], totals["in_flight"]) == (2, 2, 0)
    assert ledger.redis.xlen(ledger.keys.stream) == 2
    assert ledger.in_stages() == dict.fromkeys(ledger.in_stages(), 0)


def test_discovering_again_changes_nothing(ledger: Ledger) -> None:
    """A poll that is repeated, or another feed with the same link, opens no link twice."""
    assert ledger.discover(FEED, [found(1)]).new == 1
    assert ledger.discover(FEED, [found(1)]).new == 0
    assert ledger.discover(OTHER_FEED, [found(1)]).new == 0
    story = ledger.story(found(1).id)
    assert story is not None
    assert story.feeds == (FEED, OTHER_FEED)
    assert ledger.totals()["discovered"] == 1


def test_a_changed_entry_hands_its_link_over_again(redis: Redis, keys: Keys) -> None:
    """A new title, text or date of update is a re-fetch, with the new evidence; the same again is not."""
    ledger = Ledger(redis, keys, reopen_after_s=0)
    commit(ledger, begin(ledger, to_article(ledger)))
    assert ledger.discover(FEED, [found(1)]) == (0, 0)
    edited = replace(found(1), entry=replace(found(1).entry, title="Another title"))
    assert ledger.discover(FEED, [edited]) == (0, 1)
    assert ledger.discover(FEED, [edited]) == (0, 0)
    (again,) = lease(ledger)
    assert again.stage == FETCH
    assert begin(ledger, again).entry == edited.entry
    assert balance(ledger) == 0


def test_an_entry_that_changes_all_the_time_is_fetched_again_now_and_then(ledger: Ledger) -> None:
    """Some feeds change their entries at each poll: their links rest for a while; no change is lost."""
    commit(ledger, begin(ledger, to_article(ledger)))
    edited = replace(found(1), entry=replace(found(1).entry, title="Another title"))
    assert ledger.discover(FEED, [edited]) == (0, 0)
    patient = Ledger(ledger.redis, ledger.keys, reopen_after_s=0)
    assert patient.discover(FEED, [edited]) == (0, 1)


def test_what_was_too_old_at_the_first_poll_is_never_new(ledger: Ledger) -> None:
    """Entries left at a feed's first poll stay left, also when they vanish from the feed and come back."""
    assert ledger.discover(FEED, [found(1)], left=[found(2), found(3)]) == (1, 0)
    assert ledger.discover(FEED, [found(1)]) == (0, 0)
    assert ledger.discover(FEED, [found(1), found(2), found(3)]) == (0, 0)
    assert ledger.totals()["discovered"] == 1
    assert ledger.discover(OTHER_FEED, [found(2)]) == (1, 0), "another feed may still bring it"


def test_a_feeds_memory_holds_what_it_lists_and_no_more(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """Nothing grows for ever: what a document no longer lists leaves the feed's memory."""
    ledger.discover(FEED, [found(n) for n in range(120)])
    assert redis.hlen(keys.listed(FEED)) == 120
    ledger.discover(FEED, [found(n) for n in range(100, 130)])
    assert redis.hlen(keys.listed(FEED)) == 30


def test_the_way_tells_when_a_job_was_handed_out_and_when_it_began(ledger: Ledger, redis: Redis) -> None:
    """Every change of state has its time, also that of a job that waited in its queue."""
    first = to_article(ledger)
    story = ledger.story(first.link_id)
    assert story is not None
    assert not any("handed out" in step.text for step in story.steps)
    redis.hincrby(ledger.keys.time, "offset", 7_000)
    begin(ledger, first)
    story = ledger.story(first.link_id)
    assert story is not None
    handed_out, began = story.steps[-2:]
    assert handed_out.text == "article attempt 2 was handed out"
    assert began.text == "article attempt 2 began on tester"
    assert 7_000 <= began.at_ms - handed_out.at_ms < 60_000


def test_an_open_link_never_expires(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """However long the backlog is, what is in it stays."""
    ledger.discover(FEED, [found(1)])
    assert redis.pttl(keys.link(found(1).id)) == -1


def test_only_the_current_attempt_decides(redis: Redis, keys: Keys) -> None:
    """A job whose lease ran out and was handed out again can begin, store, commit, retry, fail nothing."""
    ledger = Ledger(redis, keys, lease_s=0.02)
    ledger.discover(FEED, [found(1)])
    (first,) = lease(ledger)
    zombie = begin(ledger, first)
    time.sleep(0.05)
    (second,) = lease(ledger)
    assert second.attempt == first.attempt + 1
    assert second.previous_job == (FETCH, first.attempt)
    assert ledger.begin(first.link_id, FETCH, first.attempt, "zombie") is None
    refused: list[Callable[[], Any]] = [
        lambda: ledger.store(zombie, b"page", first.url, "x"),
        lambda: ledger.retry(first.link_id, first.attempt, 1, "x"),
        lambda: ledger.skip(first.link_id, first.attempt, Reason.NOT_HTML, "x"),
        lambda: ledger.release(first.link_id, first.attempt, "x"),
        lambda: ledger.reroute(zombie, "https://two.test/", "two.test", "x"),
        lambda: give_up(ledger, first),
    ]
    assert not any(call() for call in refused)
    assert commit(ledger, zombie)[0] == "overtaken"
    assert ledger.died(first.link_id, first.attempt, killed=True, note="x") == "overtaken"
    assert ledger.totals()["in_flight"] == 1


def test_a_zombie_that_wakes_before_anyone_else_took_over_may_still_publish_once(
    redis: Redis, keys: Keys
) -> None:
    """Its lease ran out, but no other attempt was leased: its work counts, and no second attempt follows."""
    ledger = Ledger(redis, keys, lease_s=0.02)
    handed = to_article(ledger)
    begun = begin(ledger, handed)
    time.sleep(0.05)
    lease(ledger, fetch_window=0, article_window=0)  # notices the lease, hands nothing out
    assert commit(ledger, begun) == ("published", None)
    assert lease(ledger) == []
    assert commit(ledger, begun)[0] == "overtaken"
    assert redis.xlen(keys.stream) == 1


def test_a_job_that_never_began_comes_round_again_uncounted(redis: Redis, keys: Keys) -> None:
    """A queue or a Redis that loses jobs charges no link, however often."""
    ledger = Ledger(redis, keys, lease_s=0.001)
    ledger.discover(FEED, [found(1)])
    for _ in range(30):
        time.sleep(0.003)
        handed = lease(ledger)
        assert len(handed) == 1
    assert begin(ledger, handed[0]).tries == 1


def test_three_unexplained_deaths_in_the_article_stage_are_poison(redis: Redis, keys: Keys) -> None:
    """A page that kills its worker ends after the third, as hopeless, and never goes on for ever."""
    ledger = Ledger(redis, keys, lease_s=0.005)
    handed = to_article(ledger)
    for _ in range(MAX_DEATHS - 1):
        begin(ledger, handed)
        time.sleep(0.01)
        (handed,) = lease(ledger)
    begin(ledger, handed)
    time.sleep(0.01)
    handout = ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9)
    assert not handout.leases
    assert [(h.link_id, h.reason) for h in handout.hopeless] == [(handed.link_id, "poison")]
    assert give_up(ledger, handed, Reason.POISON)
    assert balance(ledger) == 0


def test_a_killed_fetch_charges_nobody(redis: Redis, keys: Keys) -> None:
    """A fetch worker that dies is not the page's doing: the link goes on."""
    ledger = Ledger(redis, keys, lease_s=0.005)
    ledger.discover(FEED, [found(1)])
    (handed,) = lease(ledger)
    for _ in range(MAX_DEATHS + 2):
        begin(ledger, handed)
        time.sleep(0.01)
        (handed,) = lease(ledger)
    assert handed.stage == FETCH


def test_the_second_kill_by_the_watchdog_is_enough(ledger: Ledger) -> None:
    """Kills are counted apart from deaths, and told at once instead of when the lease ends."""
    handed = to_article(ledger)
    for _ in range(MAX_KILLS - 1):
        begin(ledger, handed)
        assert ledger.died(handed.link_id, handed.attempt, killed=True, note="killed") == "again"
        (handed,) = lease(ledger)
    begin(ledger, handed)
    assert ledger.died(handed.link_id, handed.attempt, killed=True, note="killed") == "enough"
    assert give_up(ledger, handed, Reason.TOO_COMPLEX)
    assert ledger.totals()["failed:too_complex"] == 1


def test_a_failed_link_is_a_failed_job_and_can_be_opened_again(
    ledger: Ledger, redis: Redis, keys: Keys
) -> None:
    """The dead letter has it, RQ shows it with our own words, and reopening counts as a new opening."""
    ledger.discover(FEED, [found(1)])
    (handed,) = lease(ledger)
    begin(ledger, handed)
    assert give_up(ledger, handed)
    job = keys.dead_job(handed.link_id, handed.attempt)
    assert redis.zscore(f"rq:failed:{keys.queue(FETCH)}", job) is not None
    assert redis.hget(f"rq:job:{job}", "status") == b"failed"
    assert [s.link_id for s in ledger.dead()] == [handed.link_id]
    assert ledger.reopen(handed.link_id, "requeued") is True
    assert ledger.reopen(handed.link_id, "requeued") is False
    assert ledger.reopen("nosuchlinknosuch", "requeued") is None
    assert list(ledger.dead()) == []
    totals = ledger.totals()
    assert (totals["discovered"], totals["failed"], totals["in_flight"], balance(ledger)) == (2, 1, 1, 0)
    (again,) = lease(ledger)
    assert begin(ledger, again).entry is not None, "a requeued link still has its feed's evidence"


def test_reopening_uses_the_kept_page_unless_asked_for_afresh(ledger: Ledger) -> None:
    """A better extraction never downloads again."""
    handed = to_article(ledger)
    commit(ledger, begin(ledger, handed))
    ledger.reopen(handed.link_id, "again")
    (kept,) = lease(ledger)
    assert kept.stage == ARTICLE
    assert commit(ledger, begin(ledger, kept), revision=1) == ("unchanged", None)
    ledger.reopen(handed.link_id, "again", how=How.REFETCH)
    (afresh,) = lease(ledger)
    assert afresh.stage == FETCH
    assert ledger.redis.xlen(ledger.keys.stream) == 1


def test_a_refetched_article_is_a_revision_only_when_it_says_something_else(ledger: Ledger) -> None:
    """The same words again are `unchanged`, other words are the next revision, on the stream once."""
    handed = to_article(ledger)
    commit(ledger, begin(ledger, handed), digests="a:b")
    for digests, outcome in (("a:b", "unchanged"), ("a:c", "published"), ("a:c", "unchanged")):
        ledger.reopen(handed.link_id, "again")
        (again,) = lease(ledger)
        begun = begin(ledger, again)
        assert commit(ledger, begun, revision=begun.revision + 1, digests=digests)[0] == outcome
    assert ledger.redis.xlen(ledger.keys.stream) == 2
    assert balance(ledger) == 0


def test_two_links_to_one_page_are_published_once(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """The second link that leads to a final URL is a duplicate of the first, in either order."""
    final = found(9)
    first, second = to_article(ledger, 1), to_article(ledger, 2)
    assert commit(ledger, begin(ledger, first), final_id=final.id) == ("published", None)
    assert commit(ledger, begin(ledger, second), final_id=final.id) == ("duplicate", first.link_id)
    assert ledger.discover(FEED, [final]).new == 0, "the final URL itself is known too"
    assert ledger.owner(final.id) == first.link_id
    assert redis.xlen(keys.stream) == 1
    assert balance(ledger) == 0


def test_a_host_is_asked_once_in_its_delay(ledger: Ledger) -> None:
    """Two hosts get one link each; the rest waits for the hosts' next slots, which polls take too."""
    ledger.discover(
        FEED, [found(n, "one.test") for n in range(3)] + [found(n, "two.test") for n in range(3, 6)]
    )
    handed = lease(ledger, host_delay_s=60)
    assert sorted(h.host for h in handed) == ["one.test", "two.test"]
    handout = ledger.lease(fetch_window=9, article_window=9, host_delay_s=60, max_pages=9)
    assert not handout.leases
    assert handout.wait_ms is not None
    assert 55_000 < handout.wait_ms <= 60_000
    assert 55 < ledger.reserve("one.test", 60, longest_wait_s=100) <= 60
    assert 115 < ledger.reserve("one.test", 60, longest_wait_s=30) <= 120
    assert 115 < ledger.reserve("one.test", 60, longest_wait_s=30) <= 120, "too long a wait reserves nothing"


def test_retry_after_blocks_the_whole_host(ledger: Ledger) -> None:
    """Nothing goes to the host before the time it named, neither pages nor polls."""
    ledger.discover(FEED, [found(1), found(2)])
    handed, other = lease(ledger)
    begin(ledger, handed)
    ledger.release(other.link_id, other.attempt, "back")
    assert ledger.retry(handed.link_id, handed.attempt, 100, "asked to wait", block_host=True)
    assert lease(ledger) == []
    assert ledger.reserve("one.test", 1) > 95


def test_a_hosts_own_delay_wins_over_the_general_one(ledger: Ledger) -> None:
    """A crawl delay, or the demo newsroom's zero, holds for that host alone."""
    ledger.set_delay("one.test", 0)
    ledger.discover(FEED, [found(n) for n in range(3)])
    assert len(lease(ledger, host_delay_s=60)) == 3


def test_feeds_take_turns_and_the_freshest_goes_first(ledger: Ledger) -> None:
    """A feed with many links does not keep one with a single link waiting."""
    ledger.discover(FEED, [found(n, fresh_ms=1000 + n) for n in range(5)])
    ledger.discover(OTHER_FEED, [found(9)])
    order = [int(h.link_id) for h in lease(ledger)]
    assert order[0] == 4
    assert order.index(9) <= 1


def test_windows_bound_what_is_handed_out(ledger: Ledger) -> None:
    """RQ's queues stay short: the backlog waits in the ledger, and fetching pauses when pages pile up."""
    ledger.discover(FEED, [found(n) for n in range(10)])
    handed = lease(ledger, fetch_window=3)
    assert len(handed) == 3
    assert lease(ledger, fetch_window=3) == []
    for one in handed:
        ledger.store(begin(ledger, one), b"page", one.url, "fetched")
    assert lease(ledger, fetch_window=3, article_window=0, max_pages=3) == []
    assert len(lease(ledger, fetch_window=3, article_window=0, max_pages=4)) == 1
    assert balance(ledger) == 0


def test_whoever_makes_work_wakes_the_dispatcher(ledger: Ledger) -> None:
    """No latency from polling: a blocked dispatcher goes on at once, and at most one token is kept."""
    ledger.discover(FEED, [found(1)])
    ledger.discover(FEED, [found(2)])
    assert ledger.redis.llen(ledger.keys.wake) == 1
    started = time.monotonic()
    ledger.wait_for_work(5)
    assert time.monotonic() - started < 1


def test_the_clock_never_runs_backwards(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """When the server's clock steps back an hour, leases and waits still end when they should."""
    ledger.discover(FEED, [found(1)])
    last = int(redis.hget(keys.time, "last") or 0)
    redis.hset(keys.time, "last", last + 3_600_000)  # as if the clock had been an hour ahead until now
    (handed,) = lease(ledger)
    begin(ledger, handed)
    ledger.retry(handed.link_id, handed.attempt, 0.05, "soon")
    time.sleep(0.1)
    assert len(lease(ledger)) == 1
    assert int(redis.hget(keys.time, "offset") or 0) >= 3_500_000


def test_moving_to_another_domain_changes_the_lane(ledger: Ledger) -> None:
    """A redirect to another domain waits for that domain's slot, and is not counted as a failed try."""
    ledger.discover(FEED, [found(1)])
    (handed,) = lease(ledger)
    assert ledger.reroute(begin(ledger, handed), "https://two.test/x", "two.test", "moved")
    (moved,) = lease(ledger)
    assert (moved.url, moved.host) == ("https://two.test/x", "two.test")
    begun = begin(ledger, moved)
    assert (begun.url, begun.next_url, begun.tries, begun.hops) == (handed.url, moved.url, 1, 1)


def test_due_feeds_are_leased_to_one_poller(ledger: Ledger, redis: Redis, keys: Keys) -> None:
    """Two pollers never poll a feed at once; one that dies gives it back when its lease ends."""
    redis.zadd(keys.feeds, {"a": 0, "b": 0})
    redis.hset(keys.feed("a"), "url", "https://one.test/feed")
    ids, _ = ledger.due_feeds(1, 60)
    rest, wait_s = ledger.due_feeds(10, 60)
    assert sorted([*ids, *rest]) == ["a", "b"]
    assert not ledger.due_feeds(10, 60)[0]
    assert 55 < wait_s <= 60
    assert ledger.polled("a", 5, {"etag": '"x"', "error": ""})
    assert redis.hget(keys.feed("a"), "etag") == b'"x"'
    assert not ledger.polled("gone", 5, {"etag": "x"}), "a feed removed meanwhile stays removed"
    assert not redis.exists(keys.feed("gone"))


@pytest.mark.parametrize("timeout_s", [0.0, 0.0004, 0.001, 0.003])
def test_a_short_wait_for_work_ends(ledger: Ledger, timeout_s: float) -> None:
    """To Redis 6.2 a millisecond is zero, and zero is for ever: nothing would be handed out for a minute."""
    started_s = time.monotonic()
    ledger.wait_for_work(timeout_s)
    assert time.monotonic() - started_s < 3
