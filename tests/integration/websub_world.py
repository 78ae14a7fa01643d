"""A feed on a real server and a poller whose feeds' hubs can reach it: the set of the WebSub tests."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from jobs.client import Client
from jobs.keys import Keys
from jobs.ledger import Ledger
from tests.calls import LOOPBACK, Names
from tests.server import Response, TestServer
from tests.site import Web
from worker.feeds.parser import Parser
from worker.feeds.poller import Poller
from worker.feeds.registry import Feed, Registry, feed_id
from worker.feeds.schedule import Bounds
from worker.feeds.subscriber import Subscriber
from worker.feeds.subscriptions import Subscriptions
from worker.feeds.websub import State, Subscription

TLS = Path(__file__).parent.parent / "data" / "tls.pem"
HUB_HOST = "news.test"  # the name in the certificate


def until(done: Callable[[], Any], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


class World:
    """A feed on a real server, a ledger and registry, and a poller that hubs can reach."""

    def __init__(self, redis: Redis, keys: Keys, server: TestServer, web: Web, parser: Parser) -> None:
        self.redis, self.keys, self.server, self.web, self.parser = redis, keys, server, web, parser
        self.ledger = Ledger(redis, keys)
        self.registry = Registry(redis, keys)
        self.subscriptions = Subscriptions(redis, keys)
        self.bounds = Bounds(1, 86_400)
        self.url = server.url("/feed")
        self.id = feed_id(self.url)

    def lists(self, *numbers: int, hub: str | None, others: Iterable[str] = ()) -> None:
        """Let the feed list these stories, and name this hub (and others after it)."""
        hubs = [*([hub] if hub else []), *others]
        named = "".join(f'<atom:link rel="hub" href="{one}"/>' for one in hubs)
        items = "".join(
            f"<item><title>Story {n}</title><link>https://news.test/{n}</link></item>" for n in numbers
        )
        self.server.route(
            "/feed",
            Response(
                body=f'<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>News</title>'
                f'<atom:link rel="self" href="{self.url}"/>{named}{items}</channel></rss>'.encode(),
                content_type="application/rss+xml",
            ),
        )

    @contextmanager
    def polling(self) -> Iterator[None]:
        """A poller runs."""
        ready, failed = threading.Event(), []

        async def main() -> None:
            self.loop, self.stop = asyncio.get_running_loop(), asyncio.Event()
            names = Names(news_test=[["127.0.0.1"]])
            trusting = ssl.create_default_context(cafile=str(TLS))
            async with Client(LOOPBACK, resolver=names, ssl_context=trusting) as client:
                subscriber = Subscriber(
                    self.subscriptions,
                    self.ledger,
                    client,
                    public_url=self.web.url.rstrip("/"),
                    host_delay_s=0,
                )
                poller = Poller(
                    self.ledger, self.registry, client, self.parser,
                    bounds=self.bounds, host_delay_s=0, subscriber=subscriber,
                )  # fmt: skip
                ready.set()
                await poller.run(self.stop)

        def run() -> None:
            try:
                asyncio.run(main())
            except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        assert ready.wait(10)
        try:
            yield
        finally:
            self.loop.call_soon_threadsafe(self.stop.set)
            thread.join(10)
            assert not failed, failed

    def poll(self) -> None:
        """Let the feed be due now, and wait until it was polled."""
        before = self.feed.polled
        self.redis.zadd(self.keys.feeds, {self.id: 0}, xx=True)
        until(lambda: self.feed.polled > before)

    @property
    def feed(self) -> Feed:
        feed = self.registry.get(self.id)
        assert feed is not None
        return feed

    @property
    def subscription(self) -> Subscription | None:
        return self.subscriptions.get(self.id)

    @property
    def state(self) -> State | None:
        known = self.subscription
        return known.state(int(time.time() * 1000)) if known else None

    def is_active(self) -> bool:
        return self.state is State.ACTIVE

    def knows(self, number: int) -> bool:
        """Whether the ledger has this story."""
        found: Any = self.redis.hgetall(self.keys.listed(self.id))
        urls: list[Any] = [self.redis.hget(self.keys.link(link.decode()), "url") for link in found]
        return f"https://news.test/{number}".encode() in urls

    def rested(self) -> None:
        """As if the last poll had been a minute ago."""
        self.redis.hset(self.keys.feed(self.id), "polled", int(time.time() * 1000) - 60_000)

    def is_due(self) -> bool:
        """Whether a poller would take the feed within its next few seconds."""
        score = self.redis.zscore(self.keys.feeds, self.id)
        return score is not None and score < time.time() * 1000 + 6_000
