"""What the poller keeps of a feed's rhythm, its gaps, its silence and its end; and whom it blames."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from redis import Redis

from jobs.client import Client
from jobs.keys import Keys
from jobs.ledger import Ledger
from tests.calls import LOOPBACK
from tests.polling import one_server
from tests.server import Response, TestServer
from worker.embedded import EmbeddedRedis
from worker.feeds import history
from worker.feeds.backoff import GONE_S
from worker.feeds.catch_up import catch_up
from worker.feeds.overdue import FEEDS_A_SECOND, MANY
from worker.feeds.parser import Parser
from worker.feeds.poller import Poller
from worker.feeds.registry import Feed, Registry
from worker.feeds.rhythm import Rhythm
from worker.feeds.schedule import Bounds

BOUNDS = Bounds(60, 86_400)
DAY_S = 86_400


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is the ledger's to test."""
    with one_server() as server:
        yield server


def feed_of(*numbers: int, extra: str = "", hours_apart: float | None = None, **headers: str) -> Response:
    """A feed with these stories, the first one published now and the others before it."""
    items = "".join(
        f"<item><title>Story {n}</title><link>https://news.test/{n}</link>{_date(place, hours_apart)}</item>"
        for place, n in enumerate(numbers)
    )
    body = f'<rss version="2.0"><channel><title>News</title>{extra}{items}</channel></rss>'
    return Response(body=body.encode(), headers=headers, content_type="application/rss+xml")


def _date(place: int, hours_apart: float | None) -> str:
    if hours_apart is None:
        return ""
    at = datetime.now(UTC) - timedelta(hours=place * hours_apart)
    return f"<pubDate>{at:%a, %d %b %Y %H:%M:%S} +0000</pubDate>"


class Desk:
    """A poller and its feeds."""

    def __init__(self, redis: Redis, keys: Keys, server: TestServer, parser: Parser) -> None:
        self.redis, self.keys, self.server, self.parser = redis, keys, server, parser
        self.ledger, self.registry = Ledger(redis, keys), Registry(redis, keys)
        self.logged: list[Any] = []

    def add(self, answer: Response | None = None, url: str = "") -> str:
        """Register a feed of the server's, or at another URL."""
        if answer is not None:
            self.server.route("/feed", answer)
        url = url or self.server.url("/feed")
        self.registry.add(url)
        return url

    def feed(self, url: str) -> Feed:
        feed = self.registry.get(url)
        assert feed is not None
        return feed

    def edit(self, url: str, **fields: str | int) -> None:
        """As a poll or an operator wrote it some time ago."""
        self.redis.hset(self.keys.feed(self.feed(url).id), mapping=fields)  # type: ignore[arg-type] # invariant

    def poll(self, *urls: str, answer: Response | None = None) -> Feed:
        """Let feeds be due now, and run a poller until each was polled once; returns the first."""
        if answer is not None:
            self.server.route("/feed", answer)
        for url in urls:
            feed = self.feed(url).id
            self.redis.zadd(self.keys.feeds, {feed: 0})
            self.redis.hdel(self.keys.feed(feed), "next")
        self._run(lambda: all(self.feed(url).next for url in urls))
        return self.feed(urls[0])

    def _run(self, done: Callable[[], bool]) -> None:
        async def main() -> None:
            stop = asyncio.Event()
            async with Client(LOOPBACK) as client:
                parts = (self.ledger, self.registry, client, self.parser)
                running = asyncio.create_task(Poller(*parts, bounds=BOUNDS, host_delay_s=0.0).run(stop))
                async with asyncio.timeout(20):
                    while not done() and not running.done():  # noqa: ASYNC110 - Redis tells nobody
                        await asyncio.sleep(0.01)
                stop.set()
                await running

        with structlog.testing.capture_logs() as logged:
            asyncio.run(main())
        self.logged += logged
        assert not self.events("poll_raised"), self.logged

    def events(self, name: str) -> list[Any]:
        return [line for line in self.logged if line["event"] == name]

    def wait_s(self, url: str) -> float:
        return self.feed(url).next / 1000 - time.time()


@pytest.fixture
def desk(redis: Redis, keys: Keys, server: TestServer, parser: Parser) -> Desk:
    return Desk(redis, keys, server, parser)


def known(feed: Feed) -> Rhythm:
    rhythm = Rhythm.parse(feed.rhythm)
    assert rhythm is not None
    return rhythm


# -- the rhythm ----------------------------------------------------------------------------------------------


def test_the_rhythm_is_kept_from_poll_to_poll(desk: Desk) -> None:
    """The first document's dates begin it, later links go on with it; it takes 116 characters."""
    url = desk.add(feed_of(*range(1, 13), hours_apart=2))
    begun = desk.poll(url)
    assert known(begun).links_a_day == pytest.approx(12, rel=0.1)
    assert (begun.listed, len(begun.rhythm)) == (12, 116)
    assert "usually about 12 links a day" in begun.because
    after = desk.poll(url, answer=feed_of(0, *range(1, 12), hours_apart=2))
    assert known(after).links == pytest.approx(known(begun).links + 1, abs=0.5)
    assert after.gaps == 0


def test_links_known_from_another_feed_belong_to_the_rhythm_too(desk: Desk) -> None:
    """A section's feed is not silent because the site's main feed has everything first."""
    main, section = desk.server.url("/main"), desk.server.url("/section")
    for path in ("/main", "/section"):
        desk.server.route(path, feed_of(1, 2, 3, hours_apart=1))
        desk.add(url=desk.server.url(path))
    desk.poll(main)
    desk.poll(section)
    desk.server.route("/main", feed_of(4, 1, 2, hours_apart=1))
    desk.server.route("/section", feed_of(4, 1, 2, hours_apart=1))
    desk.poll(main)
    before = desk.feed(section)
    after = desk.poll(section)
    assert after.found == before.found
    assert known(after).links > known(before).links


# -- gaps ----------------------------------------------------------------------------------------------------


def test_gaps_are_counted_and_shown(desk: Desk) -> None:
    """A document without overlap: noted with its time, said in the reason, and the feed is asked sooner."""
    url = desk.add(feed_of(1, 2, 3))
    assert desk.poll(url).gaps == 0
    assert desk.poll(url, answer=feed_of(3, 4, 5)).gaps == 0
    feed = desk.poll(url, answer=feed_of(6, 7, 8))
    assert feed.gaps == 1
    assert abs(feed.last_gap / 1000 - time.time()) < 20
    assert "some links were probably missed" in feed.because
    assert desk.poll(url).gaps == 1


# -- silence and the end -------------------------------------------------------------------------------------


def test_a_feed_that_answers_but_says_nothing_is_flagged(desk: Desk) -> None:
    """Hourly news that stopped three days ago; and the flag goes with the next link."""
    url = desk.add(feed_of(*range(1, 25), hours_apart=1, ETag='"v1"'))
    begun = desk.poll(url)
    assert begun.silent == 0
    three_days_ms = 3 * DAY_S * 1000
    past = known(begun)
    earlier = Rhythm(
        past.since_s - 3 * DAY_S, past.at_s - 3 * DAY_S, past.links, past.times, past.days, hours=past.hours
    )
    desk.edit(url, rhythm=earlier.text, newest=begun.newest - three_days_ms)
    silent = desk.poll(url, answer=Response(status=304, content_type=None))
    assert silent.silent == silent.newest == begun.newest - three_days_ms
    assert "though usually" in silent.because
    awake = desk.poll(url, answer=feed_of(99, *range(1, 24), hours_apart=1))
    assert awake.silent == 0


def test_410_makes_a_feed_gone_and_a_good_answer_brings_it_back(desk: Desk) -> None:
    """It is asked weekly, never dropped, and is a feed like any other once it is there again."""
    url = desk.add(Response(status=410))
    feed = desk.poll(url)
    assert feed.gone
    assert feed.missing
    assert desk.wait_s(url) == pytest.approx(GONE_S, rel=0.11)
    first_gone = feed.gone
    assert desk.poll(url).gone == first_gone
    back = desk.poll(url, answer=feed_of(1, 2))
    assert (back.gone, back.missing, back.failures, back.found) == (0, 0, 0, 2)
    assert desk.wait_s(url) < DAY_S


def test_a_long_404_makes_a_feed_gone(desk: Desk) -> None:
    """Not the first ones; after a week and ten polls it is believed. Another error starts that anew."""
    url = desk.add(Response(status=404))
    feed = desk.poll(url)
    assert feed.missing
    assert not feed.gone
    assert desk.wait_s(url) < 2 * 3600
    desk.edit(url, failures=9, missing=feed.missing - 8 * DAY_S * 1000)
    assert desk.poll(url).gone
    assert desk.wait_s(url) > 6 * DAY_S
    other = desk.poll(url, answer=Response(status=500))
    assert (other.gone, other.missing) == (0, 0)


# -- wishes --------------------------------------------------------------------------------------------------


def test_a_pinned_interval_holds(desk: Desk) -> None:
    """Also where the rhythm asks for another; and the rhythm is learned all the same."""
    url = desk.add(feed_of(*range(1, 13), hours_apart=2))
    desk.edit(url, pinned=45)
    feed = desk.poll(url)
    assert feed.because == "pinned to every 45 s"
    assert 35 < desk.wait_s(url) <= 45
    assert known(feed).links


def test_hours_to_be_skipped_are_kept_and_heard(desk: Desk) -> None:
    """All but one, so that it is certain that now is among them; and they go with a document without them."""
    now = datetime.now(UTC)
    only = (now.hour + 5) % 24
    hours = "".join(f"<hour>{hour}</hour>" for hour in range(24) if hour != only)
    url = desk.add(feed_of(1, 2, extra=f"<skipHours>{hours}</skipHours>"))
    feed = desk.poll(url)
    assert feed.skip_hours.count(",") == 22
    assert 3.9 * 3600 < desk.wait_s(url) < 5.3 * 3600
    assert "since it asks to skip hours" in feed.because
    assert desk.poll(url, answer=feed_of(1, 2, 3)).skip_hours == ""


# -- after a downtime ----------------------------------------------------------------------------------------


def _overdue(desk: Desk, count: int) -> list[str]:
    long_ago = (time.time() - 3600) * 1000
    for number in range(count):
        desk.registry.add(f"https://host{number}.test/feed")
    ids = [feed.id for feed in desk.registry.all()]
    desk.redis.zadd(desk.keys.feeds, dict.fromkeys(ids, long_ago))
    return ids


def test_many_overdue_feeds_are_spread_over_time(desk: Desk) -> None:
    """What was due an hour ago is not polled all at once; what is leased stays so."""
    ids = _overdue(desk, MANY + 200)
    (leased,), _ = desk.ledger.due_feeds(1, 120)
    lease_ms = desk.redis.zscore(desk.keys.feeds, leased)
    now_ms = time.time() * 1000
    assert catch_up(desk.registry, host_delay_s=1) == len(ids) - 1
    times = [desk.redis.zscore(desk.keys.feeds, feed) for feed in ids if feed != leased]
    assert all(at is not None and at >= now_ms - 5 for at in times)
    waits = sorted(at - now_ms for at in times if at is not None)
    assert waits[-1] == pytest.approx(len(ids) / FEEDS_A_SECOND * 1000, rel=0.1)
    assert desk.redis.zscore(desk.keys.feeds, leased) == lease_ms
    assert catch_up(desk.registry, host_delay_s=1) == 0


def test_a_few_overdue_feeds_are_simply_polled(desk: Desk) -> None:
    """There is nothing to be spread."""
    ids = _overdue(desk, MANY - 1)
    assert catch_up(desk.registry, host_delay_s=1) == 0
    assert len(desk.ledger.due_feeds(1000, 120)[0]) == len(ids)


# -- whose fault ---------------------------------------------------------------------------------------------


@pytest.fixture
def closed() -> Iterator[Sequence[str]]:
    """URLs at six addresses whose port nobody listens on."""
    with ExitStack() as stack:
        urls = []
        for number in range(2, 8):
            taken = stack.enter_context(socket.socket())
            taken.bind((f"127.0.0.{number}", 0))  # bound, so that nobody else gets it, but not listening
            urls.append(f"http://127.0.0.{number}:{taken.getsockname()[1]}/feed")
        yield urls


def test_when_nothing_can_be_reached_no_feed_is_charged(desk: Desk, closed: Sequence[str]) -> None:
    """Connections to six hosts fail at once: said once, no failure counted, and all are asked again soon."""
    for url in closed:
        desk.add(url=url)
    desk.poll(*closed)
    desk._run(lambda: all("our own network" in desk.feed(url).because for url in closed))
    for url in closed:
        feed = desk.feed(url)
        assert (feed.failures, feed.reason, feed.error) == (0, "", "")
        assert [past.came for past in history.parse(feed.history)] == [history.OWN_NETWORK]
        assert 0 < desk.wait_s(url) < 125
    (line,) = desk.events("own_network_down")
    assert line["hosts"] == 5
    assert line["reason"] == "connect"


def test_what_was_charged_before_is_given_back_as_it_was(desk: Desk, closed: Sequence[str]) -> None:
    """A feed that was failing already goes on with its own count."""
    for url in closed:
        desk.add(url=url)
    desk.edit(closed[0], failures=7, reason="timeout", error="too slow")
    desk.poll(*closed)
    desk._run(lambda: "our own network" in desk.feed(closed[0]).because)
    feed = desk.feed(closed[0])
    assert (feed.failures, feed.reason, feed.error) == (7, "timeout", "too slow")


def test_when_others_answer_the_feeds_are_charged(desk: Desk, closed: Sequence[str]) -> None:
    """Four dead hosts beside one that answers are dead, even if it answers with an error."""
    url = desk.add(Response(status=500))
    for dead in closed[:4]:
        desk.add(url=dead)
    desk.poll(*closed[:4], url)
    assert [desk.feed(one).failures for one in (*closed[:4], url)] == [1] * 5
    assert desk.feed(closed[0]).reason == "connect"
    assert not desk.events("own_network_down")
