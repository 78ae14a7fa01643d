"""What publishers see of a poll, in the log of a real server; and what an operator can rely on at scale."""

from __future__ import annotations

import asyncio
import gzip
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import brotli  # type: ignore[import-untyped]  # it has no annotations
import pytest
from redis import Redis

from jobs.body import MAX_BODY_BYTES
from jobs.entry import ParsedFeed
from jobs.errors import Reason
from jobs.keys import Keys
from jobs.urls import link_id
from jobs.user_agent import user_agent
from tests.calls import Names
from tests.polling import XML, World, feed_of, one_server, rss, story
from tests.server import Response, TestServer, redirect
from worker.config import Settings
from worker.embedded import EmbeddedRedis
from worker.feeds.parser import Parser
from worker.feeds.poller import ACCEPT

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is the ledger's to test."""
    with one_server() as server:
        yield server


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer, parser: Parser) -> World:
    return World(redis, keys, server, parser)


# -- what is sent ------------------------------------------------------------------------------------------
def test_a_poll_sends_what_it_needs_and_nothing_else(world: World) -> None:
    """No cookies, whatever was set before; no Referer after a redirect; the project and a contact."""
    world.client = {"user_agent": user_agent("bot@you.example")}
    cookies = {"Set-Cookie": "id=1; Path=/"}
    world.server.route("/real", Response(body=rss(1), headers={"ETag": '"1"', **cookies}, content_type=XML))
    url = world.add(answer=Response(status=302, headers={"Location": "/real", **cookies}))
    world.poll(url)
    world.poll(url)
    always = {
        "host": f"127.0.0.1:{world.server.port}",
        "user-agent": user_agent("bot@you.example"),
        "accept": ACCEPT,
        "accept-encoding": "gzip, deflate, br, zstd",
    }
    assert [request.method for request in world.server.requests] == ["GET"] * 4
    assert [dict(request.headers) for request in world.server.requests] == [
        *[always] * 3,
        always | {"if-none-match": '"1"'},
    ]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("coding", PACKERS)
def test_compressed_feeds_are_read(world: World, coding: str) -> None:
    """In each coding that is asked for."""
    packed = PACKERS[coding](rss(1, 2))
    url = world.add(answer=Response(body=packed, headers={"Content-Encoding": coding}, content_type=XML))
    world.poll(url)
    assert world.links() == story(1, 2)
    assert coding in world.server.requests[0].headers["accept-encoding"].split(", ")


@pytest.mark.parametrize("coding", ["", *PACKERS])
def test_a_feed_over_the_cap_is_an_error_and_not_cut(world: World, coding: str) -> None:
    """5 MiB after decompression: the error names the limit, no part is taken, nothing is saved."""
    assert MAX_BODY_BYTES == 5 * 2**20
    body = rss(1, extra=f"<!--{' ' * MAX_BODY_BYTES}-->")
    headers = {"ETag": '"1"'} | ({"Content-Encoding": coding} if coding else {})
    url = world.add(
        answer=Response(body=PACKERS[coding](body) if coding else body, headers=headers, content_type=XML)
    )
    world.poll(url)
    feed = world.feed(url)
    assert feed.reason in (Reason.TOO_LARGE, Reason.BOMB)
    assert feed.failures == 1
    assert any(limit in feed.error for limit in ("5 MiB", "5,242,880", "5242880")), feed.error
    assert (world.links(), feed.etag, feed.body_hash) == (set(), "", "")


def test_a_feed_up_to_the_cap_is_read(world: World) -> None:
    """The cap is what it says."""
    room = MAX_BODY_BYTES - len(rss(1, extra="<!---->"))
    url = world.add(answer=Response(body=rss(1, extra=f"<!--{' ' * room}-->"), content_type=XML))
    world.poll(url)
    assert world.links() == story(1)


class CountingParser(Parser):
    """Counts the documents that it is given."""

    parses = 0

    async def parse(self, body: bytes, *, url: str, content_type: str = "") -> ParsedFeed:
        self.parses += 1
        return await super().parse(body, url=url, content_type=content_type)


def test_the_same_bytes_are_not_parsed_again(world: World) -> None:
    """Their hash tells, though validators changed or there are none."""
    counting = CountingParser()
    world.parser = counting
    url = world.add(answer=feed_of(1, ETag='"1"'))
    world.poll(url)
    for answer in (feed_of(1, ETag='"2"'), feed_of(1), feed_of(1)):
        world.server.route("/feed", answer)
        world.poll(url)
    assert counting.parses == 1
    world.server.route("/feed", feed_of(1, 2))
    world.poll(url)
    asyncio.run(counting.__aexit__(None, None, None))
    assert counting.parses == 2


# -- Retry-After -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_holds_for_the_whole_registrable_domain(world: World, status: int, form: str) -> None:
    """As seconds or as a date: a feed on another host of the domain is not asked; other domains are."""
    names = ("a_news_test", "b_news_test", "c_other_test")
    world.client = {"resolver": Names(**{name: [["127.0.0.1"]] for name in names})}
    at = datetime.now(UTC) + timedelta(seconds=7200)
    said = "7200" if form == "seconds" else format_datetime(at, usegmt=True)
    refusing = world.add(world.server.url("/a", "a.news.test"))
    world.server.route("/a", Response(status=status, headers={"Retry-After": said}))
    world.poll(refusing)
    world.server.route("/b", feed_of(1))
    world.server.route("/c", feed_of(2))
    sister = world.add(world.server.url("/b", "b.news.test"))
    stranger = world.add(world.server.url("/c", "c.other.test"))
    world.poll(sister, stranger)
    assert world.server.paths == ["/a", "/c"]
    assert 7100 < world.wait_s(refusing) < 7200 * 1.2
    assert 7100 < world.wait_s(sister) < 7300
    assert world.feed(sister).failures == 0
    assert "news.test is not free" in world.feed(sister).because


@pytest.mark.parametrize(
    "headers",
    [
        {"Cache-Control": "public, max-age=3000"},
        {"Cache-Control": "max-age=3600", "Age": "600"},
        {"Date": "Thu, 01 Jan 2026 00:00:00 GMT", "Expires": "Thu, 01 Jan 2026 00:50:00 GMT"},
    ],
    ids=["max-age", "age", "expires"],
)
def test_what_a_server_says_of_freshness_is_heard(world: World, headers: dict[str, str]) -> None:
    """RFC 9111: max-age, less what a cache has used of it, else Expires."""
    url = world.add(answer=Response(body=rss(1), headers=headers, content_type=XML))
    world.poll(url)
    assert 2990 < world.wait_s(url) < 3400
    assert "server asks for polls no closer than 50 min" in world.feed(url).because


# -- what is taken -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("policy", "taken"), [("all", 80), ("50", 50), ("none", 0)])
def test_of_a_first_document_the_policy_takes_the_newest(world: World, policy: str, taken: int) -> None:
    """All, the newest N (50 by default) or none; what is left stays left, what comes later is taken."""
    assert Settings.model_fields["backfill"].default == "50"
    world.backfill = policy
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def listing(*numbers: int) -> Response:
        items = "".join(
            f"<item><link>https://news.test/{n}</link><title>{n}</title>"
            f"<pubDate>{format_datetime(start + timedelta(hours=n))}</pubDate></item>"
            for n in numbers
        )
        return Response(
            body=f'<rss version="2.0"><channel>{items}</channel></rss>'.encode(), content_type=XML
        )

    url = world.add(answer=listing(*range(80)))
    world.poll(url)
    assert world.links() == story(*range(80 - taken, 80))
    world.server.route("/feed", listing(*range(81)))
    world.poll(url)
    assert world.links() == story(*range(80 - taken, 81))


def test_what_a_feed_says_of_a_link_travels_with_it(world: World) -> None:
    """Title, summary, author, date, category, picture, full content: the fetch job's evidence."""
    content = f"<p>{'A long text. ' * 30}</p>"
    inside = (
        "<title>A title</title><link>https://news.test/1</link><guid isPermaLink='false'>g-1</guid>"
        "<description>A summary.</description><category>Local</category><dc:creator>A desk</dc:creator>"
        "<pubDate>Thu, 01 Jan 2026 10:00:00 +0100</pubDate><enclosure url='/a.jpg' type='image/jpeg'/>"
        f"<content:encoded><![CDATA[{content}]]></content:encoded>"
    )
    head = (
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
    )
    body = f"{head}<item>{inside}</item></channel></rss>".encode()
    world.poll(world.add(answer=Response(body=body, content_type=XML)))
    (handed,) = world.ledger.lease(fetch_window=1, article_window=1, host_delay_s=0, max_pages=10).leases
    begun = world.ledger.begin(handed.link_id, handed.stage, handed.attempt, "tester")
    assert begun is not None
    assert begun.link_id == link_id("https://news.test/1")
    entry = begun.entry
    assert entry is not None
    assert (entry.title, entry.summary, entry.content) == ("A title", "A summary.", content)
    assert (entry.authors, entry.tags, entry.guid) == (("A desk",), ("Local",), "g-1")
    assert entry.published == "2026-01-01T10:00:00+01:00"
    assert [image.url for image in entry.images] == [world.server.url("/a.jpg")]


# -- scale -------------------------------------------------------------------------------------------------
def test_a_poller_that_dies_loses_nothing_and_blocks_nothing(world: World) -> None:
    """It had leased one feed and was gone: others are polled meanwhile, and this one when its lease ends."""
    lost = world.add("/lost", feed_of(1))
    leased, _ = world.ledger.due_feeds(10, 60)
    assert list(leased) == [world.feed(lost).id]
    other = world.add("/other", feed_of(2))
    world.run(lambda: bool(world.feed(other).polled))
    assert world.server.paths == ["/other"]
    world.redis.zadd(world.keys.feeds, {world.feed(lost).id: time.time() * 1000}, xx=True)
    world.run(lambda: bool(world.feed(lost).polled))
    assert world.links() == story(1, 2)


def test_a_feed_is_never_given_up(world: World) -> None:
    """After a thousand failures of any kind it is asked again within the longest interval, and comes back."""
    url = world.add(answer=redirect("/gone"))
    for status in (404, 410, 403, 500):
        world.server.route("/gone", Response(status=status))
        world.redis.hset(world.keys.feed(world.feed(url).id), "failures", 1_000)
        world.poll(url)
        assert world.feed(url).failures == 1_001
        assert 0 < world.wait_s(url) <= 7 * 86_400 * 1.2
    world.server.route("/gone", feed_of(1))
    world.poll(url)
    assert (world.feed(url).failures, world.links()) == (0, story(1))
