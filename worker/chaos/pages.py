"""The feeds and pages of chaos's sites: pure, the same for every run with the same seed."""

from __future__ import annotations

import html
import ipaddress
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from worker.chaos.fate import Fate
from worker.demo import article
from worker.demo.feed import Feed, Item, rss

HOSTS = 40
"""A Retry-After holds up all of a host: with many of them the others go on."""
FEEDS = 20
PARAGRAPHS, SENTENCES = 8, 4
_FIRST = int(ipaddress.ip_address("127.0.64.1"))


def address(number: int) -> str:
    """The address of a host; each is a domain of its own."""
    return str(ipaddress.ip_address(_FIRST + number % HOSTS))


def page_url(number: int, fate: Fate, port: int) -> str:
    """Where a link leads."""
    return f"http://{address(number)}:{port}/{fate}/{number}"


def feed_url(feed: int, port: int) -> str:
    """Where a feed is."""
    return f"http://{address(feed)}:{port}/feed/{feed}.xml"


def listed(feed: int, out: int) -> range:
    """The links that a feed lists when `out` of all are out: every one that it ever had."""
    return range(feed, out, FEEDS)


def headline(number: int) -> str:
    """Of a page, and of its entry."""
    return f"{random.Random(number).choice(_sentences()).rstrip('.')[:70]} ({number})"


def document(feed: int, numbers: Sequence[int], fates: Sequence[Fate], port: int, opened_s: float) -> bytes:
    """A feed as RSS, the newest entry first."""
    items = [
        Item(
            url=page_url(number, fates[number], port),
            title=headline(number),
            published=datetime.fromtimestamp(opened_s + number, UTC),
        )
        for number in reversed(numbers)
    ]
    url = feed_url(feed, port)
    updated = datetime.fromtimestamp(opened_s, UTC)
    return rss(Feed(url, f"Feed {feed}", url.rpartition("/feed")[0], updated, tuple(items)))


def page(number: int) -> bytes:
    """An article that no other page says."""
    rng = random.Random(number)
    paragraphs = [
        " ".join(rng.sample(_sentences(), SENTENCES)) + f" This is part {part} of story {number}."
        for part in range(1, PARAGRAPHS + 1)
    ]
    title = html.escape(headline(number))
    body = "".join(f"<p>{html.escape(text)}</p>\n" for text in paragraphs)
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title></head>"
        f"<body><nav><a href=/>Home</a></nav><article><h1>{title}</h1>\n{body}</article></body></html>"
    ).encode()


@lru_cache(maxsize=1)
def _sentences() -> list[str]:
    """Of the demo's English articles."""
    paragraphs = [text for one in article.load() if one.language == "en" for text in one.paragraphs]
    return sorted({part.strip() + "." for text in paragraphs for part in text.split(". ") if len(part) > 40})
