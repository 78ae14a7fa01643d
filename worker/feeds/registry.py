"""The registered feeds, in Redis: one hash each and the clock that says when each is next polled."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from redis import Redis

from jobs.entry import FeedInfo
from jobs.keys import Keys
from jobs.urls import redact
from worker.feeds.login import Login, login


@dataclass(frozen=True, slots=True)
class Feed:
    """A registered feed and what its polls taught. Times in ms since the epoch; 0 means never."""

    id: str
    url: str
    """As registered, secrets included: show `public_url`."""
    title: str = ""
    site_url: str = ""
    folders: str = ""
    """The OPML folders it is in, joined by ``/``."""
    added: int = 0
    demo: bool = False
    """One of the demo newsroom's own: not counted as registered."""
    etag: str = ""
    modified: str = ""
    """Last-Modified, byte for byte."""
    body_hash: str = ""
    interval: int = 0
    """Seconds between polls at present; 0 before the first."""
    pinned: int = 0
    """Seconds between polls as the operator fixed them; 0 when learned."""
    ttl: int = 0
    """Seconds between polls that its last document asks for; 0 when it does not."""
    polled: int = 0
    next: int = 0
    because: str = ""
    """Why the next poll is when it is."""
    status: int = 0
    """HTTP status of the last poll."""
    failures: int = 0
    """Failed polls in a row."""
    reason: str = ""
    error: str = ""
    """What the last failure was, in words."""
    found: int = 0
    """Links this feed brought first."""
    newest: int = 0
    """When it last brought a new link."""
    format: str = ""

    @property
    def public_url(self) -> str:
        """The URL without its secrets."""
        return redact(self.url)

    @property
    def login(self) -> Login:
        """The URL that is asked for, and what opens it."""
        return login(self.url)

    @property
    def info(self) -> FeedInfo:
        """The feed as consumers see it."""
        return FeedInfo(self.id, self.public_url, self.title or None)


def feed_id(url: str) -> str:
    """A feed's id: 10 characters from the hash of its URL.

    Without the password: ids are public, and a hash lets one try passwords.
    """
    given = login(url)
    identity = f"{given.user}@{given.url}" if given.user else given.url
    return base64.b32encode(hashlib.sha256(identity.encode()).digest())[:10].decode().lower()


class Registry:
    """The feeds of one namespace. `redis` must not decode responses."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis = redis
        self.keys = keys

    def add(
        self, url: str, *, title: str = "", site_url: str = "", folders: str = "", demo: bool = False
    ) -> bool:
        """Register a feed, due now. False when it is registered already (nothing changes)."""
        new = feed_id(url)
        if self.redis.zscore(self.keys.feeds, new) is not None:
            return False
        given: dict[str, str | int] = {
            "title": title,
            "site_url": site_url,
            "folders": folders,
            "added": int(time.time() * 1000),
        }
        given |= {"demo": int(demo), "url": url}
        with self.redis.pipeline(transaction=True) as pipe:
            for name, value in given.items():
                if value:
                    pipe.hsetnx(self.keys.feed(new), name, value)
            pipe.zadd(self.keys.feeds, {new: 0}, nx=True)
            return bool(pipe.execute()[-1])

    def remove(self, url_or_id: str) -> Feed | None:
        """Forget a feed; its links stay. Returns what was removed, None when there was no such feed."""
        feed = self.get(url_or_id)
        if feed:
            with self.redis.pipeline(transaction=True) as pipe:
                pipe.zrem(self.keys.feeds, feed.id)
                pipe.delete(self.keys.feed(feed.id), self.keys.listed(feed.id))
                pipe.execute()
        return feed

    def get(self, url_or_id: str) -> Feed | None:
        """A feed by id or URL."""
        asked = url_or_id.encode("utf-8", "replace").decode()  # a terminal may send bytes that are no text
        for candidate in (asked, feed_id(asked)):
            raw: Any = self.redis.hgetall(self.keys.feed(candidate))
            if raw.get(b"url"):
                return _feed(candidate, raw)
        return None

    def all(self) -> Iterator[Feed]:
        """Every feed, the demo's too, in the order of their next poll."""
        members: list[Any] = self.redis.zrange(self.keys.feeds, 0, -1)
        ids = [member.decode() for member in members]
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            with self.redis.pipeline(transaction=False) as pipe:
                for one in part:
                    pipe.hgetall(self.keys.feed(one))
                for one, raw in zip(part, pipe.execute(), strict=True):
                    if raw.get(b"url"):
                        yield _feed(one, raw)

    def registered(self) -> list[Feed]:
        """The feeds that an operator registered, by title."""
        return sorted((f for f in self.all() if not f.demo), key=lambda f: (f.title or f.url).casefold())

    def infos(self, ids: tuple[str, ...]) -> list[FeedInfo]:
        """What consumers may know of these feeds; removed ones are left out."""
        return [feed.info for feed in map(self.get, ids) if feed]


_TYPES = {f.name: f.type for f in fields(Feed)}


def _feed(feed_id_: str, raw: Mapping[bytes, bytes]) -> Feed:
    values: dict[str, Any] = {"id": feed_id_}
    for name, value in raw.items():
        field, text = name.decode(), value.decode("utf-8", "replace")
        kind = _TYPES.get(field)
        if kind in ("int", "bool"):
            values[field] = (bool if kind == "bool" else int)(int(text))
        elif kind == "str":
            values[field] = text
    return Feed(**values)
