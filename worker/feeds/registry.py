"""The registered feeds, in Redis: one hash each and the clock that says when each is next polled."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from urllib.parse import quote

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError

from jobs.entry import FeedInfo
from jobs.keys import Keys
from jobs.urls import redact
from worker.feeds import headers
from worker.feeds.login import Login, login

SAME_AS = "same_as"
"""The only field of a hash that stands for a feed's new URL: the id that the feed has kept."""


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
    validated: str = ""
    """The URL that gave these two, when redirects lead there: to any other they say nothing."""
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
    moving: str = ""
    """A permanent redirect that has yet to prove itself (see worker/feeds/moved.py)."""
    newest: int = 0
    """When it last brought a new link."""
    rhythm: str = ""
    """What is known of how much it publishes when: see worker/feeds/rhythm.py."""
    listed: int = 0
    """Links in its last document."""
    gaps: int = 0
    """Polls whose document had nothing in common with the one before: links were probably missed."""
    last_gap: int = 0
    silent: int = 0
    """Since when it brings nothing, against its own rhythm; 0 when it does as usual."""
    missing: int = 0
    """Since when its site says nothing but that it is not there (404, 410)."""
    gone: int = 0
    """Since when that is believed: it is asked about once a week."""
    skip_hours: str = ""
    """Hours (GMT) in which it asks not to be polled, joined by commas."""
    skip_days: str = ""
    """Days, Monday is 0."""
    sighted: int = 0
    """The day (since the epoch, UTC) on which an unchanged poll last said that its links are still listed."""
    format: str = ""
    history: str = ""
    """What its last polls came to: see worker/feeds/history.py."""
    tags: str = ""
    """The operator's own, joined by commas."""
    headers: str = field(default="", repr=False)
    """Sent to the feed's own origin: see worker/feeds/headers.py."""
    user: str = field(default="", repr=False)
    """For HTTP Basic authentication, as typed; goes before what the URL carries."""
    password: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)
    """URL of the proxy that it is polled through."""
    paused: bool = False
    """Keeps its place, but is not polled."""
    edited: int = 0
    """How often the operator changed it: a poll that began before a change learns nothing for the feed."""
    backfill: str = ""
    """What of its first document is fetched (see worker/feeds/backfill.py), when that is not the setting."""

    @property
    def public_url(self) -> str:
        """The URL without its secrets."""
        return redact(self.url)

    @property
    def login(self) -> Login:
        """The URL that is asked for, and what opens it."""
        given = login(self.url)
        if self.user or self.password:
            return Login(given.url, quote(self.user, safe=""), quote(self.password, safe=""))
        return given

    @property
    def request_headers(self) -> dict[str, str]:
        """What the operator wants sent, to the feed's own origin only."""
        return headers.parse(self.headers) | self.login.headers

    @property
    def shown(self) -> dict[str, Any]:
        """Every field as it may be shown: no secrets."""
        return asdict(self) | {
            "url": self.public_url,
            "tags": [tag for tag in self.tags.split(",") if tag],
            "headers": headers.masked(headers.parse(self.headers)),
            "password": "***" if self.password else "",
            "proxy": redact(self.proxy),
            "validated": redact(self.validated),
        }

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
        self,
        url: str,
        *,
        title: str = "",
        site_url: str = "",
        folders: str = "",
        tags: str = "",
        backfill: str = "",
        demo: bool = False,
    ) -> bool:
        """Register a feed, due now. False when it is registered already (nothing changes)."""
        new = feed_id(url)
        if self._is_known(new):
            return False
        given: dict[str, str | int] = {
            "title": title,
            "site_url": site_url,
            "folders": folders,
            "tags": tags,
            "backfill": backfill,
            "added": int(time.time() * 1000),
        }
        given |= {"demo": int(demo), "url": url}
        with self.redis.pipeline(transaction=True) as pipe:
            for name, value in given.items():
                if value:
                    pipe.hsetnx(self.keys.feed(new), name, value)
            pipe.zadd(self.keys.feeds, {new: 0}, nx=True)
            return bool(pipe.execute()[-1])

    def _is_known(self, feed_id_: str) -> bool:
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.zscore(self.keys.feeds, feed_id_)
            pipe.hget(self.keys.feed(feed_id_), SAME_AS)
            return any(found is not None for found in pipe.execute())

    def edit(self, feed: Feed, given: Mapping[str, str | int], *, next_ms: int | None = None) -> bool:
        """Change fields of a feed; an empty value removes one. False when it was removed meanwhile.

        A new `url` leaves the id as it is, so that articles and links still find their feed; the feed is then
        known by its old URL and the new one (which the caller has made sure is not another feed's).

        Args:
            next_ms: when it is next polled, ms since the epoch; 0: at once; None: as before.
        """
        key = self.keys.feed(feed.id)
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.watch(key)  # type: ignore[no-untyped-call]  # redis-py's, without annotations
            if not pipe.exists(key):
                return False
            pipe.multi()
            self._set(pipe, key, given)
            pipe.hincrby(key, "edited", 1)
            if "url" in given:
                self._rename(pipe, feed, str(given["url"]))
            if next_ms is not None:
                pipe.hset(key, "next", next_ms or int(time.time() * 1000))
                pipe.zadd(self.keys.feeds, {feed.id: next_ms}, xx=True)
            try:
                pipe.execute()
            except WatchError:  # a poll ended just now, or it was removed
                return self.edit(feed, given, next_ms=next_ms)
        return True

    def _set(self, pipe: Pipeline, key: str, given: Mapping[str, str | int]) -> None:
        for name, value in given.items():
            if value == "":
                pipe.hdel(key, name)
            else:
                pipe.hset(key, name, value)

    def _rename(self, pipe: Pipeline, feed: Feed, url: str) -> None:
        """Let a feed be found by its new URL, whose hash is another id."""
        old, new = feed_id(feed.url), feed_id(url)
        if old not in (feed.id, new):
            pipe.delete(self.keys.feed(old))
        if new != feed.id:
            pipe.hset(self.keys.feed(new), SAME_AS, feed.id)

    def remove(self, url_or_id: str) -> Feed | None:
        """Forget a feed; its links stay. Returns what was removed, None when there was no such feed."""
        feed = self.get(url_or_id)
        if feed:
            with self.redis.pipeline(transaction=True) as pipe:
                pipe.zrem(self.keys.feeds, feed.id)
                pipe.delete(self.keys.feed(feed.id), self.keys.listed(feed.id))
                pipe.delete(self.keys.feed(feed_id(feed.url)))  # another id's, if it got a new URL
                pipe.execute()
        return feed

    def get(self, url_or_id: str) -> Feed | None:
        """A feed by id or URL."""
        asked = url_or_id.encode("utf-8", "replace").decode()  # a terminal may send bytes that are no text
        for candidate in (asked, feed_id(asked)):
            raw: Any = self.redis.hgetall(self.keys.feed(candidate))
            same: Any = raw.get(SAME_AS.encode())
            if same:
                candidate = same.decode()
                raw = self.redis.hgetall(self.keys.feed(candidate))
            if feed := read(candidate, raw):
                return feed
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
                    if feed := read(one, raw):
                        yield feed

    def registered(self) -> list[Feed]:
        """The feeds that an operator registered, by title."""
        return sorted((f for f in self.all() if not f.demo), key=lambda f: (f.title or f.url).casefold())

    def infos(self, ids: tuple[str, ...]) -> list[FeedInfo]:
        """What consumers may know of these feeds; removed ones are left out."""
        return [feed.info for feed in map(self.get, ids) if feed]


def _flag(text: str) -> bool:
    return bool(int(text))


_KINDS: dict[str, Callable[[str], Any]] = {"str": str, "int": int, "bool": _flag}
_READERS = {f.name.encode(): (f.name, _KINDS[str(f.type)]) for f in fields(Feed) if f.name != "id"}


def read(feed_id_: str, raw: Mapping[bytes, bytes]) -> Feed | None:
    """The feed in a hash; None when it only stands for another one's URL, or is none."""
    if not raw.get(b"url"):
        return None
    values = {}
    for name, value in raw.items():
        if reader := _READERS.get(name):  # an older version's fields may be there too
            values[reader[0]] = reader[1](value.decode("utf-8", "replace"))
    return Feed(feed_id_, **values)
