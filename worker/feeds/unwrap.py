"""Links that feed services and social sites wrap, unwrapped where the link itself says where it leads.

A table of rules, each pure: the host and path it knows, and where the target is. Links that only their
service can resolve (t.co, flip.it, newer Google News links) stay as they are, and are fetched as such.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from worker.feeds.links import is_absolute

MAX_LAYERS = 3
"""Wrapped links are wrapped again sometimes: an alert on a link from a social site."""
MAX_PARAMETERS = 100

Take = Callable[[SplitResult], "str | None"]


@dataclass(frozen=True, slots=True)
class Rule:
    """How one service wraps."""

    host: str
    """Regular expression for the whole host, in lower case."""
    path: str
    """Regular expression for the beginning of the path."""
    take: Take
    """The target in the URL's parts, if it is there."""


def parameter(*names: str) -> Take:
    """The first of these query parameters that has a value."""

    def take(parts: SplitResult) -> str | None:
        try:
            query = parse_qs(parts.query, max_num_fields=MAX_PARAMETERS)
        except ValueError:
            return None
        return next((query[name][0] for name in names if name in query), None)

    return take


def _whole_query(parts: SplitResult) -> str:
    return unquote(parts.query) if "%3A%2F%2F" in parts.query.upper()[:20] else parts.query


def _yahoo(parts: SplitResult) -> str | None:
    """``…/RU=<percent-encoded URL>/RK=…``."""
    found = re.search(r"/RU=([^/]+)", parts.path)
    return unquote(found[1]) if found else None


def _amp_cache(parts: SplitResult) -> str | None:
    """``/c/s/<host>/<path>``: the s stands for https (https://developers.google.com/amp/cache/overview)."""
    found = re.fullmatch(r"/(?:amp|c|v|a)/(s/)?([^/]+\.[^/]+/?.*)", parts.path)
    if not found:
        return None
    query = f"?{parts.query}" if parts.query else ""
    return f"{'https' if found[1] else 'http'}://{found[2]}{query}"


def _google_news(parts: SplitResult) -> str | None:
    """The older article ids: base64url of a protocol buffer whose field 4 is the URL."""
    article_id = parts.path.rpartition("/")[2]
    try:
        data = base64.urlsafe_b64decode(article_id + "=" * (-len(article_id) % 4))
    except (binascii.Error, ValueError):
        return None
    if not data.startswith(_GOOGLE_NEWS_HEAD):
        return None
    size, at = _varint(data, len(_GOOGLE_NEWS_HEAD))
    return data[at : at + size].decode("utf-8", "replace")


_GOOGLE_NEWS_HEAD = b"\x08\x13\x22"


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of at most two bytes, and where it ends
    (https://protobuf.dev/programming-guides/encoding/#varints)."""
    first, second = (*data[at : at + 2], 0, 0)[:2]
    return (first, at + 1) if first < 0x80 else (first & 0x7F | second << 7, at + 2)


_GOOGLE = r"(?:[\w-]+\.)*google\.(?:com?\.)?[a-z]{2,3}"
_GOOGLE_NEWS_PATH = r"/(?:rss/|__i/rss/rd/)?(?:articles|read)/"

RULES = (
    # Google Alerts and the search's own links; News' older ones
    Rule(_GOOGLE, r"/url$", parameter("url", "q")),
    Rule(r"news\.google\.(?:com?\.)?[a-z]{2,3}", r"/news/url$", parameter("url")),
    Rule(r"news\.google\.com", _GOOGLE_NEWS_PATH, _google_news),
    Rule(_GOOGLE, r"/amp/", _amp_cache),
    Rule(r"[\w-]+\.cdn\.ampproject\.org", r"/[cva]/", _amp_cache),
    Rule(r"www\.bing\.com", r"/news/apiclick\.aspx$", parameter("url")),
    Rule(r"(?:r\.)?search\.yahoo\.com", r"/.*/RU=", _yahoo),
    Rule(r"duckduckgo\.com", r"/l/?$", parameter("uddg")),
    # Social sites
    Rule(r"(?:[\w-]+\.)?facebook\.com", r"/(?:l|flx/warn)(?:\.php|/)?$", parameter("u")),
    Rule(r"l\.instagram\.com", r"/?$", parameter("u")),
    Rule(r"out\.reddit\.com", r"/", parameter("url")),
    Rule(r"t\.umblr\.com", r"/redirect$", parameter("z")),
    Rule(r"(?:[\w-]+\.)?vk\.com", r"/away(?:\.php)?$", parameter("to")),
    Rule(r"www\.linkedin\.com", r"/(?:redir/redirect|safety/go)/?$", parameter("url")),
    Rule(r"(?:www\.|m\.)?youtube\.com", r"/redirect$", parameter("q")),
    Rule(r"(?:www\.)?medium\.com", r"/m/global-identity(?:-2)?$", parameter("redirectUrl")),
    Rule(r"steamcommunity\.com", r"/linkfilter/?$", parameter("u", "url")),
    # Mail gateways and anonymisers, which newsletters as feeds go through
    Rule(r"[\w.-]+\.safelinks\.protection\.outlook\.com", r"/", parameter("url")),
    Rule(r"(?:www\.)?href\.li", r"/?$", _whole_query),
    # Affiliate links
    Rule(r"go\.(?:skimresources|redirectingat)\.com", r"/", parameter("url")),
    Rule(r"redirect\.viglink\.com", r"/", parameter("u")),
    Rule(r"click\.linksynergy\.com", r"/", parameter("murl")),
    Rule(r"www\.awin1\.com", r"/", parameter("ued", "p")),
)
# Redirectors of feed services: the link says which entry it is, and only the service knows where that leads.
_REDIRECTORS = (
    (
        r"feedproxy\.google\.com|(?:rss|feeds)\.[\w.-]+",
        r"/~(?:r/|/)",
    ),  # FeedBurner, FeedBlitz, also as publishers' own
    (r"(?:[\w-]+\.)*feedsportal\.com", r"/"),
    (r"(?:tracking\.)?feedpress\.(?:me|it)", r"/link/"),
    (r"(?:www|tracking)\.pheedo\.com", r"/"),
)
_REDIRECTORS_COMPILED = tuple((re.compile(host), re.compile(path)) for host, path in _REDIRECTORS)
_COMPILED = tuple((re.compile(rule.host), re.compile(rule.path), rule.take) for rule in RULES)


def unwrap(url: str) -> str:
    """The link that an absolute URL wraps, layer by layer; the URL itself when it wraps none."""
    for _ in range(MAX_LAYERS):
        inner = _target(url)
        if inner is None:
            return url
        url = inner
    return url


def is_sealed(url: str) -> bool:
    """Whether a link is wrapped in a way that only its service can undo: newer Google News article ids."""
    parts = urlsplit(url)
    return parts.hostname == "news.google.com" and bool(re.match(_GOOGLE_NEWS_PATH, parts.path))


def leads_through_a_service(url: str) -> bool:
    """Whether an absolute URL is of a service that only forwards readers, and does not say where to."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return is_sealed(url) or any(
        host_pattern.fullmatch(host) and path_pattern.match(parts.path)
        for host_pattern, path_pattern in _REDIRECTORS_COMPILED
    )


def _target(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    for host_pattern, path_pattern, take in _COMPILED:
        if host_pattern.fullmatch(host) and path_pattern.match(parts.path):
            target = take(parts)
            return target if is_absolute(target) else None
    return None
