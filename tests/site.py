"""The web process for tests: the real app on a real server on loopback, and a browser's part of HTTP."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs.entry import Entry
from jobs.errors import Reason
from jobs.keys import ARTICLE, FETCH, Keys
from jobs.ledger import Ledger
from jobs.link import Begun, Found
from worker.config import Settings
from worker.dead_job import dead_job_maker
from worker.web.app import create_app
from worker.web.live import Live
from worker.web.serve import Server
from worker.web.site import site_of


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    """Names in any case."""
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Sent:
    """A server-sent event."""

    event: str
    id: str
    data: Any


class Stream:
    """An open /events stream."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response

    def __iter__(self) -> Iterator[Sent]:
        fields: dict[str, str] = {}
        while line := self.response.readline().decode():
            if line == "\n" and "data" in fields:
                yield Sent(fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"]))
            if line == "\n":
                fields = {}
            name, _, value = line.rstrip("\n").partition(": ")
            if name:
                fields[name] = value

    def articles(self, count: int) -> list[Sent]:
        """The next `count` articles; fewer when the stream ends."""
        found: list[Sent] = []
        for sent in self:
            found += [sent] if sent.event == "article" else []
            if len(found) == count:
                break
        return found

    def ready(self) -> None:
        """Wait for the first event, the numbers: the server is listening for us from before it on."""
        assert next(iter(self)).event == "status"


@dataclass(frozen=True)
class Web:
    """A running web process, as its clients see it."""

    url: str
    live: Live

    @property
    def address(self) -> str:
        return urlsplit(self.url).netloc

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode(errors="replace"))
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", path, headers)

    def post(self, path: str) -> Answer:
        """As a page of ours does it."""
        return self.ask("POST", path, {"Origin": self.url.rstrip("/")})

    @contextmanager
    def stream(self, path: str = "/events", headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            with connection.getresponse() as response:  # it holds the socket too
                assert response.status == 200
                yield Stream(response)
        finally:
            connection.close()


@contextmanager
def serving(redis: Redis, keys: Keys, **options: Any) -> Iterator[Web]:
    """The web process on a free port, in a thread."""
    app = create_app(Settings(namespace=keys.namespace, **options), redis)
    server = Server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Web(server.url, site_of(app).live)
    finally:
        server.stop()
        thread.join(10)
    assert not thread.is_alive()


def absent_redis() -> Redis:
    """A client whose server does not exist, and which gives up at once."""
    return Redis(unix_socket_path="/nonexistent/redis.sock", retry=Retry(NoBackoff(), 0))


def made(
    article_id: str = "a" * 16, *, revision: int = 1, kind: str = "published", **data: Any
) -> dict[str, Any]:
    """An event, with these fields of the article."""
    article = {
        "id": article_id,
        "revision": revision,
        "url": "https://one.test/story",
        "urls": {"found": "https://one.test/story", "final": "https://one.test/story", "canonical": None},
        "source": {"name": "One Test", "domain": "one.test"},
        "feeds": [{"id": "feedaaaaaa", "url": "https://one.test/feed", "title": "All of it"}],
        "headline": "A headline",
        "summary": "A summary.",
        "text": "First paragraph.\n\n- an item\n- another\n\nLast paragraph.",
        "word_count": 7,
        "authors": ["Newsroom staff"],
        "published": "2024-07-23T10:00:00+02:00",
        "modified": None,
        "language": "en",
        "section": "World",
        "tags": [],
        "provenance": {"headline": "json-ld", "authors": "html"},
        "timings": {
            "seen": "2024-07-23T08:00:01.000Z",
            "emitted": "2024-07-23T08:00:03.400Z",
            "total_ms": 2400,
        },
    }
    event_type = f"news.article.{kind}.v1"
    return {"id": f"{article_id}:{revision}", "type": event_type, "data": article | data}


def add(redis: Redis, keys: Keys, event: Mapping[str, Any]) -> str:
    """Put an event on the stream; returns the entry's id."""
    fields: Any = {"id": event["id"], "type": event["type"], "event": json.dumps(event)}
    entry: Any = redis.xadd(keys.stream, fields)
    return str(entry.decode())


def begun(ledger: Ledger, link_id: str, stage: str) -> Begun:
    """Lease everything that is due and begin this link's job."""
    handout = ledger.lease(fetch_window=99, article_window=99, host_delay_s=0, max_pages=99)
    (lease,) = (one for one in handout.leases if one.link_id == link_id)
    job = ledger.begin(link_id, stage, lease.attempt, "tester")
    assert job is not None
    return job


def discover(ledger: Ledger, link_id: str) -> None:
    """Record a link as new."""
    url = f"https://one.test/{link_id}"
    assert ledger.discover("feedaaaaaa", [Found(link_id, url, "one.test", 1_000, Entry(url))]).new == 1


def published(ledger: Ledger, event: Mapping[str, Any]) -> None:
    """Take the event's link the whole way through the ledger."""
    link_id = str(event["data"]["id"])
    discover(ledger, link_id)
    assert ledger.store(begun(ledger, link_id, FETCH), b"page", "https://one.test/story", "fetched 200")
    outcome, _ = ledger.commit(
        begun(ledger, link_id, ARTICLE),
        revision=1,
        event_id=str(event["id"]),
        event_type=str(event["type"]),
        event=json.dumps(event),
        final_id=link_id,
        digests="one",
    )
    assert outcome == "published"


def failed(ledger: Ledger, link_id: str, reason: Reason = Reason.NOT_FOUND) -> str:
    """Give a new link up; returns the id of the failed job that stands for it."""
    discover(ledger, link_id)
    job = begun(ledger, link_id, FETCH)
    dead = dead_job_maker(ledger.redis, ledger.keys)(link_id, "one.test", job.attempt, reason)
    assert ledger.fail(link_id, job.attempt, reason, "one.test", dead)
    return dead.id
