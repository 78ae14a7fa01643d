"""Feeds that redirect: followed at once, known by their new address once that has held."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from redis import Redis

from jobs.keys import Keys
from tests.polling import World, feed_of, one_server, story
from tests.server import TestServer, redirect
from worker.feeds.moved import LEAST_S, Move


@pytest.fixture
def world(server: TestServer, keys: Keys) -> Iterator[World]:
    with one_server() as own, Redis.from_url(own.url) as redis:
        yield World(redis, keys, server, None)


@pytest.mark.parametrize(("status", "moves"), [(301, True), (308, True), (302, False), (307, False)])
def test_only_a_permanent_redirect_that_held_a_day_moves_a_feed(
    world: World, status: int, moves: bool
) -> None:
    """Its entries arrive all the while, its id stays, and nothing is published twice."""
    world.server.route("/new", feed_of(1, 2))
    old, new = world.add("/old", redirect("/new", status)), world.server.url("/new")
    world.poll(old)
    feed = world.feed(old)
    assert feed.url == old
    assert bool(feed.moving) is moves
    if moves:
        held = Move(new, int(time.time() * 1000) - LEAST_S * 1000 - 1000, 2)
        world.redis.hset(world.keys.feed(feed.id), "moving", held.text)
    world.poll(old)
    after = world.feed(old)
    assert (after.id, after.url) == (feed.id, new if moves else old)
    assert world.links() == story(1, 2)
    if moves:
        assert world.feed(new).id == feed.id
        world.server.reset()
        world.server.route("/new", feed_of(1, 2, 3))
        world.poll(old)
        assert world.server.paths == ["/new"], "the old address is not asked any more"
        assert world.links() == story(1, 2, 3)
