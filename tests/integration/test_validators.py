"""Validators of feeds that live behind a redirect: sent to the URL that gave them, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis

from jobs.errors import Reason
from jobs.keys import Keys
from tests.polling import World, feed_of, one_server
from tests.server import Request, Response, TestServer, redirect
from worker.embedded import EmbeddedRedis
from worker.feeds.parser import Parser
from worker.feeds.poll import MAX_VALIDATOR_CHARS

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
CONDITIONS = {"if-none-match", "if-modified-since"}


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is the ledger's to test."""
    with one_server() as server:
        yield server


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer, parser: Parser) -> World:
    return World(redis, keys, server, parser)


@pytest.fixture
def elsewhere() -> Iterator[TestServer]:
    """Another origin: another port."""
    with TestServer() as one:
        yield one


def revalidated(request: Request) -> Response:
    """As a server that keeps to RFC 9110, 13.1: 304 for its own validators."""
    known = {"if-none-match": 'W/"v1"', "if-modified-since": DATE}
    if conditions(request) == known:
        return Response(status=304, content_type=None)
    return replace(feed_of(1), headers={"ETag": 'W/"v1"', "Last-Modified": DATE})


def conditions(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name in CONDITIONS}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_feed_behind_a_redirect_elsewhere_is_revalidated(
    world: World, elsewhere: TestServer, status: int
) -> None:
    """Its validators go to the origin that gave them, byte for byte; the one that redirects sees none."""
    elsewhere.route("/real", revalidated)
    url = world.add(answer=redirect(elsewhere.url("/real"), status))
    for _ in range(3):
        world.poll(url)
        assert world.feed(url).validated == elsewhere.url("/real")
    assert [bool(conditions(request)) for request in elsewhere.requests] == [False, True, True]
    assert [conditions(request) for request in world.server.requests] == [{}] * 3
    feed = world.feed(url)
    assert (feed.status, feed.failures, feed.found) == (304, 0, 1)
    assert "not changed" in feed.because


def test_validators_do_not_follow_a_redirect_that_changes(world: World, elsewhere: TestServer) -> None:
    """Neither to another origin nor to another place at the same one: an ETag there may mean anything."""
    for path in ("/a", "/b"):
        elsewhere.route(path, revalidated)
    url = world.add()
    world.server.route("/else", revalidated)
    for target in (elsewhere.url("/a"), elsewhere.url("/b"), world.server.url("/else")):
        world.server.route("/feed", redirect(target))
        world.poll(url)
    world.server.route("/feed", revalidated)  # and then it is at home again
    world.poll(url)
    assert [conditions(request) for request in (*elsewhere.requests, *world.server.requests)] == [{}] * 7
    assert world.feed(url).validated == ""
    world.poll(url)
    assert conditions(world.server.requests[-1])
    assert world.feed(url).status == 304


def test_the_feeds_own_url_gets_its_own_validators_only(world: World, elsewhere: TestServer) -> None:
    """A feed that moves behind a redirect does not show elsewhere what its own server gave."""
    url = world.add(answer=revalidated)
    world.poll(url)
    elsewhere.route("/real", revalidated)
    world.server.route("/feed", redirect(elsewhere.url("/real")))
    world.poll(url)
    assert conditions(world.server.requests[-1]), "asked, and it redirects all the same"
    assert [conditions(request) for request in elsewhere.requests] == [{}]


def test_a_304_of_somebody_who_was_not_asked_is_an_error(world: World, elsewhere: TestServer) -> None:
    """It says nothing about the document that the feed had: it must not look well for ever."""
    url = world.add(answer=revalidated)
    world.poll(url)
    elsewhere.route("/real", Response(status=304, content_type=None))
    world.server.route("/feed", redirect(elsewhere.url("/real")))
    world.poll(url)
    assert (world.feed(url).failures, world.feed(url).reason) == (1, Reason.HTTP_ERROR)


def test_a_redirect_to_an_absurd_url_leaves_no_validators(world: World, elsewhere: TestServer) -> None:
    """They would have to be kept with it: such a feed is downloaded, and its bytes are compared."""
    elsewhere.route("/real", revalidated)
    url = world.add(answer=redirect(elsewhere.url(f"/real?{'x' * MAX_VALIDATOR_CHARS}")))
    world.poll(url)
    world.poll(url)
    feed = world.feed(url)
    assert (feed.etag, feed.modified, feed.validated) == ("", "", "")
    assert feed.status == 200
    assert "not changed" in feed.because


def test_a_secret_of_the_place_it_leads_to_is_not_shown(world: World, elsewhere: TestServer) -> None:
    """`feeds show --json` prints every field."""
    elsewhere.route("/real", revalidated)
    url = world.add(answer=redirect(elsewhere.url("/real?token=hunter2")))
    world.poll(url)
    assert "hunter2" in world.feed(url).validated
    assert "hunter2" not in str(world.feed(url).shown)


def test_what_moved_for_good_is_revalidated_at_its_new_place(world: World, elsewhere: TestServer) -> None:
    """Validators outlive the move that a permanent redirect of a day ends in."""
    elsewhere.route("/real", revalidated)
    url = world.add(answer=redirect(elsewhere.url("/real"), 301))
    world.poll(url)
    world.registry.edit(world.feed(url), {"url": elsewhere.url("/real")})
    world.poll(elsewhere.url("/real"))
    assert [bool(conditions(request)) for request in elsewhere.requests] == [False, True]
    assert world.feed(url).validated == ""
