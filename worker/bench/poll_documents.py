"""The feeds of `palmyra bench poll`: where they live and what they say. Pure, the same for every run."""

from __future__ import annotations

import ipaddress
from email.utils import formatdate
from functools import lru_cache

PATH = "/en/sections/world/rss.xml"
CONTENT_TYPE = "application/rss+xml; charset=utf-8"
LISTED = 50
"""Entries of a document."""
APART_S = 1800
"""Between two entries: about two a day and a half of news in each document."""
SPREAD = 254
MOST_FEEDS = 127 * SPREAD * SPREAD
_FIRST = ipaddress.ip_address("127.1.0.0")
_WORDS = (
    "Council votes on the harbour plan after a long night of talks, with the new bridge still in doubt. The "
    "mayor said that work could begin in spring if the province pays its half; residents of the old town "
    "want the tram first, and have collected nine thousand names."
)


def address(number: int) -> str:
    """The loopback address of a feed: each is a host of its own, so that politeness holds none up."""
    high, rest = divmod(number, SPREAD * SPREAD)
    middle, low = divmod(rest, SPREAD)
    return str(_FIRST + (high << 16) + (middle << 8) + low + 1)


def url(number: int, port: int) -> str:
    """A feed's URL."""
    return f"http://{address(number)}:{port}{PATH}"


def etag(number: int, edition: int) -> str:
    """The validator of an edition, as a common server writes it."""
    return f'"{number:x}-61d3f{edition:07x}"'


def last_modified(edition: int, opened_s: int) -> str:
    """When an edition came out, as an HTTP-date."""
    return formatdate(opened_s + edition, usegmt=True)


def document(number: int, edition: int, *, port: int, opened_s: int) -> bytes:
    """A feed's RSS in an edition: each brings one new entry, and drops the oldest.

    Args:
        number: the feed.
        edition: 0 is the first.
        port: of the server.
        opened_s: when the first edition came out (Unix time); its entries lie before.
    """
    origin = f"http://{address(number)}:{port}".encode()
    return _template(edition, opened_s).replace(b"http://origin", origin)


@lru_cache(maxsize=64)
def _template(edition: int, opened_s: int) -> bytes:
    items = "".join(_item(edition + LISTED - 1 - back, opened_s) for back in range(LISTED))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
        "<title>The Benchmark Herald: World</title><link>http://origin/</link>"
        f"<description>News of the world</description><language>en</language>{items}</channel></rss>\n"
    ).encode()


def _item(entry: int, opened_s: int) -> str:
    published_s = opened_s - (LISTED - 1 - entry) * APART_S
    link = f"http://origin/en/world/2025/council-votes-on-the-harbour-plan-{entry:06d}.html"
    return (
        f"<item><title>Council votes on the harbour plan, day {entry}</title><link>{link}</link>"
        f'<guid isPermaLink="true">{link}</guid><pubDate>{formatdate(published_s, usegmt=True)}</pubDate>'
        f"<description>{_WORDS}</description></item>\n"
    )
