"""The demo server on loopback, with a clock that tests set, and a client that shows the whole answer."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from worker.demo.newsroom import Newsroom
from worker.demo.server import DemoServer

OPENED_S = 1_721_725_200.25  # Tuesday, July 23, 2024, 12:00:00 at the newsroom
INTERVAL_S = 4.0


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now_s = OPENED_S

    def __call__(self) -> float:
        return self.now_s

    def publish(self, articles: int) -> None:
        """Let so many intervals pass."""
        self.now_s += articles * INTERVAL_S


@dataclass(frozen=True)
class Got:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


Get = Callable[..., Got]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def newsroom(clock: Clock) -> Newsroom:
    return Newsroom(interval_s=INTERVAL_S, clock=clock)


@pytest.fixture
def demo(newsroom: Newsroom) -> Iterator[DemoServer]:
    with DemoServer(newsroom) as server:
        yield server


@pytest.fixture
def get() -> Iterator[Get]:
    """One kept-alive connection for each host: ``get(url, headers={}, method="GET")``."""
    connections: dict[str, http.client.HTTPConnection] = {}

    def _get(url: str, headers: dict[str, str] | None = None, method: str = "GET") -> Got:
        parts = urlsplit(url)
        connection = connections.setdefault(
            parts.netloc, http.client.HTTPConnection(parts.netloc, timeout=10)
        )
        connection.request(method, parts.path, headers=headers or {})
        answer = connection.getresponse()
        return Got(answer.status, answer.headers, answer.read())

    yield _get
    for connection in connections.values():
        connection.close()
