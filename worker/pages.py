"""The kept pages: which there are, how large they are, and one of them whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from redis import Redis

from jobs.keys import Keys
from jobs.page import Page
from worker import selection
from worker.selection import Record, Selection

BATCH = 100
"""Pages of one round trip."""
HEAD_BYTES = 4096
"""The beginning of a packed page that nearly always holds all but its body."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept page without its body."""

    link: Record
    page: Page
    """Without its body, and without what the feed said: there may be many of these."""
    body_bytes: int
    stored_bytes: int
    """What it costs in Redis, compressed, with its head."""
    expires_ms: int
    """Milliseconds until it goes; -1 when it stays."""


def links(redis: Redis, keys: Keys, chosen: Selection) -> Iterator[Record]:
    """The links whose page is kept, in no order."""
    prefix = keys.page("")
    names: Iterator[bytes] = redis.scan_iter(match=f"{prefix}*", count=1000)
    ids = (name.decode("utf-8", "replace").removeprefix(prefix) for name in names)
    for some in selection.chunks(ids):
        yield from (link for link in selection.read(redis, keys, some) if link and chosen.takes(link))


def kept(redis: Redis, keys: Keys, found: Sequence[Record]) -> Iterator[Kept]:
    """The kept pages of these links, without their bodies. What is gone or damaged is left out."""
    for start in range(0, len(found), BATCH):
        some = found[start : start + BATCH]
        with redis.pipeline(transaction=False) as pipe:
            for link in some:
                pipe.getrange(keys.page(link.link_id), 0, HEAD_BYTES - 1)
                pipe.strlen(keys.page(link.link_id))
                pipe.pttl(keys.page(link.link_id))
            replies = pipe.execute()
        for index, link in enumerate(some):
            head, size, ttl_ms = replies[3 * index : 3 * index + 3]
            peeked = _peek(redis, keys, link, head, size)
            if peeked:
                yield Kept(link, *peeked, stored_bytes=size, expires_ms=ttl_ms)


def _peek(redis: Redis, keys: Keys, link: Record, head: bytes, size: int) -> tuple[Page, int] | None:
    try:
        peeked = Page.peek(head) if size else None
        if peeked is None and size:
            page = whole(redis, keys, link.link_id)
            peeked = (page, len(page.body)) if page else None
    except ValueError:
        return None
    return (replace(peeked[0], body=b"", entry=None), peeked[1]) if peeked else None


def whole(redis: Redis, keys: Keys, link_id: str) -> Page | None:
    """One kept page; None when none is kept.

    Raises:
        ValueError: what is kept is no page.
    """
    packed: Any = redis.get(keys.page(link_id))
    return Page.unpack(packed) if packed else None
