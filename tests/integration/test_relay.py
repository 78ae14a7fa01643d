"""The relay: another Redis gets each event once, under its id, over crashes of everything that takes part."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, RedisError
from structlog.testing import capture_logs

from jobs.keys import Keys
from tests.acceptance.system import wait_for
from tests.acceptance.test_redis_users import password as password_of
from tests.acceptance.test_redis_users import users_file
from tests.stack import Stack
from worker.embedded import EmbeddedRedis, bundled_servers
from worker.relay import NotACopy, Relay
from worker.stream import groups, trim

KEYS = Keys("relays")


@dataclass(frozen=True)
class Two:
    """Two servers, of the two kinds there are."""

    here: EmbeddedRedis
    there: EmbeddedRedis

    @property
    def source(self) -> Redis:
        return Redis.from_url(self.here.url)

    @property
    def target(self) -> Redis:
        return Redis.from_url(self.there.url)

    def relay(self, **options: Any) -> Relay:
        return Relay(self.source, self.target, KEYS, **({"keep_days": 3650.0} | options))


@pytest.fixture(scope="module")
def servers() -> Iterator[Two]:
    """Durable to the last command, so that a kill loses nothing; from the old one to the current one."""
    options = {"appendonly": "yes", "appendfsync": "always"}
    with ExitStack() as stack:
        homes = [
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="palmyra-test-"))) for _ in range(2)
        ]
        started = [
            stack.enter_context(EmbeddedRedis(home, home / "s", binary=binary, options=options))
            for home, binary in zip(homes, bundled_servers(), strict=True)
        ]
        yield Two(*started)


@pytest.fixture
def two(servers: Two) -> Two:
    """Both empty."""
    servers.source.flushall()
    servers.target.flushall()
    return servers


def publish(redis: Redis, *ids: str, kind: str = "published", entry: str = "*") -> None:
    for one in ids:
        fields: Any = {"id": one, "type": f"news.article.{kind}.v1", "event": f'{{"id": "{one}"}}'}
        redis.xadd(KEYS.stream, fields, id=entry)


def entries(redis: Redis) -> list[Any]:
    found: Any = redis.xrange(KEYS.stream)
    return list(found)


def ids(redis: Redis) -> list[str]:
    return [fields[b"id"].decode() for _, fields in entries(redis)]


def test_the_copy_is_the_same_stream(two: Two) -> None:
    """Same entries with the same ids in the same order; what is new follows."""
    publish(two.source, "a:1", "b:1")
    relay = two.relay()
    assert [relay.step(), relay.step()] == [2, 0]
    publish(two.source, "c:1")
    assert relay.step() == 1
    assert entries(two.target) == entries(two.source)


def test_a_repeat_is_refused(two: Two) -> None:
    """Whoever repeats: a relay that was killed before it noted its place, or a second one.

    The channel hears each event once, too.
    """
    publish(two.source, "a:1", "b:1")
    target: Any = two.target  # redis-py leaves pubsub untyped
    listening = target.pubsub(ignore_subscribe_messages=True)
    listening.subscribe(KEYS.stream)
    listening.get_message(timeout=5)
    late, early = two.relay(), two.relay()
    assert late.step() == 2
    publish(two.source, "c:1")
    late._place = "0-0"  # it believes that it had copied nothing
    assert early.step() == 1
    assert late.step() == 0
    publish(two.source, "d:1")
    assert [late.step(), early.step()] == [1, 0]
    assert entries(two.target) == entries(two.source)
    heard = [listening.get_message(timeout=1) for _ in range(5)]
    assert [one["data"] for one in heard if one] == [f'{{"id": "{n}:1"}}'.encode() for n in "abcd"]
    listening.close()


def test_it_goes_on_after_what_the_target_has(two: Two) -> None:
    """Not after what it remembers: nothing is kept here, and a target that lost its data gets it again."""
    publish(two.source, "a:1", "b:1", "c:1")
    two.relay().step()
    two.target.xtrim(KEYS.stream, maxlen=1, approximate=False)
    publish(two.source, "d:1")
    assert two.relay().step() == 1
    assert ids(two.target) == ["c:1", "d:1"]
    two.target.flushall()
    assert two.relay().step() == 4


def test_what_is_not_copied_is_not_trimmed(two: Two) -> None:
    """The relay is a consumer group like others: it holds the stream, and shows how far it is."""
    publish(two.source, "a:1", entry="1000-1")
    publish(two.source, "b:1", entry="1000-2")
    relay = two.relay()
    relay.step()
    publish(two.source, "c:1", entry="2000-1")
    assert trim(two.source, KEYS, keep_days=1) == 2
    assert ids(two.source) == ["c:1"]
    (group,) = groups(two.source, KEYS)
    assert (group.name, group.events, group.overtaken) == ("relay", 1, False)
    relay.step()
    assert groups(two.source, KEYS)[0].oldest_ms is None


def test_the_target_is_trimmed_by_the_same_rule(two: Two) -> None:
    """By age, and nothing that a group there has yet to read."""
    publish(two.source, "a:1", entry="1000-1")
    publish(two.source, "b:1")
    two.relay().step()
    two.target.xgroup_create(KEYS.stream, "slow", id="0")
    two.relay(keep_days=1.0).step()
    assert ids(two.target) == ["a:1", "b:1"]
    two.target.xgroup_setid(KEYS.stream, "slow", "$")
    two.relay(keep_days=1.0).step()
    assert ids(two.target) == ["b:1"]
    two.relay().step()
    assert ids(two.target) == ["b:1"], "what was trimmed there does not come back"


def test_a_withdrawal_purges_the_copy(two: Two) -> None:
    """All revisions before it, of that article alone; also when the relay died in between."""
    publish(two.source, "a:1", "b:1", "a:2")
    relay = two.relay()
    relay.step()
    publish(two.source, "a:3", kind="withdrawn")
    publish(two.source, "ab:1")
    fields: Any = entries(two.source)[-2]
    two.target.xadd(KEYS.stream, fields[1], id=fields[0])  # copied, and killed before the purge
    relay.step()
    assert ids(two.target) == ["b:1", "a:3", "ab:1"]


def test_another_stream_is_no_target(two: Two) -> None:
    """Where somebody else publishes, all of ours would be refused as old: it says so instead."""
    publish(two.source, "a:1", entry="1000-1")
    publish(two.target, "z:1")
    with pytest.raises(NotACopy, match="is no copy"):
        two.relay().step()


def test_what_was_trimmed_before_it_was_copied_is_told(two: Two) -> None:
    """By hand, that is: palmyra itself waits. The rest is copied."""
    publish(two.source, "a:1")
    two.relay().step()
    publish(two.source, "b:1", "c:1", "d:1")
    trim(two.source, KEYS, keep_days=3650)
    two.source.xtrim(KEYS.stream, maxlen=1, approximate=False)
    with capture_logs() as told:
        assert two.relay().step() == 1
    assert [one["event"] for one in told] == ["relay_overtaken", "relay_goes_on"]
    assert ids(two.target) == ["a:1", "d:1"]


@pytest.mark.timeout(120)
def test_nothing_is_lost_or_doubled_over_kills(two: Two, tmp_path: Path) -> None:
    """SIGKILL to relay, source and target in turn while events come: the streams end up the same."""
    with Stack(tmp_path, two.here.url, namespace=KEYS.namespace, relay_url=two.there.url) as stack:
        stack.start("relay")
        number = 0
        for victim in ("relay", "there", "relay", "here", "there", "here"):
            wanted = number + 15
            while number < wanted:
                publish(two.source, f"{number}:1")
                number += 1
            wait_for(lambda: progress(two) > 0, 20, stack.said)
            if victim == "relay":
                stack.kill("relay")
                stack.start("relay")
            else:
                server: EmbeddedRedis = getattr(two, victim)
                assert server.process is not None
                server.process.kill()
                server.process.wait()
                server.start()
        wait_for(lambda: progress(two) == number, 40, stack.said)
        assert entries(two.target) == entries(two.source)
        assert ids(two.target) == [f"{n}:1" for n in range(number)]
        process = stack.processes["relay"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0, stack.said()


def progress(two: Two) -> int:
    try:
        return int(two.target.xlen(KEYS.stream))
    except RedisError:
        return 0


def test_its_user_may_do_just_this(two: Two, tmp_path: Path) -> None:
    """The `relay` of deploy/users.acl, at both ends."""
    for line in users_file(tmp_path, KEYS.namespace).read_text().splitlines():
        _, user, *rules = line.split()
        if user == "relay":
            for one in (two.source, two.target):
                redis: Any = one  # redis-py leaves this untyped
                redis.execute_command("ACL", "SETUSER", user, "reset", *rules)
    urls = [one.url.replace("://", f"://relay:{password_of('relay')}@") for one in (two.here, two.there)]
    source, target = (Redis.from_url(url) for url in urls)
    publish(two.source, "a:1", entry="1000-1")
    publish(two.source, "b:1", entry="1000-2")
    publish(two.source, "a:2", kind="withdrawn")
    relay = Relay(source, target, KEYS, keep_days=1, keep_bytes=1_000_000)
    assert relay.step() == 3
    relay._trimmed_at = time.monotonic() - 100
    relay.step()
    assert ids(two.target) == ["a:2"]
    with pytest.raises(NoPermissionError):
        source.get(KEYS.totals)


def test_the_command_says_what_it_needs(two: Two, tmp_path: Path) -> None:
    """A target, and one that is another Redis."""
    stack = Stack(tmp_path, two.here.url, namespace=KEYS.namespace)
    for options, said in (
        ((), "say where to"),
        (("--to", "ftp://x"), "not a usable"),
        (("--to", two.here.url), "come from"),
    ):
        done = stack.run("relay", *options)
        assert done.returncode == 2
        assert said in done.stderr.replace("\n", " ")
