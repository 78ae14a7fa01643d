"""Webhooks against real receivers: signed, at least once, in order, each hook at its own pace."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs.client import Client
from jobs.guard import Policy
from jobs.keys import Keys
from tests.calls import LOOPBACK
from tests.polling import one_server
from tests.server import Request, Response, TestServer, redirect
from tests.site import made
from worker.embedded import EmbeddedRedis
from worker.stream import groups, trim
from worker.webhooks import deliver, retry
from worker.webhooks.hook import Hook, Hooks
from worker.webhooks.queue import letters, requeue
from worker.webhooks.signature import new_secret

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """The old server: what it can, the current one can too."""
    with one_server() as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of hundredths of a second."""
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(retry, "LONGEST_PAUSE_S", 0.1)
    monkeypatch.setattr(deliver, "LOOK_S", 0.1)


class World:
    """Hooks, a stream and a receiver."""

    def __init__(self, redis: Redis, keys: Keys, server: TestServer) -> None:
        self.redis, self.keys, self.server = redis, keys, server
        self.hooks = Hooks(redis, keys)
        self.count = 0

    def hook(self, path: str = "/hook", answer: Any = None, **options: Any) -> Hook:
        self.server.route(path, answer or Response(status=204))
        return self.hooks.add(self.server.url(path), new_secret(), since="0", **options)

    def publish(self, count: int = 1, **data: Any) -> list[str]:
        """Put new events on the stream; returns their ids."""
        ids = []
        for _ in range(count):
            self.count += 1
            article = f"{self.count:x}".translate(str.maketrans("0189", "ghij")).rjust(16, "a")
            event = made(article, **data)
            fields: dict[Any, Any] = {"id": event["id"], "type": event["type"], "event": json.dumps(event)}
            self.redis.xadd(self.keys.stream, fields)
            ids.append(event["id"])
        return ids

    def got(self, path: str = "/hook") -> list[str]:
        """The ids that a receiver was sent, in order, repeats too."""
        return [one.headers["webhook-id"] for one in self.server.requests if one.path == path]

    def pending(self, hook: Hook) -> int:
        """What it has yet to take."""
        found = next(one for one in groups(self.redis, self.keys) if one.name == hook.group)
        return found.events + found.pending

    @contextmanager
    def delivering(self, policy: Policy = LOOPBACK, lease_s: float = 10) -> Iterator[None]:
        """A process's part, in a thread."""
        started = threading.Event()

        async def main() -> None:
            self.loop, self.stop = asyncio.get_running_loop(), asyncio.Event()
            async with Client(policy) as client:
                started.set()
                await deliver.Deliveries(self.hooks, client, lease_s=lease_s).run(self.stop)

        thread = threading.Thread(target=lambda: asyncio.run(main()))
        thread.start()
        assert started.wait(20)
        try:
            yield
        finally:
            self.loop.call_soon_threadsafe(self.stop.set)
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer) -> World:
    return World(redis, keys, server)


def until(done: Callable[[], Any], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def times(count: int, bad: Response, then: Response | None = None) -> Callable[[Request], Response]:
    """Answers badly so often, then well."""
    left = [count]

    def answer(request: Request) -> Response:
        left[0] -= 1
        return bad if left[0] >= 0 else then or Response(status=204)

    return answer


# -- the way of an event -----------------------------------------------------------------------------------
def test_events_come_signed_and_in_order(world: World) -> None:
    """What was there and what comes, as on the stream, once each; another library accepts the signatures."""
    hook = world.hook()
    ids = world.publish(30)
    with world.delivering():
        until(lambda: len(world.got()) == 30)
        began = time.monotonic()
        ids += world.publish(1)
        until(lambda: len(world.got()) == 31)
        assert time.monotonic() - began < 5
        until(lambda: world.pending(hook) == 0)
    assert world.got() == ids
    checker = standardwebhooks.Webhook(hook.secret)
    for request, event_id in zip(world.server.requests, ids, strict=True):
        event = checker.verify(request.body, dict(request.headers))
        assert event["id"] == event_id
        assert request.method == "POST"
        assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        checker.verify(world.server.requests[0].body + b" ", dict(world.server.requests[0].headers))
    state = world.hooks.state(hook.id)
    assert (state.delivered, state.failed, state.failures) == (31, 0, 0)


def test_only_what_a_hook_asks_for_is_sent(world: World) -> None:
    """Its where; a withdrawal passes it. The headers of the operator go along."""
    hook = world.hook(where='language == "de"', more="X-Key: 12")
    world.publish(3, language="fr")
    (german,) = world.publish(1, language="de")
    (withdrawn,) = world.publish(1, kind="withdrawn", language=None)
    with world.delivering():
        until(lambda: world.pending(hook) == 0)
    assert world.got() == [german, withdrawn]
    assert world.server.requests[0].headers["x-key"] == "12"


def test_a_failure_is_tried_again_in_order(world: World) -> None:
    """A receiver that is away for a moment gets everything, in order, under the same ids."""
    hook = world.hook(answer=times(3, Response(status=503)))
    ids = world.publish(3)
    with world.delivering():
        until(lambda: world.pending(hook) == 0)
    assert world.got() == [ids[0]] * 3 + ids
    state = world.hooks.state(hook.id)
    assert (state.delivered, state.failed, state.failures, state.failing) == (3, 3, 0, 0)
    assert world.hooks.redis.hlen(world.keys.webhook_tries(hook.id)) == 0


def test_retry_after_is_heeded(world: World) -> None:
    """The receiver says when to come back; nothing is sent to it before."""
    hook = world.hook(answer=times(1, Response(status=429, headers={"Retry-After": "1"})))
    world.publish(2)
    with world.delivering():
        until(lambda: world.pending(hook) == 0)
    first, second = world.server.requests[0].at_s, world.server.requests[1].at_s
    assert second - first > 0.9


def test_one_bad_event_does_not_hold_up_the_others(world: World) -> None:
    """It is set aside after a few attempts, and tried again on its own."""
    ids = world.publish(5)
    calm = threading.Event()

    def choking(request: Request) -> Response:
        return Response(status=500 if request.headers["webhook-id"] == ids[1] and not calm.is_set() else 200)

    hook = world.hook(answer=choking)
    with world.delivering():
        until(lambda: ids[4] in world.got())
        assert [one for one in world.got() if one != ids[1]] == [ids[0], *ids[2:]]
        assert world.got().count(ids[1]) >= retry.IN_PLACE
        calm.set()
        until(lambda: world.pending(hook) == 0)
    assert world.got()[-1] == ids[1]


def test_a_hook_that_is_gone_delays_nobody(world: World) -> None:
    """One refuses connections, one hangs: the third gets its events at once."""
    hanging = world.hook("/hangs", Response(delay_s=30))
    refusing = world.hooks.add("http://127.0.0.1:9/", new_secret(), since="0")
    hook = world.hook()
    ids = world.publish(10)
    with world.delivering():
        until(lambda: world.pending(hook) == 0, 10)
        until(lambda: world.hooks.state(refusing.id).failures > 1)
    assert world.got() == ids
    assert "connect" in world.hooks.state(refusing.id).error
    assert world.hooks.state(hanging.id).delivered == 0
    assert world.pending(hanging) == 10


def test_410_switches_a_hook_off(world: World) -> None:
    """Nothing more is sent, its group holds the stream no more; switched on, it goes on where it stood."""
    hook = world.hook(answer=times(1, Response(status=410)))
    ids = world.publish(3)
    with world.delivering():
        until(lambda: (world.hooks.get(hook.id) or hook).off)
        world.publish(1)
        time.sleep(0.3)
        assert world.got() == ids[:1]
        assert groups(world.redis, world.keys) == []
        off = world.hooks.get(hook.id)
        assert off
        assert off.off == "the receiver answered 410 Gone"
        assert world.hooks.switch_on(off) is None
        until(lambda: len(world.got()) == 5)
    assert world.got()[1:4] == ids


def test_redirects_are_not_followed(world: World) -> None:
    """What is signed for one receiver goes to no other."""
    world.server.route("/elsewhere", Response())
    for status in (302, 308):
        hook = world.hook(f"/moved{status}", redirect("/elsewhere", status))
        world.publish(1)
        with world.delivering():
            until(lambda one=hook: world.hooks.state(one.id).failed)  # type: ignore[misc]  # bound here
        assert world.hooks.state(hook.id).error == "the receiver redirects, which is not followed"
        world.hooks.remove(hook)
    assert "/elsewhere" not in world.server.paths


def test_private_addresses_are_refused(world: World) -> None:
    """A hook is sent through the guarded client: without PALMYRA_ALLOW_NETWORKS no connection is opened."""
    hook = world.hook()
    world.publish(1)
    with world.delivering(Policy(allow_ports=frozenset({world.server.port}))):
        until(lambda: world.hooks.state(hook.id).failed)
    assert "blocked_address" in world.hooks.state(hook.id).error
    assert world.server.connections == 0


# -- giving up ---------------------------------------------------------------------------------------------
def test_what_had_its_day_becomes_a_dead_letter(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a day of attempts an event is given up, without its text; a requeue delivers it."""
    monkeypatch.setattr(retry, "GIVE_UP_S", 0.3)
    calm = threading.Event()
    hook = world.hook(answer=lambda request: Response(status=200 if calm.is_set() else 500))
    ids = world.publish(1)
    with world.delivering():
        until(lambda: letters(world.hooks, hook.id))
        (letter,) = letters(world.hooks, hook.id)
        assert (letter.id, letter.why) == (ids[0], "the receiver answered 500")
        assert letter.tries >= 2
        assert world.pending(hook) == 0
        assert world.hooks.state(hook.id).dead == 1
        calm.set()
        assert requeue(world.hooks, hook.id, None, int(time.time() * 1000)) == (1, 0)
        until(lambda: world.hooks.state(hook.id).delivered == 1)
    assert letters(world.hooks, hook.id) == []
    assert world.redis.hlen(world.keys.webhook_tries(hook.id)) == 0
    raw: Any = world.redis.dump(world.keys.webhook_dead(hook.id)) or b""
    assert b"First paragraph" not in raw


def test_a_hook_that_answers_nothing_holds_a_day_of_the_stream(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After that, events are given up untried when they are a day old, so that the stream can be trimmed."""
    monkeypatch.setattr(retry, "GIVE_UP_S", 0.5)
    monkeypatch.setattr(deliver, "GIVE_UP_S", 0.5)
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 30)
    monkeypatch.setattr(retry, "LONGEST_PAUSE_S", 30)
    hook = world.hook(answer=Response(status=500))
    world.publish(40)
    with world.delivering():
        until(lambda: len(letters(world.hooks, hook.id)) == 40)
        until(lambda: world.pending(hook) == 0)
    assert len(world.got()) == 1
    assert {one.why for one in letters(world.hooks, hook.id)} == {
        "the receiver answered 500", "not tried: the receiver answered 500"
    }  # fmt: skip


def test_what_a_hook_has_not_taken_is_not_trimmed(world: World) -> None:
    """Its group counts like any other; without it everything may go."""
    hook = world.hook()
    world.publish(5)
    assert trim(world.redis, world.keys, keep_days=-1) == 0
    with world.delivering():
        until(lambda: world.pending(hook) == 0)
    assert trim(world.redis, world.keys, keep_days=-1) == 5


def test_what_was_withdrawn_is_not_sent(world: World) -> None:
    """An event that left the stream while it waited is passed over."""
    hook = world.hook(answer=times(2, Response(status=503)))
    ids = world.publish(3)
    entries: Any = world.redis.xrange(world.keys.stream)
    with world.delivering():
        until(lambda: world.got())
        world.redis.xdel(world.keys.stream, entries[1][0])
        until(lambda: world.hooks.state(hook.id).delivered == 2)
    assert set(world.got()) == {ids[0], ids[2]}


# -- several processes -------------------------------------------------------------------------------------
@contextmanager
def process(url: str, keys: Keys, lease_s: float = 1) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.integration.webhook_process", url, keys.namespace, str(lease_s)]
    running = subprocess.Popen(command)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def test_a_killed_process_costs_no_event(world: World, redis_server: Any) -> None:
    """Killed with a request under way: another goes on after the lease, each event at least once."""
    hook = world.hook()
    ids = world.publish(60)
    killed = threading.Event()

    def kills(request: Request) -> Response:
        if len(world.got()) == 20 and not killed.is_set():
            one.send_signal(signal.SIGKILL)
            killed.set()
        return Response(status=204)

    world.server.route("/hook", kills)
    with process(redis_server.url, world.keys) as one:
        until(killed.is_set)
    assert world.pending(hook) > 0
    with process(redis_server.url, world.keys) as other:
        until(lambda: world.pending(hook) == 0)
        other.send_signal(signal.SIGTERM)
        assert other.wait(10) == 0
    assert world.redis.exists(world.keys.webhook_lease(hook.id)) == 0
    got = world.got()
    assert list(dict.fromkeys(got)) == ids
    assert len(got) <= len(ids) + 2, "only what was under way came twice"


def test_two_processes_deliver_once(world: World) -> None:
    """A hook is one process's at a time, so in order; when that ends in good order, the other goes on."""
    hook = world.hook(answer=Response(status=204, delay_s=0.01))
    first = World(world.redis, world.keys, world.server)
    ids = list[str]()

    def nearly_all() -> bool:
        return len(world.got()) >= len(ids) - 2

    with world.delivering():
        with first.delivering():
            for _ in range(30):  # so that both are given some, if both may take some
                ids.extend(world.publish(2))
                until(nearly_all)
        ids.extend(world.publish(5))
        until(lambda: world.pending(hook) == 0)
    assert world.got() == ids


def test_a_redis_that_restarts_empty_is_no_end(world: World) -> None:
    """The group is made again, and what comes is delivered."""
    hook = world.hook()
    world.publish(1)
    with world.delivering():
        until(lambda: world.pending(hook) == 0)
        world.redis.delete(world.keys.stream)
        (new,) = world.publish(1)
        until(lambda: new in world.got())


def test_a_redis_that_restarts_is_waited_for(keys: Keys, server: TestServer, tmp_path: Path) -> None:
    """Killed and started again with what it had: nothing is left out, little comes twice."""
    with EmbeddedRedis(tmp_path, tmp_path / "r.sock", options={"appendfsync": "always"}) as own:
        world = World(Redis.from_url(own.url, retry=Retry(NoBackoff(), 0)), keys, server)
        hook = world.hook(answer=Response(status=204, delay_s=0.01))
        ids = world.publish(60)
        with world.delivering(lease_s=1):
            until(lambda: len(world.got()) >= 20)
            own.stop()
            time.sleep(0.5)
            own.start()
            until(lambda: world.pending(hook) == 0)
        assert list(dict.fromkeys(world.got())) == ids
        assert len(world.got()) <= len(ids) + 2
        world.redis.close()


def test_a_rotated_secret_signs_beside_the_old_one(world: World) -> None:
    """For a day both do, so that the receiver can change over when it likes."""
    hook = world.hook()
    old, new = hook.secret, new_secret()
    changes: dict[str, str | int] = {
        "secret": new,
        "old_secret": old,
        "old_until": int(time.time() * 1000) + DAY_MS,
    }
    world.hooks.edit(hook.id, changes)
    world.publish(1)
    with world.delivering():
        until(lambda: world.got())
        request = world.server.requests[-1]
        for secret in (old, new):
            standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))
        world.hooks.edit(hook.id, {"old_until": 1})
        world.publish(1)
        until(lambda: len(world.got()) == 2)
    request = world.server.requests[-1]
    standardwebhooks.Webhook(new).verify(request.body, dict(request.headers))
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(old).verify(request.body, dict(request.headers))


def test_a_where_that_is_none_any_more_switches_the_hook_off(world: World) -> None:
    """As after a field was renamed: nothing is sent that was not asked for, and the reason is shown."""
    hook = world.hook(where="colour == 'red'")
    world.publish(1)
    with world.delivering():
        until(lambda: (world.hooks.get(hook.id) or hook).off)
    off = world.hooks.get(hook.id)
    assert off
    assert off.off.startswith("no field is called colour")
    assert world.got() == []


def test_a_removed_hook_leaves_nothing(world: World) -> None:
    """No key, no group; and its deliveries end."""
    hook = world.hook(answer=Response(status=500))
    world.publish(3)
    with world.delivering():
        until(lambda: world.hooks.state(hook.id).failures > 1)
        world.hooks.remove(hook)
        time.sleep(0.5)
    assert groups(world.redis, world.keys) == []
    world.hooks.open_group(hook.id)
    assert groups(world.redis, world.keys) == [], "nor is it made again by who had not heard of that"
    left: Any = world.redis.keys(f"{world.keys.namespace}:webhook*")
    assert [key for key in left if world.redis.ttl(key) < 0] == []
