"""Links that really are fetched and extracted, one at a time: a site, a ledger, both stages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis

from jobs.client import Client
from jobs.entry import Entry, FeedInfo
from jobs.keys import FETCH, Keys
from jobs.ledger import Ledger
from jobs.link import OUTCOMES, Found, Story
from jobs.page import Page
from jobs.tasks import Tasks
from jobs.urls import domain, link_id
from tests.calls import LOOPBACK
from tests.server import Request, Response, TestServer
from worker.dead_job import dead_job_maker
from worker.fetcher import Downloader

FEED = "feedaaaaaa"
TEXT = "The caravan road from the coast crossed the desert in nine days, and each day had its well. " * 12


def html(text: str = TEXT, headline: str = "Wells") -> bytes:
    """A page with an article."""
    return (
        f"<html><body><article><h1>{headline}</h1><p>{text}</p><p>{text}</p></article></body></html>".encode()
    )


class Story304:
    """A page on the test server that can change and answers conditional requests as RFC 9110 says."""

    def __init__(self, body: bytes) -> None:
        self.body, self.version = body, 1
        self.answers: list[int] = []

    def change(self, body: bytes) -> None:
        self.body, self.version = body, self.version + 1

    def __call__(self, request: Request) -> Response:
        etag = f'"v{self.version}"'
        status = 304 if request.headers.get("if-none-match") == etag else 200
        self.answers.append(status)
        body = self.body if status == 200 else b""
        return Response(status=status, body=body, headers={"ETag": etag, "X-Served-By": "test"})


class LinkWorld:
    """A ledger and the workers of both stages, which do what is due when they are told."""

    def __init__(self, redis: Redis, keys: Keys, server: TestServer, downloader: Downloader) -> None:
        self.redis, self.keys, self.server = redis, keys, server
        self.ledger = Ledger(redis, keys, reopen_after_s=0)
        self.tasks = Tasks(self.ledger, downloader.download, self._infos, dead_job_maker(redis, keys), "w1")

    @staticmethod
    def _infos(ids: tuple[str, ...]) -> list[FeedInfo]:
        return [FeedInfo(one, f"https://feeds.test/{one}") for one in ids]

    def find(
        self, path: str = "/story", title: str = "Wells", feed: str = FEED, host: str = "127.0.0.1"
    ) -> str:
        """Let a feed list a link; returns its id."""
        url = self.server.url(path, host)
        entry = Entry(url, title=title, tags=("water",))
        self.ledger.discover(feed, [Found(link_id(url), url, domain(url), 1_700_000_000_000, entry)])
        return link_id(url)

    def work(self) -> list[str]:
        """Do what is due, and what comes of that, to the end; returns the outcome of each job."""
        done: list[str] = []
        while True:
            handout = self.ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9)
            if not handout.leases:
                return done
            for lease in handout.leases:
                run = self.tasks.fetch if lease.stage == FETCH else self.tasks.article
                done.append(run(lease.link_id, lease.attempt))

    def story(self, link: str) -> Story:
        """What became of a link; the books balance."""
        story = self.ledger.story(link)
        assert story is not None
        totals = self.ledger.totals()
        assert totals["discovered"] == sum(totals[o] for o in OUTCOMES) + totals["in_flight"]
        return story

    def keep(self, link: str, page: Page) -> None:
        """Let this be what is kept of a link, for as long as its page would have been."""
        self.redis.set(self.keys.page(link), page.pack(), keepttl=True)

    def events(self) -> list[dict[str, Any]]:
        """What is on the stream."""
        entries: Any = self.redis.xrange(self.keys.stream)
        return [json.loads(fields[b"event"]) for _, fields in entries]


@contextmanager
def link_world(redis: Redis, keys: Keys, server: TestServer) -> Iterator[LinkWorld]:
    """A world with a downloader that reaches the test server."""
    with Downloader(lambda: Client(LOOPBACK)) as downloader:
        yield LinkWorld(redis, keys, server, downloader)
