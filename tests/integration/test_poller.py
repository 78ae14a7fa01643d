"""The poller, on a real server: nothing a feed or its server does costs a link, another feed or the poller."""

from __future__ import annotations

import asyncio
import base64
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import structlog
from redis import Redis
from redis.exceptions import RedisError

from jobs.client import Client
from jobs.entry import Entry
from jobs.errors import Reason
from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.urls import link_id
from tests.calls import LOOPBACK
from tests.server import Request, Response, TestServer, redirect
from worker.embedded import EmbeddedRedis, bundled_servers
from worker.feeds.errors import FeedReason
from worker.feeds.parser import Parser
from worker.feeds.poller import DEMO_POLL_S, Poller, fresh_ms, links_of
from worker.feeds.registry import Feed, Registry
from worker.feeds.schedule import FIRST_INTERVAL_S, JITTER, Bounds

BOUNDS = Bounds(60, 86_400)
HOST = "127.0.0.1"
XML = "application/rss+xml"


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is the ledger's to test."""
    home = Path(tempfile.mkdtemp(prefix="palmyra-test-"))
    with EmbeddedRedis(
        home, home / "redis.sock", binary=bundled_servers()[0], options={"appendonly": "no"}
    ) as server:
        yield server
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    """A child process to parse in, for all tests that poll one feed at a time."""
    one = Parser()
    yield one
    asyncio.run(one.__aexit__(None, None, None))


def rss(*numbers: int, extra: str = "", host: str = "news.test") -> bytes:
    items = "".join(f"<item><title>Story {n}</title><link>https://{host}/{n}</link></item>" for n in numbers)
    return f'<rss version="2.0"><channel><title>News</title>{extra}{items}</channel></rss>'.encode()


def feed_of(*numbers: int, extra: str = "", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body=rss(*numbers, extra=extra), headers=named, content_type=XML)


class World:
    """A poller on a real ledger, registry and server."""

    def __init__(self, redis: Redis, keys: Keys, server: TestServer, parser: Parser | None) -> None:
        self.redis, self.keys, self.server, self.parser = redis, keys, server, parser
        self.ledger = Ledger(redis, keys)
        self.registry = Registry(redis, keys)
        self.host_delay_s = 0.0
        self.logged: list[Any] = []

    def add(self, path: str = "/feed", answer: Response | Callable[[Request], Response] | None = None) -> str:
        """Register a feed of the server's; returns its URL."""
        url = self.server.url(path) if path.startswith("/") else path
        if answer is not None:
            self.server.route(path, answer)
        self.registry.add(url)
        return url

    def feed(self, url: str) -> Feed:
        feed = self.registry.get(url)
        assert feed is not None
        return feed

    @asynccontextmanager
    async def _poller(self) -> AsyncIterator[Poller]:
        async with Client(LOOPBACK) as client:
            if self.parser is not None:
                yield self._made(client, self.parser)
            else:
                async with Parser() as own:
                    yield self._made(client, own)

    def _made(self, client: Client, parser: Parser) -> Poller:
        return Poller(
            self.ledger, self.registry, client, parser, bounds=BOUNDS, host_delay_s=self.host_delay_s
        )

    def run(self, done: Callable[[], bool], pollers: int = 1) -> None:
        """Run pollers until `done`; then stop them as their processes would."""

        async def main() -> None:
            stop = asyncio.Event()
            async with AsyncExitStack() as stack:
                made = [await stack.enter_async_context(self._poller()) for _ in range(pollers)]
                running = asyncio.gather(*(poller.run(stop) for poller in made))
                await wait_until(lambda: done() or running.done())
                stop.set()
                await running

        with structlog.testing.capture_logs() as logged:
            asyncio.run(main())
        self.logged += logged

    def poll(self, *urls: str) -> None:
        """Let these feeds be due now, and run a poller until all of them were polled."""
        polled = {url: self.feed(url) for url in urls}
        for feed in polled.values():
            self.redis.zadd(self.keys.feeds, {feed.id: 0})
            self.redis.hdel(self.keys.feed(feed.id), "next")
        self.run(lambda: all(self.feed(url).next for url in urls))
        assert not self.raised(), self.logged

    def raised(self) -> list[Any]:
        return [line for line in self.logged if line["event"] == "poll_raised"]

    def links(self) -> set[str]:
        """The URLs of all links in the ledger."""
        found: Any = self.redis.keys(self.keys.link("*"))
        urls: list[Any] = [self.redis.hget(key, "url") for key in found]
        return {url.decode() for url in urls}

    def wait_s(self, url: str) -> float:
        return self.feed(url).next / 1000 - time.time()


async def wait_until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not done():  # noqa: ASYNC110 - it looks into Redis, which tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer, parser: Parser) -> World:
    return World(redis, keys, server, parser)


def story(*numbers: int) -> set[str]:
    return {f"https://news.test/{n}" for n in numbers}


# -- what is new ---------------------------------------------------------------------------------------------


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
    one, two = world.add("/one", feed_of(1, 2)), world.add("/two", feed_of(2, 3))
    world.poll(one)
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
    """A poller that dies before everything is recorded has learned nothing: the next poll gets it all again."""
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


def closed(world: World, url: str) -> str:
    """Close the feed's one link and let it be about to expire; returns its key."""
    (lease,) = world.ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9).leases
    world.ledger.begin(lease.link_id, lease.stage, lease.attempt, "w")
    world.ledger.skip(lease.link_id, lease.attempt, Reason.NOT_HTML, "x")
    world.redis.pexpire(world.keys.link(lease.link_id), 60_000)
    return world.keys.link(lease.link_id)


@pytest.mark.parametrize("how", ["not_modified", "same_body"])
def test_what_an_unchanged_feed_lists_is_remembered(world: World, how: str) -> None:
    """Or its old items would be published again once they expire; the new ETag is learned all the same."""
    url = world.add(answer=feed_of(1, ETag='"v1"'))
    world.poll(url)
    link = closed(world, url)
    unchanged = Response(status=304, content_type=None) if how == "not_modified" else feed_of(1, ETag='"v2"')
    world.server.route("/feed", unchanged)
    world.poll(url)
    assert world.redis.pttl(link) > 80 * 86_400_000
    feed = world.feed(url)
    assert (feed.found, feed.failures, feed.etag) == (1, 0, '"v1"' if how == "not_modified" else '"v2"')
    assert "not changed" in feed.because
    assert world.ledger.totals()["discovered"] == 1


def test_a_304_that_nobody_asked_for_is_an_error(world: World) -> None:
    """A feed that never gave a document must not look well for ever."""
    url = world.add(answer=Response(status=304, content_type=None))
    world.poll(url)
    assert (world.feed(url).failures, world.feed(url).reason) == (1, Reason.HTTP_ERROR)


# -- bad feeds -----------------------------------------------------------------------------------------------

PAGE = b"<!doctype html><html><head><title>Front page</title></head><body>News</body></html>"
DOCUMENTS: dict[str, tuple[bytes, FeedReason]] = {
    "html": (PAGE, FeedReason.NOT_A_FEED),
    "empty": (b"", FeedReason.EMPTY),
    "blank": (b" \n\t ", FeedReason.EMPTY),
    "truncated": (rss(1)[:60], FeedReason.TRUNCATED),
    "truncated-json": (b'{"version": "https://jsonfeed.org/', FeedReason.TRUNCATED),
    "wrongly-encoded": (b"\xff\xfe" + rss(1) * 3 + b"\xd8" * 999, FeedReason.BAD_ENCODING),
    "control-characters": (b"\x01\x02\x03" * 9, FeedReason.BAD_ENCODING),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), FeedReason.NOT_A_FEED),
    "other-json": (b'{"items": 5}', FeedReason.NOT_A_FEED),
    "deep-json": (b'{"items": ' + b"[" * 200_000, FeedReason.TOO_COMPLEX),
}
ANSWERS: dict[str, tuple[Response, Reason]] = {
    "404": (Response(status=404), Reason.NOT_FOUND),
    "410": (Response(status=410), Reason.GONE),
    "401": (Response(status=401), Reason.FORBIDDEN),
    "403": (Response(status=403), Reason.FORBIDDEN),
    "418": (Response(status=418), Reason.HTTP_ERROR),
    "204": (Response(status=204, content_type=None), Reason.HTTP_ERROR),
    "500": (Response(status=500, body=rss(1), content_type=XML), Reason.SERVER_ERROR),
    "redirect-loop": (redirect("/redirect-loop"), Reason.REDIRECT_LOOP),
    "redirect-nowhere": (Response(status=302), Reason.BAD_REDIRECT),
    "redirect-inside": (redirect("http://10.0.0.1/"), Reason.BLOCKED_ADDRESS),
    "too-large": (Response(body=b"x", length=100 * 2**20), Reason.TOO_LARGE),
    "no-http": (Response(raw=b"220 smtp.test ESMTP\r\n"), Reason.BAD_RESPONSE),
    "cut-connection": (Response(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<rss>"), Reason.BAD_RESPONSE),
    "broken-gzip": (Response(body=b"junk", headers={"Content-Encoding": "gzip"}), Reason.BAD_RESPONSE),
}  # fmt: skip
ELSEWHERE = {
    "http://127.0.0.1:1/refused": Reason.CONNECT,
    "http://10.0.0.1/private": Reason.BLOCKED_ADDRESS,
    "http://nowhere.invalid/feed": Reason.DNS,
    "https://127.0.0.1:{port}/no-tls": Reason.TLS,
    "ftp://news.test/feed": Reason.BAD_URL,
    "nonsense": Reason.BAD_URL,
}


def test_every_bad_feed_is_told_and_costs_no_other(redis: Redis, keys: Keys, server: TestServer) -> None:
    """Each ends with its reason, words for people, a count and a next poll; never an exception or a link."""
    world = World(redis, keys, server, parser=None)
    expected: dict[str, str] = {}
    for name, (body, why) in DOCUMENTS.items():
        expected[world.add(f"/{name}", Response(body=body, content_type=XML))] = why
    for name, (answer, reason) in ANSWERS.items():
        expected[world.add(f"/{name}", answer)] = reason
    for template, reason in ELSEWHERE.items():
        expected[world.add(template.format(port=server.port))] = reason
    good = world.add("/good", feed_of(1))
    for failures in (1, 2):
        world.poll(*expected, good)
        for url, reason in expected.items():
            feed = world.feed(url)
            assert feed.reason == reason, f"{url}: {feed.reason}: {feed.error}"
            assert (feed.failures, feed.etag, feed.body_hash, feed.found) == (failures, "", "", 0)
            assert feed.error.isprintable()
            assert len(feed.error) > 10
            assert feed.reason in feed.because or "gone" in feed.because
            assert world.wait_s(url) > BOUNDS.min_s - 5
    assert world.links() == story(1)
    assert world.feed(good).failures == 0


def test_a_feed_that_recovers_is_well_again(world: World) -> None:
    """What was wrong is forgotten, and what the feed had meanwhile is found."""
    url = world.add(answer=Response(status=500))
    world.poll(url)
    assert world.feed(url).failures == 1
    world.server.route("/feed", feed_of(1))
    world.poll(url)
    feed = world.feed(url)
    assert (feed.failures, feed.reason, feed.error, feed.status) == (0, "", "", 200)
    assert world.links() == story(1)


def test_a_failure_keeps_the_validators(world: World) -> None:
    """After an outage an unchanged feed costs one 304."""
    url = world.add(answer=feed_of(1, ETag='"v1"'))
    world.poll(url)
    for bad in (Response(status=500), Response(body=PAGE, headers={"ETag": '"page"'})):
        world.server.route("/feed", bad)
        world.poll(url)
        assert (world.feed(url).etag, world.feed(url).failures > 0) == ('"v1"', True)


def test_a_feed_in_another_encoding_is_read(world: World) -> None:
    """Wrongly declared is not unreadable: the words come out right."""
    body = rss(1).replace(b"Story 1", "Gödöllő".encode("iso-8859-2", "replace"))
    url = world.add(answer=Response(body=body, content_type=f"{XML}; charset=utf-8"))
    world.poll(url)
    assert world.feed(url).failures == 0
    assert world.links() == story(1)


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


# -- passwords -----------------------------------------------------------------------------------------------


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


# -- the process ---------------------------------------------------------------------------------------------


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
