"""The poller, on a real server: nothing that a feed or its server does costs a link or another feed."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from jobs.entry import Entry
from jobs.errors import Reason
from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.urls import link_id
from tests.polling import XML, World, feed_of, one_server, rss, story
from tests.server import Request, Response, TestServer, redirect
from worker.embedded import EmbeddedRedis, bundled_servers
from worker.feeds.parser import Parser
from worker.feeds.poller import DEMO_POLL_S, fresh_ms, links_of
from worker.feeds.schedule import FIRST_INTERVAL_S, JITTER

HOST = "127.0.0.1"
PAGE = b"<!doctype html><title>Front page</title>"


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is the ledger's to test."""
    with one_server() as server:
        yield server


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer, parser: Parser) -> World:
    return World(redis, keys, server, parser)


def test_what_a_feed_lists_is_recorded(world: World) -> None:
    """Its links are open, and the feed's hash tells what the poll taught."""
    url = world.add(answer=feed_of(1, 2, ETag='"v1"', Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT"))
    world.poll(url)
    feed = world.feed(url)
    assert world.links() == story(1, 2)
    assert world.ledger.totals()["discovered"] == feed.found == 2
    assert (feed.title, feed.format, feed.status, feed.failures) == ("News", "rss20", 200, 0)
    assert (feed.etag, feed.modified) == ('"v1"', "Thu, 01 Jan 2026 00:00:00 GMT")
    assert feed.polled
    assert feed.newest
    assert abs(world.wait_s(url) - FIRST_INTERVAL_S) < FIRST_INTERVAL_S * JITTER + 5
    assert "first time" in feed.because
    (entry,) = (found for found in [world.ledger.story(link_id("https://news.test/1"))] if found)
    assert entry.feeds == (feed.id,)


def test_an_operators_title_stays(world: World) -> None:
    """What the feed calls itself only fills the gap."""
    world.registry.add(world.server.url("/feed"), title="Mine")
    world.server.route("/feed", feed_of(1))
    world.poll(world.server.url("/feed"))
    assert world.feed(world.server.url("/feed")).title == "Mine"


def test_only_what_is_new_is_counted(world: World) -> None:
    """A link that was seen, in this feed or another, is not discovered twice."""
    one = world.add("/one", feed_of(1, 2))
    world.poll(one)
    two = world.add("/two", feed_of(2, 3))
    world.poll(two)
    world.server.route("/one", feed_of(1, 2, 4))
    world.poll(one)
    assert world.links() == story(1, 2, 3, 4)
    assert (world.feed(one).found, world.feed(two).found) == (3, 1)


def test_links_that_are_none_are_left_out() -> None:
    """One bad entry does not cost the others."""
    entries = [
        Entry(url)
        for url in ("https://a.test/1", "http://u:p@a.test/2", "http://0x7f.1/", "https://a.test/1#x")
    ]
    assert [found.url for found in links_of(entries)] == ["https://a.test/1"]


def test_freshness_is_never_in_the_future_and_days_are_utc() -> None:
    """Publishers date ahead to stay on top; a plain day has no time zone of this machine's."""
    now_ms = 1_767_268_800_000  # 2026-01-01T12:00:00Z
    dated = {
        "2026-01-01T11:00:00+00:00": now_ms - 3_600_000,
        "2026-01-01T11:00:00-05:00": now_ms,
        "2026-01-01": now_ms - 12 * 3_600_000,
        None: now_ms,
    }
    for published, expected in dated.items():
        assert fresh_ms(Entry("https://a.test/", published=published), now_ms) == expected
    assert fresh_ms(Entry("https://a.test/", updated="2026-01-01"), now_ms) == now_ms - 12 * 3_600_000


# -- validators ----------------------------------------------------------------------------------------------


class BrokenLedger(Ledger):
    """A ledger that loses Redis just before it records what a feed lists."""

    def discover(self, feed_id: str, found: Sequence[Found], *args: Any, **options: Any) -> Any:
        raise RedisError("gone")


def test_validators_are_saved_only_after_the_links(world: World) -> None:
    """A poller that dies before everything is recorded has learned nothing: the next poll gets it again."""
    url = world.add(answer=feed_of(1, ETag='"v1"'))
    before = world.feed(url)
    broken = World(world.redis, world.keys, world.server, world.parser)
    broken.ledger = BrokenLedger(world.redis, world.keys)
    broken.run(lambda: bool(broken.server.requests))
    assert len(broken.raised()) == 1
    assert world.feed(url) == before
    assert world.links() == set()
    assert (world.redis.zscore(world.keys.feeds, before.id) or 0) > 0, "it comes round when its lease ends"
    world.poll(url)
    assert "if-none-match" not in world.server.requests[-1].headers
    assert world.links() == story(1)
    assert world.feed(url).etag == '"v1"'


@pytest.mark.parametrize(
    "etag", ['"abc"', 'W/"abc"', '""', 'W/"a, b"', "unquoted", '"with \\" quote"', '"é-ü"', "'single'"]
)
def test_an_etag_is_echoed_byte_for_byte(world: World, etag: str) -> None:
    """Weak, empty, malformed or not ASCII: it is the server's own, and not ours to mend."""
    url = world.add(answer=feed_of(1, ETag=etag))
    world.poll(url)
    world.poll(url)
    asked = world.server.requests[-1].headers
    assert asked["if-none-match"].encode("latin-1") == etag.encode()
    assert "if-modified-since" not in asked


def test_last_modified_is_echoed_as_it_came(world: World) -> None:
    """Servers compare it as text."""
    odd = "Thursday, 01-Jan-26 00:00:00 +0000"
    url = world.add(answer=feed_of(1, Last_Modified=odd))
    world.poll(url)
    world.poll(url)
    assert world.server.requests[-1].headers["if-modified-since"] == odd


def test_an_absurd_etag_is_not_kept(world: World) -> None:
    """A feed's memory is bounded, whatever its server sends."""
    url = world.add(answer=feed_of(1, ETag='"' + "x" * 5000 + '"'))
    world.poll(url)
    assert (world.feed(url).etag, world.feed(url).failures) == ("", 0)


def test_validators_belong_to_their_document(world: World) -> None:
    """A 304 need not repeat them; a new document without any has none."""
    url = world.add(answer=feed_of(1, ETag='"v1"', Last_Modified="yesterday"))
    world.poll(url)
    world.server.route("/feed", Response(status=304, content_type=None))
    world.poll(url)
    assert (world.feed(url).etag, world.feed(url).modified) == ('"v1"', "yesterday")
    world.server.route("/feed", Response(status=304, headers={"ETag": '"v2"'}, content_type=None))
    world.poll(url)
    assert (world.feed(url).etag, world.feed(url).modified) == ('"v2"', "yesterday")
    world.server.route("/feed", feed_of(1, 2))
    world.poll(url)
    assert (world.feed(url).etag, world.feed(url).modified) == ("", "")


@pytest.mark.parametrize("how", ["not_modified", "same_body"])
def test_what_an_unchanged_feed_lists_is_remembered(world: World, how: str) -> None:
    """Or its old items would be published again once they expire; the new ETag is learned all the same."""
    url = world.add(answer=feed_of(1, ETag='"v1"'))
    world.poll(url)
    (memory,) = world.redis.scan_iter(world.keys.known("*"))
    (link,) = (field for field in world.redis.hkeys(memory) if field != b"~")
    world.redis.hset(memory, link, 1_500_000)  # last seen in January 2011
    unchanged = Response(status=304, content_type=None) if how == "not_modified" else feed_of(1, ETag='"v2"')
    world.server.route("/feed", unchanged)
    world.poll(url)
    seen: Any = world.redis.hget(memory, link)
    assert int(seen) // 100 >= time.time() // 86_400 - 1
    feed = world.feed(url)
    assert (feed.found, feed.failures, feed.etag) == (1, 0, '"v1"' if how == "not_modified" else '"v2"')
    assert "not changed" in feed.because
    assert world.ledger.totals()["discovered"] == 1


def test_a_304_that_nobody_asked_for_is_an_error(world: World) -> None:
    """A feed that never gave a document must not look well for ever."""
    url = world.add(answer=Response(status=304, content_type=None))
    world.poll(url)
    assert (world.feed(url).failures, world.feed(url).reason) == (1, Reason.HTTP_ERROR)


# -- politeness ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "reason"), [(429, Reason.RATE_LIMITED), (503, Reason.SERVER_ERROR)])
def test_retry_after_blocks_the_host(world: World, status: int, reason: Reason) -> None:
    """Nobody asks that host before the time it named: not for this feed, nor another, nor for a page."""
    url = world.add(answer=Response(status=status, headers={"Retry-After": "7200"}))
    world.poll(url)
    assert (world.feed(url).reason, world.feed(url).failures) == (reason, 1)
    assert 7195 < world.wait_s(url) < 7200 * (1 + JITTER) + 5
    assert world.ledger.reserve(HOST, 1) > 7190
    other = world.add("/other", feed_of(1))
    world.poll(other)
    assert world.server.paths == ["/feed"]
    assert f"its host {HOST} is not free" in world.feed(other).because
    assert world.wait_s(other) > 7190
    assert world.feed(other).failures == 0, "it did nothing wrong"


def test_a_retry_after_with_a_good_answer_holds_for_the_feed(world: World) -> None:
    """Some servers say so to be polled less often."""
    url = world.add(answer=feed_of(1, Retry_After="7200"))
    world.poll(url)
    assert world.links() == story(1)
    assert 7195 < world.wait_s(url) <= 7200


def test_polls_of_one_host_keep_its_distance(redis: Redis, keys: Keys, server: TestServer) -> None:
    """Feeds of one host that are due together are asked one after another."""
    world = World(redis, keys, server, parser=None)
    world.host_delay_s = 0.25
    world.poll(*[world.add(f"/{n}", feed_of(n)) for n in range(4)])
    times = sorted(request.at_s for request in server.requests)
    assert len(times) == 4
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.2


def test_a_page_fetch_and_a_poll_share_the_hosts_slots(world: World) -> None:
    """A host that a fetch was sent to a moment ago is not polled at once."""
    world.host_delay_s = 0.5
    url = world.add(answer=feed_of(1))
    assert world.ledger.reserve(HOST, 0.5) == 0
    started = time.monotonic()
    world.poll(url)
    assert world.server.requests[0].at_s - started > 0.3


def test_two_pollers_poll_each_feed_once(redis: Redis, keys: Keys, server: TestServer) -> None:
    """A due feed is leased to one of them."""
    world = World(redis, keys, server, parser=None)
    urls = [world.add(f"/{n}", Response(body=rss(n), delay_s=0.1, content_type=XML)) for n in range(6)]

    world.run(lambda: all(world.feed(url).next for url in urls), pollers=2)
    assert sorted(server.paths) == [f"/{n}" for n in range(6)]


# -- wishes, the demo, removal -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "whose"),
    [
        (feed_of(1, extra="<ttl>50</ttl>"), "the feed"),
        (feed_of(1, Cache_Control="max-age=3600", Age="600"), "its server"),
    ],
    ids=["ttl", "max-age"],
)
def test_wishes_for_rarer_polls_are_heard(world: World, answer: Response, whose: str) -> None:
    """The feed's own and its server's put the next poll off, and `feeds show` says so."""
    url = world.add(answer=answer)
    world.poll(url)
    assert 2990 < world.wait_s(url) < 3400
    assert f"{whose} asks for polls no closer than 50 min" in world.feed(url).because


def test_a_feeds_wish_holds_while_it_does_not_change(world: World) -> None:
    """It stood in the last document that was read; one without it takes it back."""
    url = world.add(answer=feed_of(1, extra="<ttl>50</ttl>", ETag='"v1"'))
    world.poll(url)
    world.server.route("/feed", Response(status=304, content_type=None))
    world.poll(url)
    assert world.feed(url).ttl == 3000
    assert world.wait_s(url) > 2990
    world.server.route("/feed", feed_of(1, 2))
    world.poll(url)
    assert world.feed(url).ttl == 0
    assert world.wait_s(url) < 2990


def test_the_demo_newsroom_is_polled_every_two_seconds(world: World) -> None:
    """Also when it fails: it is ours, and people are watching."""
    for path, answer in (("/demo", feed_of(1)), ("/down", Response(status=500))):
        world.server.route(path, answer)
        world.registry.add(world.server.url(path), demo=True)
        world.poll(world.server.url(path))
        assert DEMO_POLL_S - 1 < world.wait_s(world.server.url(path)) <= DEMO_POLL_S


@pytest.mark.parametrize("answer", [feed_of(1, ETag='"v1"'), Response(status=500)], ids=["good", "bad"])
def test_a_feed_removed_during_its_poll_stays_removed(world: World, answer: Response) -> None:
    """No key of it comes back; what it listed was discovered and is worked on."""

    def remove(request: Request) -> Response:
        assert world.registry.remove(url) is not None
        return answer

    url = world.add(answer=remove)
    world.run(lambda: bool(world.server.requests))
    assert world.raised() == []
    assert world.registry.get(url) is None
    left: Any = world.redis.keys(f"{world.keys.namespace}:*")
    assert not [key for key in left if key.decode().split(":")[1] in ("feed", "feeds", "listed")]
    assert world.links() == (story(1) if answer.status == 200 else set())


def guarded(request: Request) -> Response:
    """A feed behind HTTP Basic."""
    expected = f"Basic {base64.b64encode('me:pass wörd'.encode()).decode()}"
    return feed_of(1) if request.headers.get("authorization") == expected else Response(status=401)


def test_a_feed_behind_a_password_is_polled(world: World) -> None:
    """The URL's user-info goes as a header, and shows neither in the log nor in what is kept for people."""
    url = world.add(world.server.url("/feed").replace("://", "://me:pass%20w%C3%B6rd@"))
    world.server.route("/feed", guarded)
    world.poll(url)
    assert world.links() == story(1)
    assert world.server.requests[0].headers["host"] == f"127.0.0.1:{world.server.port}"
    world.server.route("/feed", Response(status=403))
    world.poll(url)
    assert world.feed(url).failures == 1
    shown = world.feed(url).public_url, world.feed(url).info, world.feed(url).error, world.logged
    assert not any(secret in str(shown) for secret in ("wörd", "w%C3%B6rd"))
    assert world.feed(url).public_url == world.server.url("/feed")


def test_a_password_stays_with_the_feeds_own_origin(world: World) -> None:
    """A redirect inside the origin takes it along; one to another origin does not."""
    with TestServer() as other:
        other.route("/elsewhere", feed_of(2))
        world.server.route("/moved", redirect("/here"))
        world.server.route("/here", redirect(other.url("/elsewhere")))
        url = world.add(world.server.url("/moved").replace("://", "://me:secret@"))
        world.poll(url)
        assert world.links() == story(2)
        assert [("authorization" in request.headers) for request in world.server.requests] == [True, True]
        assert ["authorization" in request.headers for request in other.requests] == [False]


def test_it_survives_redis_going_away(server: TestServer, parser: Parser, tmp_path: Path) -> None:
    """It waits, says so, and goes on polling when Redis is back."""
    own = EmbeddedRedis(tmp_path, tmp_path / "redis.sock", binary=bundled_servers()[0])
    server.route("/late", feed_of(1))
    with own, Redis.from_url(own.url, socket_timeout=2) as redis:
        world = World(redis, Keys("away"), server, parser)
        state: dict[str, float] = {}

        def done() -> bool:
            if "down" not in state:
                own.stop()
                state["down"] = time.monotonic()
            elif "up" not in state and time.monotonic() - state["down"] > 0.3:
                own.start()
                world.add("/late")
                state["up"] = time.monotonic()
            return "up" in state and bool(world.feed(server.url("/late")).next)

        world.run(done)
        assert world.links() == story(1)
    assert "poller_waits_for_redis" in {line["event"] for line in world.logged}


def test_a_stop_lets_a_poll_end(world: World) -> None:
    """What was downloaded is recorded: the poller ends after its polls, not in the middle."""
    url = world.add(answer=Response(body=rss(1), delay_s=0.4, content_type=XML))
    world.run(lambda: bool(world.server.requests))
    assert world.links() == story(1)
    assert world.feed(url).next
