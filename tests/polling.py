"""A poller for tests: real ledger, registry, client, parser and server."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import structlog
from redis import Redis

from jobs.client import Client
from jobs.keys import Keys
from jobs.ledger import Ledger
from tests.calls import LOOPBACK
from tests.server import Request, Response, TestServer
from worker.embedded import EmbeddedRedis, bundled_servers
from worker.feeds.backfill import ALL
from worker.feeds.parser import Parser
from worker.feeds.poller import Poller
from worker.feeds.registry import Feed, Registry
from worker.feeds.schedule import Bounds

BOUNDS = Bounds(60, 86_400)
XML = "application/rss+xml"


@contextmanager
def one_server() -> Iterator[EmbeddedRedis]:
    """A Redis for tests to which it makes no difference which one it is."""
    home = Path(tempfile.mkdtemp(prefix="palmyra-test-"))
    options = {"appendonly": "no"}
    with EmbeddedRedis(home, home / "redis.sock", binary=bundled_servers()[0], options=options) as server:
        yield server
    shutil.rmtree(home, ignore_errors=True)


def rss(*numbers: int, extra: str = "", host: str = "news.test") -> bytes:
    items = "".join(f"<item><title>Story {n}</title><link>https://{host}/{n}</link></item>" for n in numbers)
    return f'<rss version="2.0"><channel><title>News</title>{extra}{items}</channel></rss>'.encode()


def feed_of(*numbers: int, extra: str = "", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body=rss(*numbers, extra=extra), headers=named, content_type=XML)


class World:
    """A poller on a real ledger, registry and server."""

    def __init__(self, redis: Redis, keys: Keys, server: TestServer, parser: Parser | None) -> None:
        self.redis, self.keys, self.server, self.parser = redis, keys, server, parser
        self.ledger = Ledger(redis, keys)
        self.registry = Registry(redis, keys)
        self.host_delay_s = 0.0
        self.client: dict[str, Any] = {}
        """Options of the pollers' clients."""
        self.backfill = ALL
        self.logged: list[Any] = []

    def add(self, path: str = "/feed", answer: Response | Callable[[Request], Response] | None = None) -> str:
        """Register a feed of the server's; returns its URL."""
        url = self.server.url(path) if path.startswith("/") else path
        if answer is not None:
            self.server.route(path, answer)
        self.registry.add(url)
        return url

    def feed(self, url: str) -> Feed:
        feed = self.registry.get(url)
        assert feed is not None
        return feed

    @asynccontextmanager
    async def _poller(self) -> AsyncIterator[Poller]:
        async with Client(LOOPBACK, **self.client) as client:
            if self.parser is not None:
                yield self._made(client, self.parser)
            else:
                async with Parser() as own:
                    yield self._made(client, own)

    def _made(self, client: Client, parser: Parser) -> Poller:
        return Poller(
            self.ledger,
            self.registry,
            client,
            parser,
            bounds=BOUNDS,
            host_delay_s=self.host_delay_s,
            backfill=self.backfill,
        )

    def run(self, done: Callable[[], bool], pollers: int = 1) -> None:
        """Run pollers until `done`; then stop them as their processes would."""

        async def main() -> None:
            stop = asyncio.Event()
            async with AsyncExitStack() as stack:
                made = [await stack.enter_async_context(self._poller()) for _ in range(pollers)]
                running = asyncio.gather(*(poller.run(stop) for poller in made))
                await wait_until(lambda: done() or running.done())
                stop.set()
                await running

        with structlog.testing.capture_logs() as logged:
            asyncio.run(main())
        self.logged += logged

    def poll(self, *urls: str) -> None:
        """Let these feeds be due now, and run a poller until all of them were polled."""
        polled = {url: self.feed(url) for url in urls}
        for feed in polled.values():
            self.redis.zadd(self.keys.feeds, {feed.id: 0})
            self.redis.hdel(self.keys.feed(feed.id), "next")
        self.run(lambda: all(self.feed(url).next for url in urls))
        assert not self.raised(), self.logged

    def raised(self) -> list[Any]:
        return [line for line in self.logged if line["event"] == "poll_raised"]

    def links(self) -> set[str]:
        """The URLs of all links in the ledger."""
        found: Any = self.redis.keys(self.keys.link("*"))
        urls: list[Any] = [self.redis.hget(key, "url") for key in found]
        return {url.decode() for url in urls}

    def wait_s(self, url: str) -> float:
        return self.feed(url).next / 1000 - time.time()


async def wait_until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not done():  # noqa: ASYNC110 - it looks into Redis, which tells nobody
            await asyncio.sleep(0.01)


def story(*numbers: int) -> set[str]:
    """The URLs of these stories."""
    return {f"https://news.test/{n}" for n in numbers}
