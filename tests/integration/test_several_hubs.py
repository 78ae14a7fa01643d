"""A feed that names several hubs: the next one is asked when one refuses, and one of them is enough."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator

import pytest
from redis import Redis

from jobs.keys import Keys
from tests.hub import CHALLENGE, Hub
from tests.integration.websub_world import HUB_HOST, TLS, World, until
from tests.polling import one_server
from tests.server import Response, TestServer
from tests.site import Web, serving
from worker.embedded import EmbeddedRedis
from worker.feeds.parser import Parser
from worker.feeds.websub import State


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """The old server: what it can, the current one can too."""
    with one_server() as server:
        yield server


@pytest.fixture(scope="module")
def tls_server() -> Iterator[TestServer]:
    """An encrypted server, for the hubs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS)
    with TestServer(tls=context) as server:
        yield server


@pytest.fixture
def web(redis: Redis, keys: Keys) -> Iterator[Web]:
    with serving(redis, keys, public_url="https://us.example", poll_min=1) as running:
        yield running


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer, web: Web, parser: Parser) -> World:
    return World(redis, keys, server, web, parser)


@pytest.fixture
def hubs(tls_server: TestServer) -> list[Hub]:
    """Three of them."""
    tls_server.reset()
    return [Hub(tls_server, host=HUB_HOST, path=f"/hub{n}") for n in range(3)]


def lists(world: World, hubs: list[Hub], *numbers: int) -> None:
    world.lists(*numbers, hub=hubs[0].url, others=[hub.url for hub in hubs[1:]])


def asked(hubs: list[Hub]) -> list[int]:
    return [len(hub.asked) for hub in hubs]


def test_one_hub_is_enough(world: World, hubs: list[Hub]) -> None:
    """The first is asked, in the publisher's order; what two would tell would be told twice."""
    lists(world, hubs, 1)
    world.registry.add(world.url)
    with world.polling():
        until(world.is_active)
        lists(world, hubs, 2, 1)
        world.poll()
    assert asked(hubs) == [1, 0, 0]
    assert world.subscription is not None
    assert world.subscription.hub == hubs[0].url


@pytest.mark.parametrize(
    "refusal", [Response(status=500), Response(status=404), Response(raw=b"nonsense\r\n\r\n")]
)
def test_the_next_hub_is_asked_at_once_when_one_refuses(
    world: World, hubs: list[Hub], refusal: Response
) -> None:
    """In the same breath, with a callback and a secret of its own; its news arrive."""
    hubs[0].answer = refusal
    lists(world, hubs, 1)
    world.registry.add(world.url)
    with world.polling():
        until(world.is_active)
        until(lambda: hubs[1].checked)
        assert hubs[1].checked == [(200, CHALLENGE)]
        lists(world, hubs, 2, 1)
        world.rested()
        assert hubs[1].publish(b"<rss/>") == 202
        until(lambda: world.knows(2))
    assert asked(hubs) == [1, 1, 0]
    for private in ("hub.callback", "hub.secret"):
        assert hubs[0].last[private] != hubs[1].last[private]
    assert hubs[0].check(hubs[0].last)[0] == 404, "the one that refused can't confirm any more"
    assert hubs[0].publish(b"<rss/>") == 410


def test_when_all_refuse_they_are_asked_again_later(world: World, hubs: list[Hub]) -> None:
    """Each once, then not before an hour has passed, doubled each time; the feed is polled as ever."""
    for hub in hubs:
        hub.answer = Response(status=503)
    lists(world, hubs, 1)
    world.registry.add(world.url)
    with world.polling():
        until(lambda: asked(hubs) == [1, 1, 1] and world.subscription and world.subscription.error)
        lists(world, hubs, 2, 1)
        world.poll()
        assert world.knows(2)
        assert asked(hubs) == [1, 1, 1]
        known = world.subscription
        assert known is not None
        assert 3_500 < known.again / 1000 - time.time() < 3_700
        world.redis.hset(world.keys.websub(world.id), "again", 0)
        hubs[1].answer = Response(status=202)
        lists(world, hubs, 3, 2, 1)
        world.poll()
        until(world.is_active)
    assert asked(hubs) == [2, 2, 1]
    assert world.subscription is not None
    assert world.subscription.hub == hubs[1].url


def test_the_wait_doubles_over_all_hubs(world: World, hubs: list[Hub]) -> None:
    """A round in which all of them refuse counts once."""
    for hub in hubs:
        hub.answer = Response(status=503)
    lists(world, hubs, 1)
    world.registry.add(world.url)
    with world.polling():
        until(lambda: asked(hubs) == [1, 1, 1] and world.subscription and world.subscription.error)
        world.redis.hset(world.keys.websub(world.id), "again", 0)
        lists(world, hubs, 2, 1)
        world.poll()
        until(lambda: asked(hubs) == [2, 2, 2] and world.subscription and world.subscription.error)
    known = world.subscription
    assert known is not None
    assert known.failures == 2
    assert 7_100 < known.again / 1000 - time.time() < 7_300


def test_a_hub_that_denies_gives_way_to_the_next(world: World, hubs: list[Hub]) -> None:
    """With the next document; and when the last denies too, the feed is let be."""
    for hub in hubs:
        hub.checks = False
    lists(world, hubs, 1)
    world.registry.add(world.url)
    with world.polling():
        for number, hub in enumerate(hubs, start=2):
            until(lambda hub=hub: hub.asked)  # type: ignore[misc]  # mypy takes the default for untyped
            assert hub.check(hub.last, mode="denied", challenge=None, reason="no")[0] == 200
            assert world.state is State.DENIED
            lists(world, hubs, *range(number, 0, -1))
            world.poll()
        assert asked(hubs) == [1, 1, 1]
        assert world.state is State.DENIED
        lists(world, hubs, 9)
        world.poll()
    assert asked(hubs) == [1, 1, 1]
    assert world.knows(9)


def test_a_hub_that_takes_the_request_and_does_nothing_gives_way(world: World, hubs: list[Hub]) -> None:
    """It had its hour; the next ones have theirs."""
    hubs[0].checks = False
    lists(world, hubs, 1)
    world.registry.add(world.url)
    with world.polling():
        until(lambda: hubs[0].asked)
        world.redis.hset(world.keys.websub(world.id), "again", 0)
        lists(world, hubs, 2, 1)
        world.poll()
        until(world.is_active)
    assert asked(hubs) == [1, 1, 0]
