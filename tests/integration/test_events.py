"""Server-sent events for consumers: whole events, a where, resuming without a gap or a repeat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from redis import Redis

from jobs.keys import Keys
from tests.polling import one_server
from tests.site import Sent, Web, absent_redis, add, made, serving
from worker.embedded import EmbeddedRedis
from worker.web import events
from worker.web import live as live_module

GERMAN = quote('language == "de"')


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """The old server: what it can, the current one can too."""
    with one_server() as server:
        yield server


@pytest.fixture
def web(redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setattr(live_module, "BLOCK_MS", 50)  # else each test ends by waiting a second for the reader
    with serving(redis, keys) as running:
        yield running


def test_whole_events_are_those_of_the_stream(web: Web, redis: Redis, keys: Keys) -> None:
    """`?whole=1`: the CloudEvents object itself, missed or live; and no numbers of our page."""
    first = add(redis, keys, made(headline="Line\nend and ü \x85"))
    with web.stream("/events?whole=1&since=0-0") as client:
        sent = [next(iter(client))]
        second = add(redis, keys, made(headline="Second", revision=2))
        sent.append(next(iter(client)))
    assert [(one.event, one.id) for one in sent] == [("article", first), ("article", second)]
    assert sent[0].data == made(headline="Line\nend and ü \x85")
    assert sent[1].data["id"] == f"{'a' * 16}:2"


def test_only_what_is_asked_for_is_sent(web: Web, redis: Redis, keys: Keys) -> None:
    """`?where=`, over what was missed and what is new; withdrawals always come."""
    for language in ("de", "fr"):
        add(redis, keys, made(headline=f"old {language}", language=language))
    with web.stream(f"/events?where={GERMAN}&since=0-0") as client, web.stream() as everything:
        everything.ready()
        assert [one.data["headline"] for one in client.articles(1)] == ["old de"]
        for language in ("fr", "de"):
            add(redis, keys, made(headline=f"new {language}", language=language))
        add(redis, keys, made(kind="withdrawn", language=None, headline=None, revision=2))
        assert [one.data["kind"] for one in client.articles(2)] == ["published", "withdrawn"]
        assert [one.data["kind"] for one in everything.articles(3)] == ["published"] * 2 + ["withdrawn"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("langauge == 'de'", "where: no field is called langauge (did you mean language?), at character 1"),
        ("__import__('os')", "where: nothing can be called"),
        ("", "where: the expression is empty"),
        ("'\x1b[2J' + '<script>'", "where: nothing can be computed"),
    ],
)
def test_a_bad_where_is_a_400_that_says_why(web: Web, where: str, said: str) -> None:
    """In plain text, before anything is streamed, and it takes no place."""
    answer = web.get(f"/events?where={quote(where)}")
    assert (answer.status, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert answer.text.startswith(said)
    assert "\x1b" not in answer.text
    assert web.live.clients == 0


def test_who_was_overtaken_is_told(web: Web, redis: Redis, keys: Keys) -> None:
    """Events after its last one were trimmed: it hears between which ids, once, and gets what is there."""
    ids = [add(redis, keys, made(headline=f"Story {n}")) for n in range(5)]
    redis.hset(keys.edge, mapping={"first": ids[0]})
    redis.xtrim(keys.stream, minid=ids[3], approximate=False)
    for last, gone in ((ids[0], True), (ids[3], False), ("0-0", False)):
        with web.stream("/events?whole=1", headers={"Last-Event-ID": last}) as client:
            sent = next(iter(client))
            assert (sent.event == "overtaken") == gone, last
            if gone:
                assert sent.data["after"] == ids[0]
                assert order(ids[2]) <= order(sent.id) < order(ids[3])
                assert [one.id for one in client.articles(2)] == ids[3:]
                told = sent.id
    with web.stream("/events?whole=1", headers={"Last-Event-ID": told}) as client:
        assert next(iter(client)).id == ids[3], "not told again"


def order(entry: str) -> tuple[int, ...]:
    return tuple(int(part) for part in entry.split("-"))


def test_a_client_that_wants_little_hears_that_we_live(
    web: Web, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comments come although only unwanted events do, and carry how far it is: none is looked at again."""
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.2)
    with web.stream(f"/events?whole=1&where={GERMAN}") as client:
        stop = threading.Event()
        noise = threading.Thread(target=lambda: _publish_until(stop, redis, keys))
        noise.start()
        try:
            lines: list[str] = []
            while not lines or not lines[-1].startswith("id: "):
                lines.append(client.response.readline().decode())
            lines.append(client.response.readline().decode())
        finally:
            stop.set()
            noise.join()
    assert lines[-1] == ": still here\n"
    assert not [line for line in lines if line.startswith("data")]


def _publish_until(stop: threading.Event, redis: Redis, keys: Keys) -> None:
    while not stop.wait(0.02):
        add(redis, keys, made(language="fr"))


@contextmanager
def process(url: str, keys: Keys, folder: Path) -> Iterator[Web]:
    """A web process, killed in the end as a crash would."""
    env = os.environ | {
        "PALMYRA_REDIS_URL": url,
        "PALMYRA_NAMESPACE": keys.namespace,
        "PALMYRA_WEB_PORT": "0",
    }
    command = [sys.executable, "-c", "from worker.cli import main; main()", "web"]
    running = subprocess.Popen(command, env=env, cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        assert running.stderr is not None
        said = (json.loads(line) for line in running.stderr)
        address = next(line["url"] for line in said if line["event"] == "web_listens")
        yield Web(address, live_module.Live(absent_redis(), "", dict))
    finally:
        running.kill()
        running.communicate()


def test_a_restart_of_the_web_process_costs_nothing(
    redis_server: Any, redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    """A client that comes back with its last id to another process gets each event once, in order, while
    events come all along, and for what it missed more than a page would be sent again."""
    before = [add(redis, keys, made()) for _ in range(3)]
    stop = threading.Event()
    noise = threading.Thread(target=lambda: _publish_until(stop, redis, keys))
    got: list[Sent] = []
    try:
        with process(redis_server.url, keys, tmp_path) as web:
            noise.start()
            with web.stream("/events?whole=1&since=0-0") as client:
                got += client.articles(20)
        with redis.pipeline() as pipe:
            for _ in range(events.MOST_MISSED + 100):
                pipe.xadd(keys.stream, {"event": json.dumps(made())})
            missed = [one.decode() for one in pipe.execute()]
        with process(redis_server.url, keys, tmp_path) as web:
            headers = {"Last-Event-ID": got[-1].id}
            with web.stream("/events?whole=1", headers) as client:
                deadline = time.monotonic() + 30
                while order(got[-1].id) < order(missed[-1]) and time.monotonic() < deadline:
                    got += client.articles(1)
                got += client.articles(10)
    finally:
        stop.set()
        if noise.ident:
            noise.join()
    every: Any = redis.xrange(keys.stream)
    ids = [entry.decode() for entry, _ in every]
    assert ids[:3] == before
    assert [sent.id for sent in got] == ids[: len(got)]
    assert {sent.event for sent in got} == {"article"}
