"""What the system's own processes write when feeds, sites and passwords are as bad as can be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.keys import Keys
from jobs.ledger import Ledger
from tests.server import Response, TestServer
from worker.config import load
from worker.embedded import bundled_servers
from worker.feeds.registry import Registry

NASTY = "\x1b[31mred \u202e \x9b2J"
PASSWORD = "correct-horse"  # nobody's


def environment(redis_url: str, keys: Keys) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("PALMYRA_", "REDIS_"))}
    return plain | {
        "PALMYRA_REDIS_URL": redis_url,
        "PALMYRA_NAMESPACE": keys.namespace,
        "PALMYRA_ALLOW_NETWORKS": "127.0.0.0/8",
        "PALMYRA_LOG_LEVEL": "debug",
        "PALMYRA_WEB_PASSWORD": PASSWORD,
    }


@pytest.mark.parametrize("redis_server", bundled_servers()[-1:], indirect=True, ids=lambda path: path.name)
def test_bad_feeds_leave_clean_lines(
    redis_server: Any, redis: Redis, keys: Keys, server: TestServer, tmp_path: Path
) -> None:
    """Tokens in URLs and headers, control characters in titles, links, bodies: none shows, at debug either.

    Those are the lines of the poller, of what it uses, and those of RQ and the HTTP client.
    """
    item = (
        f"<item><title>{NASTY[5:]}\x85</title><link>http://127.0.0.1/a?token=s3cret-1&#x202e;</link></item>"
    )
    feed = f'<rss version="2.0"><channel><title>N</title>{item}</channel></rss>'.encode()
    server.route("/good", Response(body=feed, headers={"X-Auth-Token": "s3cret-2"}, content_type="text/xml"))
    server.route("/bad", Response(status=500, body=NASTY.encode(), headers={"Set-Cookie": "sid=s3cret-3"}))
    registry = Registry(redis, keys)
    for name in ("good", "bad"):
        registry.add(server.url(f"/{name}?token=s3cret-4"))
    ids = {one.id for one in registry.all()}
    with subprocess.Popen(
        [sys.executable, "-m", "worker.cli", "poll"],
        cwd=tmp_path, env=environment(redis_server.url, keys), stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            polled = [feed for feed in registry.all() if feed.history]
            if len(polled) == len(ids) and Ledger(redis, keys).totals()["discovered"]:
                break
            time.sleep(0.1)
        process.terminate()
        raw = process.communicate(timeout=20)[1]
    said = [json.loads(line) for line in raw.splitlines()]
    events = {line["event"] for line in said}
    assert {"poll_found", "poll_failed"} <= events
    assert {line["feed"] for line in said if line["event"].startswith("poll_")} == ids
    assert not re.search(rb"s3cret|correct-horse", raw)
    assert not re.search(
        rb"[\x00-\x09\x0b-\x1f\x7f-\x9f]|\\u202e|\\u009b|\xe2\x80\xae", raw.replace(rb"\\u", b"")
    )


def test_a_password_for_redis_is_never_told(keys: Keys, tmp_path: Path) -> None:
    """The command that can't use its URL says which option is wrong, without the password in it."""
    url = f"redis://me:{PASSWORD}@127.0.0.1:1/x?nope=1"
    done = subprocess.run(
        [sys.executable, "-m", "worker.cli", "poll"],
        cwd=tmp_path, env=environment(url, keys), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr
    assert PASSWORD not in done.stdout + done.stderr


def test_settings_know_what_is_secret(tmp_path: Path) -> None:
    """Passwords, and those in URLs, also as they are meant; an address is none."""
    url = "redis://me:p%40ss-word@db.test:6379/0"
    environ = {"PALMYRA_REDIS_URL": url, "PALMYRA_WEB_PASSWORD": "open sesame"}
    loaded = load(environ, dotenv=tmp_path / "none")
    assert set(loaded.settings.secrets()) == {"open sesame", "p%40ss-word", "p@ss-word"}
    plain = load({"PALMYRA_REDIS_URL": "redis://db.test/0"}, dotenv=tmp_path / "none")
    assert plain.settings.secrets() == []
