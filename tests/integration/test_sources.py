"""Where feeds come from: sitemaps and their indexes, headers and logins of an operator, proxies."""

from __future__ import annotations

import asyncio
import base64
import gzip
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.client import Client
from jobs.errors import Permanent, Reason, Retry
from jobs.keys import Keys
from jobs.ledger import Ledger
from tests.calls import HTML, LOOPBACK, failure, get
from tests.polling import one_server
from tests.proxy import TestProxy
from tests.server import Request, Response, TestServer, redirect
from worker.embedded import EmbeddedRedis
from worker.feeds.parser import Parser
from worker.feeds.poller import Poll, Poller
from worker.feeds.registry import Feed, Registry, feed_id
from worker.feeds.schedule import Bounds

TLS = Path(__file__).parent.parent / "data" / "tls.pem"
OLD = (datetime.now(UTC) - timedelta(days=30)).strftime("%Y-%m-%d")
SECRETS = {"authorization", "x-api-key"}


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is the ledger's to test."""
    with one_server() as server:
        yield server


class World:
    """A poller on a real ledger and registry."""

    def __init__(self, redis: Redis, keys: Keys, parser: Parser) -> None:
        self.ledger, self.registry = Ledger(redis, keys), Registry(redis, keys)
        self.parser = parser
        self.host_delay_s = 0.0

    def with_poller(self, use: Callable[[Poller], Any]) -> Any:
        """What `use` makes of a poller, on an event loop of its own."""

        async def main() -> Any:
            async with Client(LOOPBACK) as client:
                poller = Poller(
                    self.ledger,
                    self.registry,
                    client,
                    self.parser,
                    bounds=Bounds(60, 86_400),
                    host_delay_s=self.host_delay_s,
                )
                return await use(poller)

        return asyncio.run(main())

    def ask(self, feed: Feed) -> Poll:
        """What a poll of a feed brings; nothing is written."""
        poll: Poll = self.with_poller(lambda poller: poller.ask(feed))
        return poll

    def poll(self, url: str) -> Feed:
        """Let a feed be due, and run the poller until it was polled; returns what is known of it then."""
        before = self.feed(url)
        self.registry.redis.zadd(self.registry.keys.feeds, {before.id: 0})

        async def run(poller: Poller) -> None:
            stop = asyncio.Event()
            running = asyncio.create_task(poller.run(stop))
            async with asyncio.timeout(15):
                while self.feed(url).polled <= before.polled:  # noqa: ASYNC110 - Redis tells nobody
                    await asyncio.sleep(0.01)
            stop.set()
            await running

        self.with_poller(run)
        return self.feed(url)

    def feed(self, url: str) -> Feed:
        feed = self.registry.get(url)
        assert feed is not None
        return feed

    @property
    def discovered(self) -> int:
        return self.ledger.totals()["discovered"]


@pytest.fixture
def world(redis: Redis, keys: Keys, parser: Parser) -> World:
    return World(redis, keys, parser)


@pytest.fixture
def elsewhere() -> Iterator[TestServer]:
    """Another origin on the same host."""
    with TestServer() as server:
        yield server


def sitemap(*stories: int) -> Response:
    news = "<news><title>A story</title></news>"
    pages = "".join(f"<url><loc>https://news.test/{n}</loc>{news}</url>" for n in stories)
    return Response(body=f"<urlset>{pages}</urlset>".encode(), content_type="application/xml")


def packed(answer: Response) -> Response:
    assert isinstance(answer.body, bytes)
    return replace(answer, body=gzip.compress(answer.body), content_type="application/gzip")


def index(server: TestServer, *children: tuple[str, str]) -> Response:
    maps = "".join(
        f"<sitemap><loc>{server.url(path)}</loc>{f'<lastmod>{date}</lastmod>' if date else ''}</sitemap>"
        for path, date in children
    )
    headers = {"ETag": '"index"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    return Response(body=f"<sitemapindex>{maps}</sitemapindex>".encode(), headers=headers)


def urls(poll: Poll) -> list[str]:
    assert poll.parsed, poll.error
    return [entry.url.rpartition("/")[2] for entry in poll.parsed.entries]


def feed_at(url: str, **fields: Any) -> Feed:
    return Feed(feed_id(url), url, **fields)


# -- sitemaps ------------------------------------------------------------------------------------------------


def test_the_newest_sitemaps_of_an_index_are_read(world: World, server: TestServer) -> None:
    """In one poll, gzip files among them; an old one is not asked for."""
    children = (("/old.xml", OLD), ("/posts.xml.gz", hours_ago(0)[:10]), ("/news.xml", ""))
    server.route("/map.xml", index(server, *children))
    server.route("/news.xml", sitemap(1, 2))
    server.route("/posts.xml.gz", packed(sitemap(2, 3)))
    poll = world.ask(feed_at(server.url("/map.xml")))
    assert urls(poll) == ["1", "2", "3"]
    assert server.paths == ["/map.xml", "/news.xml", "/posts.xml.gz"]


def test_news_is_found_while_the_index_stays_as_it_is(world: World, server: TestServer) -> None:
    """An index is asked for without validators, and what it names counts as its body."""
    server.route("/map.xml", index(server, ("/news.xml", "")))
    server.route("/news.xml", sitemap(1))
    url = server.url("/map.xml")
    world.registry.add(url)
    first = world.poll(url)
    assert (first.format, first.found, world.discovered) == ("sitemapindex", 1, 1)
    second = world.poll(url)
    assert (second.body_hash, world.discovered) == (first.body_hash, 1)
    server.route("/news.xml", sitemap(1, 2))
    assert world.poll(url).found == world.discovered == 2
    assert not {"if-none-match", "if-modified-since"} & {h for r in server.requests for h in r.headers}


def dated(*stories: tuple[int, str]) -> Response:
    """A news sitemap of stories with their dates."""
    pages = "".join(
        f"<url><loc>https://news.test/{n}</loc><news><title>A story</title>"
        f"<publication_date>{date}</publication_date></news></url>"
        for n, date in stories
    )
    return Response(body=f"<urlset>{pages}</urlset>".encode(), content_type="application/xml")


def hours_ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def test_a_sitemap_that_comes_late_brings_nothing_old(world: World, server: TestServer) -> None:
    """One that fails at the first poll, or is not among the newest then, would pour in what the backfill
    left. What it dates before the feed was registered stays left, whichever come and go; news are taken."""
    server.route("/map.xml", index(server, ("/a.xml", ""), ("/b.xml", "")))
    server.route("/a.xml", dated((1, hours_ago(1)), (2, hours_ago(2)), (3, hours_ago(3))))
    url = server.url("/map.xml")
    world.registry.add(url, backfill="1")
    assert world.poll(url).found == 1, "of the one that could be read, the newest"
    server.route("/b.xml", dated((4, hours_ago(1)), (5, hours_ago(40)), (1, hours_ago(1))))
    assert world.poll(url).found == 1
    server.route("/map.xml", index(server, ("/b.xml", "")))
    assert world.poll(url).found == 1
    server.route("/map.xml", index(server, ("/a.xml", ""), ("/c.xml", "")))
    server.route("/c.xml", dated((6, hours_ago(30)), (7, hours_ago(-0.001)), (8, hours_ago(0)[:10])))
    world.poll(url)
    assert world.discovered == 3, "what is new since, and what may be: of 8 only the day is known"
    left: Any = world.registry.redis.hvals(world.registry.keys.listed(world.feed(url).id))
    assert sum(one.startswith(b"~") for one in left) == 5


def test_with_all_of_its_backfill_a_late_sitemap_is_taken_whole(world: World, server: TestServer) -> None:
    """The operator said so."""
    server.route("/map.xml", index(server, ("/a.xml", ""), ("/b.xml", "")))
    server.route("/a.xml", dated((1, hours_ago(1))))
    url = server.url("/map.xml")
    world.registry.add(url, backfill="all")
    world.poll(url)
    server.route("/b.xml", dated((2, hours_ago(30)), (3, hours_ago(40))))
    assert world.poll(url).found == 3


def test_a_sitemap_that_fails_costs_only_itself(world: World, server: TestServer) -> None:
    """A note says so; when all fail, the poll does. An index in an index is not followed."""
    today = hours_ago(0)[:10]
    server.route("/map.xml", index(server, ("/a.xml", today), ("/b.xml", today), ("/c.xml", today)))
    server.route("/a.xml", sitemap(1))
    server.route("/b.xml", index(server, ("/a.xml", "")))
    poll = world.ask(feed_at(server.url("/map.xml")))
    assert urls(poll) == ["1"]
    assert poll.parsed
    notes = " | ".join(poll.parsed.notes)
    assert "/b.xml was not read: the document is not a feed" in notes
    assert "/c.xml was not read: the site says there is no such page" in notes
    server.route("/a.xml", Response(status=500))
    failed = world.ask(feed_at(server.url("/map.xml")))
    assert failed.parsed is None
    assert failed.error is not None


def test_sitemaps_wait_for_their_hosts_turn(world: World, server: TestServer) -> None:
    """The slots that all requests share: the domain is never asked faster than is polite."""
    world.host_delay_s = 0.2
    server.route("/map.xml", index(server, ("/a.xml", ""), ("/b.xml", "")))
    server.route("/a.xml", sitemap(1))
    server.route("/b.xml", sitemap(2))
    world.registry.add(server.url("/map.xml"))
    world.poll(server.url("/map.xml"))
    times = [request.at_s for request in server.requests]
    assert len(times) == 3
    assert min(times[1] - times[0], times[2] - times[1]) > 0.18


# -- what an operator adds to a feed -------------------------------------------------------------------------


def sent(request: Request) -> dict[str, str]:
    """The secrets in a request."""
    return {name: value for name, value in request.headers.items() if name in SECRETS}


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def test_headers_and_login_go_to_the_own_origin(world: World, server: TestServer) -> None:
    """As the operator gave them, and beside the validators; a User-Agent of their own replaces ours."""
    server.route("/feed", sitemap(1))
    headers = "X-Api-Key: 12:34\nUser-Agent: Mine/1.0"
    feed = feed_at(server.url("/feed"), headers=headers, user="zoë", password="p:w/ d", etag='"1"')
    assert urls(world.ask(feed)) == ["1"]
    (request,) = server.requests
    assert sent(request) == {"x-api-key": "12:34", "authorization": basic("zoë:p:w/ d")}
    assert (request.headers["user-agent"], request.headers["if-none-match"]) == ("Mine/1.0", '"1"')


def test_a_login_of_its_own_goes_before_that_of_the_url(world: World, server: TestServer) -> None:
    """So that a password can be changed without a new URL."""
    url = server.url("/feed").replace("//", "//old:secret@")
    world.ask(feed_at(url, user="new", password="other"))
    world.ask(feed_at(url))
    assert [sent(request)["authorization"] for request in server.requests] == [
        basic("new:other"), basic("old:secret"),
    ]  # fmt: skip


def test_secrets_do_not_follow_a_redirect_elsewhere(
    world: World, server: TestServer, elsewhere: TestServer
) -> None:
    """Neither to another origin nor to the sitemaps that an index names there."""
    server.route("/feed", redirect(elsewhere.url("/feed")))
    elsewhere.route("/feed", sitemap(1))
    server.route("/map.xml", index(elsewhere, ("/feed", "")))
    secrets = {"headers": "X-Api-Key: 1", "user": "reader", "password": "secret"}
    for path in ("/feed", "/map.xml"):
        assert urls(world.ask(feed_at(server.url(path), **secrets))) == ["1"]
    assert [set(sent(request)) for request in server.requests] == [SECRETS, SECRETS]
    assert [set(sent(request)) for request in elsewhere.requests] == [set(), set()]


def test_the_sitemaps_of_its_own_origin_are_opened_with_the_same_key(
    world: World, server: TestServer
) -> None:
    """An index behind a login names sitemaps behind it."""
    server.route("/map.xml", index(server, ("/news.xml", "")))
    server.route("/news.xml", sitemap(1))
    world.ask(feed_at(server.url("/map.xml"), user="reader", password="secret"))
    assert [sent(request) for request in server.requests] == [{"authorization": basic("reader:secret")}] * 2


def test_a_paused_feed_is_not_asked(world: World, server: TestServer) -> None:
    """Even when it comes up: it is put off for years, and says why."""
    server.route("/feed", sitemap(1))
    url = server.url("/feed")
    world.registry.add(url)
    world.registry.edit(world.feed(url), {"paused": 1})

    async def one(poller: Poller) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(poller.run(stop))
        async with asyncio.timeout(5):
            while not world.feed(url).because:  # noqa: ASYNC110 - Redis tells nobody
                await asyncio.sleep(0.01)
        stop.set()
        await running

    world.with_poller(one)
    feed = world.feed(url)
    assert (feed.because, feed.polled, server.requests) == ("paused by the operator", 0, [])
    assert feed.next > (time.time() + 365 * 86400) * 1000


def test_a_poll_that_began_before_an_edit_teaches_nothing(world: World, server: TestServer) -> None:
    """Its validators are another URL's; the feed stays due as the edit said. What it found is kept."""
    url, new = server.url("/feed"), server.url("/new")
    world.registry.add(url)

    def edited_meanwhile(_: Request) -> Response:
        world.registry.edit(world.feed(url), {"url": new, "because": "changed"}, next_ms=0)
        return replace(sitemap(1), headers={"ETag": '"old"'})

    server.route("/feed", edited_meanwhile)
    server.route("/new", replace(sitemap(1, 2), headers={"ETag": '"new"'}))
    after = world.poll(url)
    assert (after.url, after.etag) == (new, '"new"')
    assert server.paths == ["/feed", "/new"]
    assert world.discovered == 2


# -- proxies -------------------------------------------------------------------------------------------------


def test_a_feed_is_polled_through_its_proxy(world: World, server: TestServer) -> None:
    """Its sitemaps too. The proxy alone knows the name, and what opens it is not sent on to the site."""
    server.route(
        "/map.xml", Response(body=b"<sitemapindex><sitemap><loc>/a.xml</loc></sitemap></sitemapindex>")
    )
    server.route("/a.xml", sitemap(1))
    with TestProxy({("map.example", 80): server.port}, login="me:secret") as proxy:
        feed = feed_at("http://map.example/map.xml", proxy=proxy.url, user="reader", password="pw")
        assert urls(world.ask(feed)) == ["1"]
        assert proxy.asked == ["GET http://map.example/map.xml", "GET http://map.example/a.xml"]
    assert [request.headers["host"] for request in server.requests] == ["map.example"] * 2
    assert [sent(request) for request in server.requests] == [{"authorization": basic("reader:pw")}] * 2


def test_encryption_goes_through_the_proxy_to_the_site() -> None:
    """A tunnel: the certificate is the site's, and is checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS)
    trusting = {"ssl_context": ssl.create_default_context(cafile=str(TLS))}
    with TestServer(tls=context) as secure, TestProxy({("news.test", 443): secure.port}) as proxy:
        secure.route("/", Response(body=HTML))
        assert get("https://news.test/", client=trusting, proxy=proxy.url).body == HTML
        assert failure("https://news.test/", proxy=proxy.url).reason is Reason.TLS
        assert proxy.asked == ["CONNECT news.test:443"] * 2


def test_what_a_url_tells_is_checked_before_the_proxy_hears_of_it(server: TestServer) -> None:
    """Private addresses, names of local networks and other ports, also where a redirect leads."""
    with TestProxy({("news.example", 80): server.port}) as proxy:
        for target in (
            "http://10.0.0.1/",
            "http://localhost/",
            "http://db.internal/",
            "http://a.example:22/",
        ):
            server.route("/", redirect(target))
            for url in (target, "http://news.example/"):
                error = failure(url, proxy=proxy.url)
                assert isinstance(error, Permanent)
                assert error.reason is Reason.BLOCKED_ADDRESS
        assert set(proxy.asked) == {"GET http://news.example/"}


def test_a_proxy_that_fails_is_named_without_its_password(server: TestServer) -> None:
    """Refused, gone, or no proxy at all: the feed is asked again, and the error says where to look."""
    with TestProxy({}, login="me:secret") as proxy:
        refused = failure("https://news.example/", proxy=proxy.url.replace("secret", "wrong"))
        assert isinstance(refused, Retry)
        assert refused.reason is Reason.CONNECT
        assert "the proxy answers 407" in str(refused)
        assert get("http://news.example/", proxy=proxy.url).status == 502
        gone = proxy.url
    error = failure("http://news.example/", proxy=gone)
    assert (type(error), error.reason) == (Retry, Reason.CONNECT)
    assert "through http://127.0.0.1:" in str(error)
    assert "secret" not in f"{refused} {error}"


@pytest.mark.parametrize(
    "url",
    ["ftp://proxy.example:21", "proxy.example:3128", "http://proxy.example", "http://:3128", "http://[x"],
)
def test_a_proxy_that_is_none_is_an_error(url: str) -> None:
    """Nothing is asked for without it."""
    error = failure("http://127.0.0.1:1/", proxy=url)
    assert (type(error), error.reason) == (Permanent, Reason.BAD_URL)
