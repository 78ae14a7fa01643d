"""What a feed says about one link: the evidence that travels with it to extraction."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that belongs to an article."""

    url: str
    caption: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a feed, already cleaned: texts are plain (no markup), URLs absolute, dates RFC 3339."""

    url: str
    """The link, absolute, as the feed has it."""
    guid: str | None = None
    """The publisher's own identity of the entry (RSS guid, Atom id, JSON Feed id)."""
    title: str | None = None
    summary: str | None = None
    """Plain text, at most 2,000 characters."""
    content: str | None = None
    """The full content as HTML, when the feed carries it; at most 200,000 characters."""
    authors: tuple[str, ...] = ()
    published: str | None = None
    """RFC 3339 with the publisher's offset, or a plain ``YYYY-MM-DD``."""
    updated: str | None = None
    tags: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    language: str | None = None
    """The entry's, else the feed's declared language, as written there."""

    def to_json(self) -> str:
        """Compact JSON of the fields that are set."""
        given = {f.name: value for f in fields(self) if (value := getattr(self, f.name))}
        if self.images:
            given["images"] = [asdict(image) for image in self.images]
        return json.dumps(given, ensure_ascii=False, separators=(",", ":"))

    def fingerprint(self) -> str:
        """8 characters that change when the entry's title, text or date of update does."""
        said = "\0".join((self.updated or "", self.title or "", self.summary or "", self.content or ""))
        return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`. Unknown fields (of a newer version) are ignored."""
        raw: dict[str, Any] = json.loads(text)
        known = {f.name for f in fields(cls)}
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in raw.items() if k in known
        }
        values["images"] = tuple(Image(**i) for i in raw.get("images", ()))
        return cls(**values)


@dataclass(frozen=True, slots=True)
class FeedInfo:
    """The feed a link came from, as consumers may see it: its URL without secrets."""

    id: str
    url: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """What a feed document says."""

    title: str | None = None
    site_url: str | None = None
    language: str | None = None
    entries: tuple[Entry, ...] = field(default=())
    format: str = ""
    """``rss20``, ``atom10``, ``json``, … : for people."""
    notes: tuple[str, ...] = ()
    """What was odd about it but did not keep it from being read."""
    ttl_s: int | None = None
    """Seconds between two polls that the feed itself asks for, if it does (RSS ttl, RSS 1.0 syndication)."""
    skip_hours: tuple[int, ...] = ()
    """Hours (GMT) in which it asks not to be polled (RSS skipHours)."""
    skip_days: tuple[int, ...] = ()
    """Days (Monday is 0) on which it asks not to be polled (RSS skipDays)."""
    children: tuple[str, ...] = ()
    """Documents that carry its entries instead: the newest sitemaps of a sitemap index."""
    hubs: tuple[str, ...] = ()
    """The servers that tell subscribers of its news (WebSub), as far as it names some."""
    self_url: str | None = None
    """Its own URL as it writes it (Atom's ``rel=self``, JSON Feed's ``feed_url``): what hubs know it by."""
    relative_links: int = 0
    """Entries whose link is not absolute: it was read against the feed's own address."""
