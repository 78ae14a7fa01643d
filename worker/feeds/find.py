"""From any page of a site to its feeds: what the page names, then the usual places, then robots.txt.

Everything is asked for one after the other through a callable that knows politeness, and nothing counts as a
feed before it was read as one.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urljoin

from jobs.client import Answer
from jobs.entry import ParsedFeed
from jobs.errors import Outcome, PalmyraError, Reason
from worker.feeds.errors import FeedError, FeedReason
from worker.feeds.links import web_link
from worker.feeds.sitemap import looks_like_news

WELL_KNOWN = (
    "/feed", "/rss", "/rss.xml", "/feed.xml", "/atom.xml", "/index.xml", "/feed.json", "/news-sitemap.xml",
)  # fmt: skip
MAX_NAMED = 5
"""Feeds that a page names of which so many are read; some pages name one for each section."""
MAX_SITEMAPS = 3
MAX_ROBOTS_CHARS = 500 * 1024
"""Of robots.txt, as RFC 9309 (2.5) lets one stop there."""

_SITEMAP_LINE = re.compile(r"^[ \t]*sitemap[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_COMMENTS = re.compile(r"comment|kommentar", re.IGNORECASE)
# What an error of a site leaves open: there may well be a feed for those whom it lets in, or later.
_MAYBE = frozenset({401, 403, 407, 408, 425, 429})

# Permanent ones (a blocked address, too large) would not change by waiting.
_PASSING = frozenset(
    {
        Reason.DNS,
        Reason.CONNECT,
        Reason.TIMEOUT,
        Reason.TOO_SLOW,
        Reason.TLS,
        Reason.BAD_RESPONSE,
        Reason.WRONG_LENGTH,
        Reason.RATE_LIMITED,
    }
)

Get = Callable[[str], Awaitable[Answer]]
"""Asks for a URL, politely, whatever its status. Raises Outcome."""
Parse = Callable[[Answer], Awaitable[ParsedFeed]]
"""Reads an answer's body in safety. Raises FeedError."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A feed that was found and read."""

    url: str
    parsed: ParsedFeed
    how: str
    """Where it was found, in words."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What there is at a URL."""

    url: str
    feeds: tuple[Candidate, ...] = ()
    """The best first; that of the URL itself is the only one."""
    named: tuple[str, ...] = ()
    """Further feeds that the page names, which were not read."""
    error: PalmyraError | None = None
    """Why the URL itself gave no feed."""
    is_open: bool = False
    """True when it may be a feed all the same: the site could not be reached, or its feed not be read now."""


async def find(url: str, get: Get, parse: Parse) -> Discovery:
    """The feed at a URL, or else the feeds of the site that it is a page of. Never raises for an outcome."""
    try:
        answer = await get(url)
    except Outcome as error:
        return Discovery(url, error=error, is_open=error.reason in _PASSING)
    if answer.status != 200:
        refusal = Outcome(_status_reason(answer.status), f"status {answer.status}")
        return Discovery(url, error=refusal, is_open=answer.status in _MAYBE or answer.status >= 500)
    try:
        return Discovery(url, feeds=(Candidate(url, await parse(answer), "the URL itself"),))
    except FeedError as error:
        if is_other(error):
            return await search(url, answer.final_url, error, get, parse)
        return Discovery(url, error=error, is_open=True)


def is_other(error: FeedError) -> bool:
    """Whether what could not be read is no feed at all, rather than a broken one."""
    return error.reason in (FeedReason.NOT_A_FEED, FeedReason.EMPTY)


def _status_reason(status: int) -> Reason:
    if status in (401, 403):
        return Reason.FORBIDDEN
    if status in (404, 410):
        return Reason.NOT_FOUND
    return Reason.SERVER_ERROR if status >= 500 else Reason.HTTP_ERROR


async def search(url: str, page: str, error: FeedError, get: Get, parse: Parse) -> Discovery:
    """The feeds of a site.

    Args:
        url: what was asked for.
        page: where that led: a page of the site.
        error: why it is no feed, with the feeds that it names.
    """
    # Feeds of comments come last: many blogs name one for each page.
    named = sorted(error.feeds, key=lambda link: bool(_COMMENTS.search(link)))
    read = [await _read(link, "named by the page", get, parse) for link in named[:MAX_NAMED]]
    feeds = [feed for feed in read if feed]
    if not feeds:
        feeds = await _first(_places(page), "in a usual place", get, parse)
    if not feeds:
        feeds = await _first(await _sitemaps(page, get), "named by robots.txt", get, parse)
    return Discovery(url, feeds=tuple(feeds), named=tuple(named[MAX_NAMED:]), error=error)


def _places(page: str) -> Iterable[str]:
    """Where feeds usually are: below the page first, when it is a folder."""
    below = ["feed"] if urljoin(page, ".") == page else []
    places = (web_link(place, page) for place in (*below, *WELL_KNOWN))
    return dict.fromkeys(place for place in places if place)


async def _sitemaps(page: str, get: Get) -> list[str]:
    """The news sitemaps that robots.txt names (https://www.sitemaps.org/protocol.html#submit_robots)."""
    try:
        answer = await get(urljoin(page, "/robots.txt"))
    except Outcome:
        return []
    text = answer.body.decode("utf-8", "replace")[:MAX_ROBOTS_CHARS] if answer.status == 200 else ""
    links = (web_link(line, page) for line in _SITEMAP_LINE.findall(text))
    return list(dict.fromkeys(link for link in links if link and looks_like_news(link)))[:MAX_SITEMAPS]


async def _first(urls: Iterable[str], how: str, get: Get, parse: Parse) -> list[Candidate]:
    """The first that is a feed, and no more: guesses cost the site a request each."""
    for url in urls:
        feed = await _read(url, how, get, parse)
        if feed:
            return [feed]
    return []


async def _read(url: str, how: str, get: Get, parse: Parse) -> Candidate | None:
    try:
        answer = await get(url)
        return Candidate(url, await parse(answer), how) if answer.status == 200 else None
    except (Outcome, FeedError):
        return None
