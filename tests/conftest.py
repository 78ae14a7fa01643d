"""Real parts for the tests: a Redis server of their own, started once a run. Without one, tests fail."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from jobs.keys import Keys
from worker.embedded import EmbeddedRedis, bundled_servers

_numbers = itertools.count(1)


@pytest.fixture(scope="session", params=bundled_servers(), ids=lambda p: p.name)
def redis_server(request: pytest.FixtureRequest) -> Iterator[EmbeddedRedis]:
    """A running server: the old one that palmyra bundles and a current one, in turn."""
    home = Path(tempfile.mkdtemp(prefix="palmyra-test-"))
    server = EmbeddedRedis(home, home / "redis.sock", binary=request.param, options={"appendonly": "no"})
    with server:
        yield server
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def redis(redis_server: EmbeddedRedis) -> Iterator[Redis]:
    """An empty Redis (bytes, not text, as RQ wants it)."""
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def keys() -> Keys:
    """The keys of a namespace of the test's own."""
    return Keys(f"t{next(_numbers)}")
