"""The example consumers over HTTP, and the one that uses `worker.client`: run as they stand."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from jobs.client import Client
from jobs.event import encode, envelope
from jobs.extract.draft import Draft
from jobs.keys import Keys
from tests.acceptance.missing import tool
from tests.acceptance.system import free_port, wait_for
from tests.calls import LOOPBACK
from tests.polling import one_server
from tests.site import serving
from tests.unit.test_article import built
from worker.embedded import EmbeddedRedis
from worker.stream import groups
from worker.webhooks.hook import Hook
from worker.webhooks.send import Sent, send
from worker.webhooks.signature import key_of, new_secret, signed

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
KEYS = Keys("palmyra")


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    with one_server() as server:
        yield server


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[Path]:
    """An example; yields the file of what it prints."""
    out = folder / "out"
    environment |= {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    with out.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            yield out
        finally:
            process.kill()
            process.wait()


def prints(out: Path, *lines: str) -> None:
    """Until it has printed just these."""

    def done() -> bool:
        return len(out.read_text().splitlines()) >= len(lines)

    wait_for(done, 20, out.read_text)
    assert out.read_text().splitlines() == list(lines)


def event(headline: str, revision: int = 1, language: str = "en") -> str:
    draft = Draft(headline=headline, language=language, text="Text.")
    article = built(draft).model_copy(update={"revision": revision})
    return encode(envelope(article, kind="published", namespace="palmyra", time_ms=1_700_000_000_000))


def publish(redis: Redis, headline: str, language: str = "en") -> None:
    redis.xadd(KEYS.stream, {"id": "x", "type": "x", "event": event(headline, language=language)})


def test_the_client_example_prints_what_is_asked_for(
    redis: Redis, redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    """`worker.client` with an expression: what does not match is acknowledged unseen."""
    for language in ("en", "fr"):
        publish(redis, f"In {language}", language=language)
    command = [sys.executable, str(EXAMPLES / "subscribe.py")]
    where = {"WHERE": 'language == "fr"', "PALMYRA_REDIS_URL": redis_server.url}
    with running(command, tmp_path, **where) as out:
        prints(out, "In fr (0 s behind)")
        publish(redis, "Encore", language="fr")
        prints(out, "In fr (0 s behind)", "Encore (0 s behind)")
        wait_for(lambda: not any(one.pending for one in groups(redis, KEYS)), 10, out.read_text)


def test_the_node_example_goes_on_where_it_was(redis: Redis, tmp_path: Path) -> None:
    """Server-sent events in Node: filtered; cut off, it comes back and prints each once."""
    script = [tool("node"), str(EXAMPLES / "events.mjs")]
    publish(redis, "Un", language="fr")
    with serving(redis, KEYS) as web:
        here = {"PALMYRA_WEB_URL": web.url, "SINCE": "0-0"}
        with running(script, tmp_path, WHERE='language == "fr"', **here) as out:
            prints(out, "Un")
            publish(redis, "Two")
            publish(redis, "Trois", language="fr")
            prints(out, "Un", "Trois")
            for client in list(web.live._clients):
                client.end()  # as when the connection breaks
            publish(redis, "Quatre", language="fr")
            prints(out, "Un", "Trois", "Quatre")
        done = subprocess.run(
            script, env={**os.environ, **here, "WHERE": "x == 1"}, capture_output=True, text=True, timeout=30
        )
    assert done.returncode == 1
    assert "400 where: no field is called x" in done.stderr


def test_the_webhook_example_takes_what_is_genuine(tmp_path: Path) -> None:
    """It prints each event once, and refuses what somebody else signed, changed or recorded."""
    port, secret = free_port(), new_secret()
    url = f"http://127.0.0.1:{port}/"
    hook = Hook("abcdefgh", url, secret)
    command = [sys.executable, str(EXAMPLES / "webhook.py"), str(port)]

    async def post(by: Hook, body: bytes) -> Sent:
        async with Client(LOOPBACK) as client:
            return await send(client, by, json.loads(body)["id"], body)

    def replay(age_s: int, body: bytes, signed_body: bytes) -> int:
        headers = signed([key_of(secret)], "x:1", int(time.time()) - age_s, signed_body)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    first, second = event("First ü").encode(), event("Second", 2).encode()
    with running(command, tmp_path, WEBHOOK_SECRET=secret) as out:
        wait_for(lambda: not asyncio.run(post(hook, first)).error, 20, out.read_text)
        assert asyncio.run(post(hook, first)).status == 204
        stranger = Hook("abcdefgh", url, new_secret())
        assert asyncio.run(post(stranger, second)).status == 401
        rotated = Hook("abcdefgh", url, new_secret(), old_secret=secret, old_until=2**50)
        assert asyncio.run(post(rotated, second)).status == 204
        assert replay(0, first, second) == 401
        assert replay(3600, first, first) == 401
        assert replay(0, first, first) == 204
        prints(out, "First ü", "Second")
