"""Bad feeds: each is told in words, is asked again, and costs no other feed anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from jobs.errors import Reason
from jobs.keys import Keys
from tests.polling import BOUNDS, XML, World, feed_of, one_server, rss, story
from tests.server import Response, TestServer, redirect
from worker.embedded import EmbeddedRedis
from worker.feeds.errors import FeedReason
from worker.feeds.parser import Parser

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
    "cut-short": (Response(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<rss>"), Reason.WRONG_LENGTH),
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


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is the ledger's to test."""
    with one_server() as server:
        yield server


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer, parser: Parser) -> World:
    return World(redis, keys, server, parser)


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
        for url, word in expected.items():
            feed = world.feed(url)
            assert feed.reason == word, f"{url}: {feed.reason}: {feed.error}"
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
