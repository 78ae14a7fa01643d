"""The example consumers, run as they stand against a real Redis."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.event import encode, envelope
from jobs.extract.draft import Draft
from jobs.keys import Keys
from tests.acceptance.missing import tool
from tests.acceptance.system import wait_for
from tests.unit.test_article import built
from worker.embedded import EmbeddedRedis, bundled_servers

EXAMPLES = Path(__file__).parents[2] / "examples"
STREAM = Keys("palmyra").stream
GROUPS = {"consume.sh": "shell", "consume.py": "archive", "consume.mjs": "headlines"}
NASTY = 'He said "no" \\n $HOME `id` \u2028 日本'


@dataclass
class Consumer:
    """How an example is run, and what it has printed so far."""

    name: str
    command: list[str]
    folder: Path
    environment: dict[str, str]

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def printed(self) -> list[str]:
        """The lines printed since it was started."""
        return self.out.read_text().split("\n")[:-1]  # not at U+2028

    @contextmanager
    def running(self, **environment: str) -> Iterator[None]:
        """Run it, and kill it at the end, as a crash would."""
        with self.out.open("wb") as out:
            process = subprocess.Popen(
                self.command, cwd=self.folder, env=self.environment | environment,
                stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                yield
            finally:
                os.killpg(process.pid, 9)
                process.wait()

    def waits_for(self, redis: Redis, lines: int) -> None:
        """Until so many lines are printed and everything is acknowledged."""

        def done() -> bool:
            return len(self.printed()) >= lines and pending(redis, self.name) == 0

        wait_for(done, 10, self.out.read_text)


def pending(redis: Redis, example: str) -> int:
    """Events that an example's group was given and has not acknowledged."""
    if not redis.exists(STREAM):
        return 0
    groups: Any = redis.xinfo_groups(STREAM)
    return sum(group["pending"] for group in groups if group["name"] == GROUPS[example].encode())


def publish(redis: Redis, revision: int, headline: str) -> None:
    """Put an event on the stream as commit does."""
    article = built(Draft(headline=headline)).model_copy(update={"revision": revision})
    event = envelope(article, kind="published", namespace="palmyra", time_ms=1_700_000_000_000)
    redis.xadd(STREAM, {"id": event["id"], "type": event["type"], "event": encode(event)})


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """node-redis, installed as the example says."""
    folder = tmp_path_factory.mktemp("node")
    tool("node")
    command = [tool("npm"), "install", "--no-audit", "--no-fund", "--prefix", str(folder), "redis@6"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    if done.returncode and not os.environ.get("CI"):
        pytest.skip(f"npm could not install redis: {done.stderr[-500:]}")
    assert done.returncode == 0, done.stderr
    return folder / "node_modules"


@pytest.fixture
def redis_cli() -> Path:
    """redis-cli: on PATH, or beside the bundled server."""
    beside = [server.with_name("redis-cli") for server in bundled_servers()]
    return next((cli for cli in beside if cli.is_file()), None) or Path(tool("redis-cli"))


@pytest.fixture(params=GROUPS)
def consumer(
    request: pytest.FixtureRequest, tmp_path: Path, redis_server: EmbeddedRedis, redis: Redis
) -> Consumer:
    """An example in a folder of its own, where the embedded Redis's socket is as `palmyra up` leaves it."""
    redis.flushall()
    (tmp_path / ".palmyra").mkdir()
    (tmp_path / ".palmyra" / "redis.sock").symlink_to(redis_server.socket)
    shutil.copy(EXAMPLES / request.param, tmp_path)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    prepare: dict[str, Callable[[], list[str]]] = {
        "consume.sh": lambda: shell(request.getfixturevalue("redis_cli"), environment),
        "consume.py": lambda: [sys.executable],
        "consume.mjs": lambda: node(request.getfixturevalue("node_modules"), tmp_path),
    }
    command = [*prepare[request.param](), str(tmp_path / request.param)]
    return Consumer(request.param, command, tmp_path, environment)


def shell(redis_cli: Path, environment: dict[str, str]) -> list[str]:
    environment["PATH"] = f"{redis_cli.parent}:{environment['PATH']}"
    return ["sh"]


def node(modules: Path, folder: Path) -> list[str]:
    (folder / "node_modules").symlink_to(modules)
    return [tool("node")]


def test_prints_every_event_and_acknowledges_it(
    consumer: Consumer, redis: Redis, redis_server: EmbeddedRedis
) -> None:
    """What was there before and what comes while it runs, once each, although it is killed in between.

    An event that it was given but did not acknowledge comes again.
    """
    publish(redis, 1, "The first headline")
    publish(redis, 2, NASTY)
    with consumer.running(PALMYRA_REDIS_URL=redis_server.url):
        consumer.waits_for(redis, 2)
        publish(redis, 3, "The third headline")
        consumer.waits_for(redis, 3)
        first, second, third = consumer.printed()
    assert "The first headline" in first
    assert "日本" in second
    assert "`id`" in second
    assert "The third headline" in third

    publish(redis, 4, "The fourth headline")
    redis.xreadgroup(GROUPS[consumer.name], "me", {STREAM: ">"})  # read, then "crashed"
    publish(redis, 5, "The fifth headline")
    with consumer.running():
        consumer.waits_for(redis, 2)
        fourth, fifth = consumer.printed()
    assert "The fourth headline" in fourth
    assert "The fifth headline" in fifth


@pytest.mark.parametrize("consumer", ["consume.py"], indirect=True)
def test_python_example_keeps_an_event_once(consumer: Consumer, redis: Redis) -> None:
    """The same event under another entry id, as a relay may send it, is neither printed nor kept again."""
    for revision in (1, 1, 2):
        publish(redis, revision, f"Revision {revision}")
    with consumer.running():
        consumer.waits_for(redis, 2)
        assert consumer.printed() == ["Revision 1", "Revision 2"]


@pytest.mark.parametrize("consumer", ["consume.sh"], indirect=True)
def test_shell_example_takes_over_what_others_left(consumer: Consumer, redis: Redis) -> None:
    """Events that another of its group was given and never acknowledged become its own."""
    for revision in (1, 2):
        publish(redis, revision, f"Revision {revision}")
    redis.xgroup_create(STREAM, "shell", id="0")
    redis.xreadgroup("shell", "dead", {STREAM: ">"}, count=1)
    with consumer.running(IDLE_MS="1"):
        consumer.waits_for(redis, 2)
        first, second = consumer.printed()
    assert "Revision 1" in first
    assert "Revision 2" in second
