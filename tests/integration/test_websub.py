"""WebSub against a hub of our own: the real web process, a real poller, and every way a hub can behave."""

from __future__ import annotations

import itertools
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from jobs.keys import Keys
from tests.hub import CHALLENGE, Hub, call
from tests.integration.websub_world import HUB_HOST, TLS, World, until
from tests.polling import one_server
from tests.server import Response, TestServer, redirect
from tests.site import Web, serving
from worker.embedded import EmbeddedRedis
from worker.feeds.parser import Parser
from worker.feeds.schedule import Bounds
from worker.feeds.websub import MISSES, State
from worker.web.websub import MAX_BYTES


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """The old server: what it can, the current one can too."""
    with one_server() as server:
        yield server


@pytest.fixture(scope="module")
def tls_server() -> Iterator[TestServer]:
    """An encrypted server, for the hub."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS)
    with TestServer(tls=context) as server:
        yield server


@pytest.fixture
def hub(tls_server: TestServer) -> Hub:
    tls_server.reset()
    return Hub(tls_server, host=HUB_HOST)


@pytest.fixture
def web(redis: Redis, keys: Keys) -> Iterator[Web]:
    with serving(redis, keys, public_url="https://us.example", poll_min=1) as running:
        yield running


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer, web: Web, parser: Parser) -> World:
    return World(redis, keys, server, web, parser)


@pytest.fixture
def subscribed(world: World, hub: Hub) -> World:
    """The feed was polled, and its hub has granted a subscription; no poller runs any more."""
    world.lists(1, hub=hub.url)
    world.registry.add(world.url)
    with world.polling():
        until(world.is_active)
    world.rested()
    return world


# -- the whole way -----------------------------------------------------------------------------------------
def test_news_arrive_when_the_hub_tells(world: World, hub: Hub) -> None:
    """Discover the hub, subscribe, verify, publish: the link is in the ledger long before the next poll."""
    world.lists(1, hub=hub.url)
    world.registry.add(world.url)
    with world.polling():
        until(world.is_active)
        until(lambda: hub.checked)
        assert hub.checked == [(200, CHALLENGE)]
        assert hub.last["hub.mode"] == "subscribe"
        assert hub.last["hub.topic"] == world.url
        assert len(hub.last["hub.secret"]) >= 32
        assert re.fullmatch(
            rf"{re.escape(world.web.url)}websub/{world.id}-[\w-]{{43}}", hub.last["hub.callback"]
        )
        assert world.feed.next > (time.time() + 600) * 1000, "the next poll is minutes away"
        world.lists(2, 1, hub=hub.url)
        began = time.monotonic()
        assert hub.publish(b"<rss/>") == 202
        until(lambda: world.knows(2))
        assert time.monotonic() - began < 7, "five seconds of rest after a poll, and a moment"
        until(lambda: "its hub tells us" in world.feed.because)
    assert world.feed.because == "its hub tells us; a poll every 4 h in case it does not"
    assert world.feed.next > (time.time() + 3 * 3600) * 1000
    assert len(hub.asked) == 1, "nothing else was asked of the hub"


def test_what_a_hub_posts_is_not_published(subscribed: World, hub: Hub) -> None:
    """A poll brings the links: those of the post itself are not taken, whoever signed it."""
    forged = b"<rss><channel><item><link>https://news.test/666</link></item></channel></rss>"
    with subscribed.polling():
        polled = subscribed.feed.polled
        assert hub.publish(forged) == 202
        until(lambda: subscribed.feed.polled > polled)
    assert not subscribed.knows(666)


def test_news_of_a_poll_in_flight_are_not_lost(world: World) -> None:
    """Told while the feed is being polled, perhaps too early: it is due again after a rest, not in hours."""
    world.registry.add(world.url)
    ids, _ = world.ledger.due_feeds(1, 60)
    assert list(ids) == [world.id]
    assert world.ledger.hasten(world.id, "news")
    assert not world.ledger.due_feeds(1, 60)[0], "not polled twice at a time"
    assert world.ledger.polled(world.id, 14_400, {"polled": int(time.time() * 1000)})
    assert world.is_due()
    world.redis.zadd(world.keys.feeds, {world.id: 0})
    world.ledger.due_feeds(1, 60)
    world.ledger.polled(world.id, 14_400, {})
    assert not world.is_due(), "once"


def test_however_often_a_hub_tells_polls_are_apart(subscribed: World, hub: Hub) -> None:
    """A flood of posts costs a poll every few seconds, not one each."""
    # The fixture's own poll is no minute ago, whatever `rested` says: it does not count.
    subscribed.server.requests.clear()
    posts, polls = 0, list[float]()
    ends = time.monotonic() + 40
    with subscribed.polling():
        while len(polls) < 3:
            assert time.monotonic() < ends, f"{posts} posts brought only {len(polls)} polls"
            assert hub.publish(b"<rss/>") == 202
            posts += 1
            polls = [request.at_s for request in subscribed.server.requests if request.path == "/feed"]
    assert posts > len(polls)
    # The shortest interval is a second here (less jitter): a post that brings nothing is followed up then.
    assert all(later - earlier > 0.5 for earlier, later in itertools.pairwise(polls))


# -- verification ------------------------------------------------------------------------------------------
def test_only_what_was_asked_for_is_confirmed(world: World, hub: Hub) -> None:
    """A wrong topic, mode or token, what we don't wish, a bad challenge: 404, and nothing changes."""
    hub.checks = False
    world.lists(1, hub=hub.url)
    world.registry.add(world.url)
    with world.polling():
        until(lambda: hub.asked)
    form = hub.last
    assert hub.check(form, topic="https://evil.test/")[0] == 404
    assert hub.check(form, topic=None)[0] == 404
    assert hub.check(form, mode="unsubscribe")[0] == 404
    assert hub.check(form, mode="publish")[0] == 404
    assert hub.check(form, challenge=None)[0] == 404
    assert hub.check(form, challenge="<\x00>")[0] == 404
    other = {**form, "hub.callback": form["hub.callback"][:-1] + "~"}
    assert hub.check(other)[0] == 404
    assert hub.check({**form, "hub.callback": f"{world.web.url}websub/{world.id}"})[0] == 404
    assert world.state is State.ASKED
    assert hub.check(form) == (200, CHALLENGE)
    assert world.is_active()


def test_a_challenge_can_not_become_markup(subscribed: World, hub: Hub) -> None:
    """It is echoed as plain text that browsers don't sniff (8.2)."""
    path = hub.last["hub.callback"].removeprefix(subscribed.web.url.rstrip("/"))
    markup = "%3Cscript%3Ealert(1)%3C/script%3E"
    answer = subscribed.web.get(
        f"{path}?hub.mode=subscribe&hub.topic={subscribed.url}&hub.challenge={markup}&hub.lease_seconds=60"
    )
    assert (answer.status, answer.text) == (200, "<script>alert(1)</script>")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_hub_may_check_before_it_answers(world: World, tls_server: TestServer) -> None:
    """Some call back while we still wait for their 202: the subscription is known by then."""
    hub = Hub(tls_server, host=HUB_HOST, path="/sync", checks=False)

    def at_once(request: Any) -> Response:
        hub._take(request)
        hub.checked.append(hub.check(hub.last))
        return Response(status=204)

    tls_server.route("/sync", at_once)
    world.lists(1, hub=hub.url)
    world.registry.add(world.url)
    with world.polling():
        until(world.is_active)
    assert hub.checked == [(200, CHALLENGE)]


def test_a_hub_may_send_us_to_another(world: World, hub: Hub, tls_server: TestServer) -> None:
    """With 307 or 308, and the same form; not with a redirect that would make it a GET."""
    tls_server.route("/old", redirect(hub.url, 308))
    world.lists(1, hub=tls_server.url("/old", HUB_HOST))
    world.registry.add(world.url)
    with world.polling():
        until(world.is_active)
    assert hub.last["hub.topic"] == world.url


# -- signatures --------------------------------------------------------------------------------------------
def test_a_bad_signature_is_ignored(subscribed: World, hub: Hub) -> None:
    """Wrong, missing or of an unknown method: answered as if it were good, and nothing happens (7.1)."""
    for signature in ("sha256=" + "0" * 64, "", "md5=" + "0" * 32, "sha1=nonsense"):
        assert hub.publish(b"<rss/>", signature=signature) == 202
    assert not subscribed.is_due()
    assert subscribed.subscription is not None
    assert subscribed.subscription.pinged == 0


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_good_signatures_are_believed(subscribed: World, hub: Hub, method: str) -> None:
    """With each method of the Recommendation, whatever the body."""
    assert hub.publish(b"\xff\x00" * 1000, method=method) == 202
    assert subscribed.is_due()


def test_large_documents_are_taken_up_to_a_limit(subscribed: World, hub: Hub) -> None:
    """Of 5 MiB, which is more than other paths take; above it 413, and nothing happens."""
    path = hub.last["hub.callback"].removeprefix(subscribed.web.url.rstrip("/"))
    claimed = {"Content-Length": str(MAX_BYTES + 1)}
    assert subscribed.web.ask("POST", path, claimed).status == 413
    assert not subscribed.is_due()
    assert hub.publish(b"x" * MAX_BYTES) == 202
    assert subscribed.is_due()


# -- leases ------------------------------------------------------------------------------------------------
def test_a_lease_is_renewed_before_it_ends(world: World, hub: Hub) -> None:
    """By a poll that comes in time for it; the callback stays, so that nothing is told twice."""
    hub.lease_s = 3
    world.lists(1, hub=hub.url)
    world.registry.add(world.url)
    with world.polling():
        until(world.is_active)
        first = world.subscription
        assert first is not None
        until(lambda: len(hub.checked) >= 2)
        second = world.subscription
    assert second is not None
    assert first.verified + 2400 <= second.verified < first.until, "after four fifths, before the end"
    assert second.until > first.until
    assert hub.asked[0] == hub.asked[1]


def test_a_subscription_is_forgotten_after_its_lease(subscribed: World, hub: Hub) -> None:
    """Its key expires, a day after the lease that the hub granted."""
    left_ms: Any = subscribed.redis.pttl(subscribed.keys.websub(subscribed.id))
    assert hub.lease_s is not None
    assert abs(left_ms / 1000 - (hub.lease_s + 86_400)) < 60
    size: Any = subscribed.redis.memory_usage(subscribed.keys.websub(subscribed.id))
    assert size < 1200


# -- hubs that won't, and hubs that can't ------------------------------------------------------------------
def test_a_hub_that_denies_is_let_be(world: World, hub: Hub) -> None:
    """The reason is kept for the operator, the hub is not asked again, and the feed is polled as ever."""
    hub.checks = False
    world.lists(1, hub=hub.url)
    world.registry.add(world.url)
    with world.polling():
        until(lambda: hub.asked)
        assert hub.check(hub.last, mode="denied", topic="https://evil.test/")[0] == 404
        assert hub.check(hub.last, mode="denied", challenge=None, reason="Not <b>you</b>\x1b[1m")[0] == 200
        world.poll()
        assert world.state is State.DENIED
        assert world.subscription is not None
        assert world.subscription.error == "the hub denies it: Not you[1m"
        assert hub.check(hub.last)[0] == 404, "and what it says then is not heard"
        assert hub.publish(b"<rss/>") == 410
        world.lists(2, 1, hub=hub.url)
        world.poll()
    assert world.knows(2)
    assert "hub" not in world.feed.because
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response(status=410, body=b"gone"), "status 410"),
        (Response(status=400, body=b"<p>bad topic</p>"), "bad topic"),
        (Response(status=302, headers={"Location": "/hub"}), "status 302"),
        (Response(status=307, headers={"Location": "http://news.test/"}), "the hub leads out of encryption"),
        (Response(raw=b"nonsense\r\n\r\n"), "not valid HTTP"),
    ],
)
def test_a_hub_that_fails_costs_its_feed_nothing(world: World, hub: Hub, answer: Response, said: str) -> None:
    """It is asked again after an hour, not with each poll; the feed's own state does not suffer."""
    hub.answer = answer
    world.lists(1, hub=hub.url)
    world.registry.add(world.url)
    with world.polling():
        until(lambda: world.subscription and world.subscription.error)
        world.poll()
    known = world.subscription
    assert known is not None
    assert said in known.error
    assert 3500 < known.again / 1000 - time.time() < 3700
    assert len(hub.asked) == 1
    assert (world.feed.failures, world.feed.reason, world.knows(1)) == (0, "", True)


def test_a_hub_that_is_away_costs_its_feed_nothing(world: World) -> None:
    """Nobody answers there, or it is an address that is not asked at all."""
    for gone in ("http://127.0.0.1:1/hub", "http://10.0.0.1:99/hub"):
        world.lists(1, hub=gone)
        world.redis.flushall()
        world.registry.add(world.url)
        with world.polling():
            until(lambda: world.subscription and world.subscription.error)
        assert (world.feed.failures, world.knows(1)) == (0, True)


def test_a_hub_that_says_when_is_asked_then(world: World, hub: Hub) -> None:
    """Retry-After replaces our own wait, when it is longer."""
    hub.answer = Response(status=503, headers={"Retry-After": "7200"})
    world.lists(1, hub=hub.url)
    world.registry.add(world.url)
    with world.polling():
        until(lambda: world.subscription and world.subscription.again > (time.time() + 7000) * 1000)


def test_a_feed_that_names_no_hub_any_more_is_unsubscribed(subscribed: World, hub: Hub) -> None:
    """Its next document says so; the hub checks that we mean it, and all is forgotten."""
    subscribed.lists(2, 1, hub=None)
    with subscribed.polling():
        subscribed.poll()
        until(lambda: len(hub.checked) == 2)
    assert hub.last["hub.mode"] == "unsubscribe"
    assert hub.checked[-1] == (200, CHALLENGE)
    assert subscribed.subscription is None
    assert hub.publish(b"<rss/>", signature="sha1=x") == 410


def test_news_without_the_hubs_word_end_the_trust(subscribed: World, hub: Hub) -> None:
    """Twice in a row, and polls come as they would without it; until it tells again."""
    assert hub.publish(b"<rss/>") == 202
    with subscribed.polling():
        until(lambda: subscribed.feed.polled > (time.time() - 30) * 1000)
        for number in range(2, 2 + MISSES):
            subscribed.lists(*range(number, 0, -1), hub=hub.url)
            subscribed.poll()
        assert "its hub tells us" not in subscribed.feed.because
        subscribed.rested()
        subscribed.lists(9, 1, hub=hub.url)
        assert hub.publish(b"<rss/>") == 202
        until(lambda: subscribed.knows(9))
        until(lambda: "its hub tells us" in subscribed.feed.because)


def test_news_that_are_not_there_yet_are_looked_for(subscribed: World, hub: Hub) -> None:
    """The hub tells, a cache still serves the old document: asked again soon, not in hours."""
    subscribed.bounds = Bounds(300, 86_400)
    with subscribed.polling():
        polled = subscribed.feed.polled
        assert hub.publish(b"<rss/>") == 202
        until(lambda: subscribed.feed.polled > polled)
    assert subscribed.feed.because.startswith("its hub told us of news that we don't see yet")
    assert subscribed.feed.next < (time.time() + 301) * 1000


# -- without encryption, and the commands ------------------------------------------------------------------
def palmyra(world: World, *arguments: str) -> str:
    environment = os.environ | {
        "PALMYRA_REDIS_URL": f"unix://{world.redis.connection_pool.connection_kwargs['path']}",
        "PALMYRA_NAMESPACE": world.keys.namespace,
        "PALMYRA_ALLOW_NETWORKS": "127.0.0.0/8",
    }
    done = subprocess.run(
        [sys.executable, "-m", "worker.cli", *arguments],
        env=environment, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_removed_feed_is_unsubscribed(world: World, server: TestServer) -> None:
    """`feeds show` tells of the subscription, without its secrets; `feeds remove` ends it at the hub."""
    hub = Hub(server)
    world.lists(1, hub=hub.url)
    world.registry.add(world.url)
    with world.polling():
        until(world.is_active)
    assert "hub.secret" not in hub.last, "a secret is not sent where others can read it"
    shown = palmyra(world, "feeds", "show", world.id)
    assert f"active at {hub.url}" in shown
    assert hub.last["hub.callback"].rpartition("-")[2] not in shown + palmyra(
        world, "feeds", "show", world.id, "--json"
    )
    assert hub.publish(b"<rss/>") == 202, "its callback is known to the hub alone: that has to do"

    removed = palmyra(world, "feeds", "remove", world.id)
    assert "its hub was told" in removed
    until(lambda: len(hub.checked) == 2)
    assert (hub.last["hub.mode"], hub.checked[-1]) == ("unsubscribe", (200, CHALLENGE))
    assert world.subscription is None
    assert hub.publish(b"<rss/>") == 410


def test_a_feed_can_be_removed_while_its_hub_is_away(world: World, server: TestServer) -> None:
    """The command says that the hub could not be told; what the hub posts later is refused."""
    hub = Hub(server)
    world.lists(1, hub=hub.url)
    world.registry.add(world.url)
    with world.polling():
        until(world.is_active)
    hub.answer = Response(status=500)
    assert "its hub could not be told" in palmyra(world, "feeds", "remove", world.id)
    assert hub.publish(b"<rss/>") == 410


def test_what_a_hub_posts_for_a_feed_that_vanished_is_refused(subscribed: World, hub: Hub) -> None:
    """Without the command, too: the hub may stop then (7)."""
    subscribed.registry.remove(subscribed.id)
    assert hub.publish(b"<rss/>") == 410
    assert subscribed.subscription is None


# -- who may come in ---------------------------------------------------------------------------------------
def test_hubs_need_no_login_and_nobody_else_gets_in(redis: Redis, keys: Keys) -> None:
    """With a password or without, under the public name: only the callback is open."""
    public = {"Host": "us.example"}
    for password, refused in ((None, 421), ("secret", 401)):
        with serving(redis, keys, public_url="https://us.example", web_password=password) as web:
            assert web.get("/websub/a-b", public).status == 404
            assert web.ask("POST", "/websub/a-b", public).status == 410
            assert web.ask("PUT", "/websub/a-b", public).status in (refused, 405)
            for path in ("/", "/websub", "/websub/", "/websub/a/b", "/metrics", "/rq/", "/websub/../metrics"):
                assert web.get(path, public).status == refused, path


def test_without_a_public_url_there_is_no_callback(redis: Redis, keys: Keys) -> None:
    """Nothing is open to the world that is not needed."""
    with serving(redis, keys) as web:
        assert call(f"{web.url}websub/a-b")[0] == 404
        assert web.get("/websub/a-b", {"Host": "us.example"}).status == 421
        assert web.ask("POST", "/websub/a-b", {"Host": "us.example"}).status == 421
