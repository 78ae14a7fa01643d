"""The users of deploy/users.acl, as deploy/users.sh writes them, on a real Redis old and new.

Each can do its work, over TLS as well, and is refused what is not its work.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from jobs.event import Event, encode, envelope
from jobs.extract.draft import Draft
from jobs.keys import Keys
from tests.paper import Paper
from tests.server import TestServer
from tests.stack import Stack, check_books
from tests.tls_front import TlsFront
from tests.unit.test_article import built
from worker.client import Overtaken, lag, subscribe
from worker.embedded import EmbeddedRedis, bundled_servers
from worker.stream import trim

DEPLOY = Path(__file__).parents[2] / "deploy"
PAGES = 3
NAMESPACE = "acl"
KEYS = Keys(NAMESPACE)
USERS = ("admin", "worker", "web", "reader", "relay", "replica", "sentinel")


def password(user: str) -> str:
    return f"{user}-{'x' * 12}"


def users_file(folder: Path, namespace: str = NAMESPACE) -> Path:
    """What an operator makes, with passwords of the test's own."""
    given = {f"{user.upper()}_PASSWORD": password(user) for user in USERS}
    done = users_sh(namespace, environment=given)
    assert done.stderr == "", "passwords that were given are told to nobody"
    path = folder / "users.acl"
    path.write_text(done.stdout)
    return path


def users_sh(
    *arguments: str, code: int = 0, environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    command = [str(DEPLOY / "users.sh"), *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


@dataclass(frozen=True)
class Guarded:
    """A Redis with these users."""

    server: EmbeddedRedis

    def url(self, user: str) -> str:
        return self.server.url.replace("://", f"://{user}:{password(user)}@")

    def redis(self, user: str) -> Redis:
        return Redis.from_url(self.url(user))


@pytest.fixture(scope="module", params=bundled_servers(), ids=lambda p: p.name)
def guarded(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    """A server with the file, in turn an old one and a current one."""
    home = Path(tempfile.mkdtemp(prefix="palmyra-test-"))
    options = {"aclfile": str(users_file(home)), "appendonly": "no"}
    with EmbeddedRedis(home, home / "redis.sock", binary=request.param, options=options) as server:
        yield Guarded(server)
    shutil.rmtree(home, ignore_errors=True)


def test_each_process_works_as_its_user_over_tls(guarded: Guarded, tmp_path: Path) -> None:
    """Poller, RQ workers, the pool's children and the palmyra command as worker, web as web.

    A link goes its whole way, every page of web answers, doctor finds nothing that it was not told.
    """
    guarded.redis("admin").acl_log_reset()
    with TlsFront(guarded.server.socket) as front, TestServer() as site:
        site.route("*", Paper(PAGES).answer)
        url = front.url(f"worker:{password('worker')}")
        with Stack(tmp_path, url, namespace=NAMESPACE, contact="bot@palmyra.test") as stack:
            for command in (("poll",), ("work", "fetch"), ("work", "article")):
                stack.start(*command)
            stack.start("web", url=front.url(f"web:{password('web')}"))
            added = stack.run("feeds", "add", site.url("/feed"))
            assert added.returncode == 0, added.stderr
            totals = stack.settled(PAGES, 60)
            check_books(totals, stack.json("tail", "--since", "start"), PAGES)
            doctor = stack.run("doctor")
            assert doctor.returncode == 0, doctor.stdout
            assert "append-only" in doctor.stdout
            for page in ("", "rq/", "rq/0/data/queues.json", "rq/0/data/workers.json", "metrics", "readyz"):
                assert fetched(stack, page) == 200, f"{page}\n{stack.said()}"
            assert all(stack.alive().values())
        assert front.connections >= 4
    log = guarded.redis("admin").acl_log()
    refused = {entry["object"] for entry in log if entry["reason"] != "auth"}
    assert refused <= {"client|setinfo", "client"}, "redis-py tells its version, and goes on when it may not"


def fetched(stack: Stack, page: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.web_port}/{page}", timeout=10) as answer:
        return int(answer.status)


def publish(redis: Redis, *ids: str) -> None:
    for one in ids:
        redis.xadd(KEYS.stream, {"id": one, "type": "t", "event": "{}"})


def test_a_consumer_reads_as_reader(guarded: Guarded) -> None:
    """With worker.client: makes its group, acknowledges, takes over, is told of gaps, as with all rights."""
    admin = guarded.redis("admin")
    admin.delete(KEYS.stream, KEYS.edge)
    article = built(Draft(headline="A", text="Text."))
    event = envelope(article, kind="published", namespace=NAMESPACE, time_ms=1_700_000_000_000)
    for _ in range(3):
        admin.xadd(KEYS.stream, {"id": event["id"], "type": event["type"], "event": encode(event)})
    with guarded.redis("reader") as reader:

        def read(consumer: str, **options: Any) -> Iterator[Event]:
            how: dict[str, Any] = {"since": "start", "follow": False} | options
            return subscribe(reader, group="g", consumer=consumer, namespace=NAMESPACE, **how)

        assert len(list(islice(read("dead"), 1))) == 1
        trim(admin, KEYS, keep_days=3650)
        time.sleep(0.02)
        assert len(list(read("me", take_over_s=0.01))) == 3
        found = lag(reader, "g", namespace=NAMESPACE)
        assert found is not None
        assert found.pending == 0
        admin.xadd(KEYS.stream, {"event": "{}"})
        publish(admin, "a", "b")
        trim(admin, KEYS, keep_days=3650)
        admin.xtrim(KEYS.stream, maxlen=1, approximate=False)
        with pytest.raises(Overtaken):
            list(read("me"))
        pubsub = reader.pubsub()
        pubsub.subscribe(KEYS.stream)
        pubsub.close()


STREAM = KEYS.stream
NOBODY = """FLUSHALL|FLUSHDB|CONFIG GET *|CONFIG SET dir /|SHUTDOWN|KEYS *|ACL LIST|MONITOR|REPLICAOF NO ONE
MODULE LIST|CLIENT LIST|SCRIPT FLUSH|SET other x|GET other|EVAL return(1) 0|SUBSCRIBE other|PUBLISH other x"""
NOT_EVENTS = f"SET {KEYS.totals} x|GET {KEYS.totals}|GET rq:workers|LPUSH rq:queue:{KEYS.queue('fetch')} x"
EVENTS = f"""XADD {STREAM} * a b|XTRIM {STREAM} MAXLEN 0|XDEL {STREAM} 1|XGROUP DESTROY {STREAM} g
PUBLISH {STREAM} x|PUBLISH rq:pubsub:w x"""
REFUSED = {
    "worker": [NOBODY],
    "web": [NOBODY, EVENTS, f"SUBSCRIBE rq:pubsub:w|XGROUP CREATE {STREAM} g 0"],
    "reader": [NOBODY, EVENTS, NOT_EVENTS, f"""INFO|SUBSCRIBE rq:pubsub:w|DEL {STREAM}|HSET {KEYS.edge} gone 9
XGROUP SETID {STREAM} g 0|XGROUP DELCONSUMER {STREAM} g me"""],
    "relay": [NOBODY, NOT_EVENTS, f"INFO|PUBLISH rq:pubsub:w x|DEL {STREAM}"],
    "replica": [NOBODY, EVENTS, NOT_EVENTS],
}  # fmt: skip


@pytest.mark.parametrize("user", REFUSED)
def test_each_user_is_refused_what_is_not_its_work(guarded: Guarded, user: str) -> None:
    """Nothing that empties, configures or spies on the server, no other keys; events only from workers."""
    commands = [command for some in REFUSED[user] for command in re.split(r"[|\n]", some)]
    with guarded.redis(user) as redis:
        for command in commands:
            with pytest.raises(NoPermissionError):
                print(user, command, redis.execute_command(*command.split(" ")))


def test_debug_is_for_nobody(guarded: Guarded) -> None:
    """It can crash the server; newer ones have it off for all."""
    for user in REFUSED:
        with guarded.redis(user) as redis, pytest.raises(ResponseError):
            redis.execute_command("DEBUG", "SLEEP", "0")


@pytest.mark.parametrize("url", ["unix://{}", "unix://nobody:x@{}", "unix://worker:guess@{}"])
def test_nobody_is_let_in_without_a_name_and_its_password(guarded: Guarded, url: str) -> None:
    """So nobody else can send workers the commands that RQ takes from a channel."""
    with Redis.from_url(url.format(guarded.server.socket)) as redis, pytest.raises(AuthenticationError):
        redis.publish("rq:pubsub:acl-fetch-1", '{"command": "shutdown"}')


def test_a_command_without_the_rights_says_so(guarded: Guarded, tmp_path: Path) -> None:
    """In a line; doctor looks at what it may."""
    stack = Stack(tmp_path, guarded.url("reader"), namespace=NAMESPACE)
    done = stack.run("ledger")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "may not do that" in done.stderr
    doctor = stack.run("doctor")
    assert doctor.returncode == 0
    assert doctor.stdout.count("could not look at") >= 3, doctor.stdout


def test_passwords_that_are_not_given_are_made(tmp_path: Path) -> None:
    """One for each user, told once on standard error, of which the file has the hash; each time others."""
    one, other = users_sh(environment={"WEB_PASSWORD": "mine"}), users_sh()
    told = dict(line.split() for line in one.stderr.splitlines())
    assert set(told) == set(USERS) - {"web"}
    assert all(len(secret) == 48 for secret in told.values())
    for user, secret in [*told.items(), ("web", "mine")]:
        assert secret not in one.stdout
        assert f"user {user} on #{hashlib.sha256(secret.encode()).hexdigest()} " in one.stdout
    assert not set(told.values()) & set(other.stderr.split())
    assert "PASSWORD" not in one.stdout


def test_a_namespace_is_checked_before_it_gets_into_the_rules() -> None:
    """It is part of patterns."""
    assert "~news_2:articles" in users_sh("news_2").stdout
    for bad in ("*", "a b", "", "A", "~x"):
        assert users_sh(bad, code=2).stdout == ""
