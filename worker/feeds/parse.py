"""What a feed document says: RSS, RDF, Atom, JSON Feed or a sitemap, whatever state it is in."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from jobs.entry import ParsedFeed
from worker.feeds import dangers, jsonfeed, sitemap, xmlfeed
from worker.feeds.decode import decode
from worker.feeds.entries import MAX_TITLE_CHARS, Document, collect, language_tag
from worker.feeds.errors import FeedError, FeedReason
from worker.feeds.gunzip import gunzip
from worker.feeds.links import is_absolute, web_link, web_links
from worker.feeds.plain import plain

__all__ = ["FeedError", "FeedReason", "parse"]

MAX_HUBS = 3
"""Of a document, that are kept."""
_SNIFF_CHARS = 200_000
_ELEMENT = re.compile(r"<([A-Za-z_][\w.:-]{0,60})")
_FEED_ELEMENT = re.compile(r"<(?:\w{1,20}:)?(?:rss|feed|rdf|channel|item|entry)\b", re.IGNORECASE)
_PAGE = re.compile(r"<html\b|<!doctype\s+html\b", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,500})", re.IGNORECASE)
_LINK_TAG = re.compile(r"<link\s[^>]{1,1000}", re.IGNORECASE)
_FEED_TYPE = re.compile(r"""type\s*=\s*["']?application/(?:rss|atom|feed)\+(?:xml|json)""", re.IGNORECASE)
_HREF = re.compile(r"""href\s*=\s*(?:"([^"]+)"|'([^']+)'|([^\s"'>]+))""", re.IGNORECASE)


def parse(body: bytes, *, url: str, content_type: str = "", now: datetime | None = None) -> ParsedFeed:
    """The feed in a document.

    Takes as long as a hostile document makes it take: call it in a child process (see parser.py).

    Args:
        body: the document, as bytes after content decoding.
        url: where it is from, the base of its relative links.
        content_type: the Content-Type header, for its charset.
        now: aware; the present, for dates that can't be true.

    Raises:
        FeedError: no feed could be read; nothing else is ever raised.
    """
    try:
        return _parse(body, url, content_type, now or datetime.now(UTC))
    except FeedError:
        raise
    except MemoryError:
        found = FeedReason.TOO_COMPLEX, "it takes too much memory"
    except RecursionError:
        found = FeedReason.TOO_COMPLEX, "it is nested too deeply"
    except Exception as error:  # noqa: BLE001 - feedparser raises anything on malformed input
        found = FeedReason.MALFORMED, f"{type(error).__name__}: {str(error)[:200]}"
    # Outside of the handlers, so that what the failed attempt holds in memory is free by now.
    raise FeedError(*found)


def _parse(body: bytes, url: str, content_type: str, now: datetime) -> ParsedFeed:
    dangers.check_size(body)
    decoded = decode(gunzip(body), content_type)
    document = _read(decoded.text, url, now)
    entries, odd = collect(document.raws, base=url, now=now)
    return ParsedFeed(
        title=plain(document.title or "", MAX_TITLE_CHARS),
        site_url=web_link(document.site_link, url),
        language=language_tag(document.language),
        entries=entries,
        format=document.format,
        notes=(*decoded.notes, *document.notes, *odd, *_emptiness(document)),
        ttl_s=document.ttl_s,
        skip_hours=document.skip_hours,
        skip_days=document.skip_days,
        children=document.children,
        hubs=web_links(document.hub_links, url)[:MAX_HUBS],
        self_url=web_link(document.self_link, url),
        relative_links=sum(bool(raw.links) and not is_absolute(raw.links[0]) for raw in document.raws),
    )


def _emptiness(document: Document) -> tuple[str, ...]:
    return () if document.raws or document.children else ("it lists no entries",)


def _read(text: str, url: str, now: datetime) -> Document:
    if text[0] in "{[":
        return jsonfeed.read(text)
    root = root_element(text)
    if root.rpartition(":")[2].lower() in sitemap.ROOTS:
        dangers.check(text)
        return sitemap.read(text, root, url=url, now=now)
    if root.lower() in ("html", "body") or not _FEED_ELEMENT.search(text):
        raise _not_a_feed(text, root, url)
    dangers.check(text)
    return xmlfeed.read(text, root)


def root_element(text: str) -> str:
    """Name of the first element, after comments, processing instructions and a document type; or ``""``."""
    at = 0
    for _ in range(100):
        at += len(text[at : at + _SNIFF_CHARS]) - len(text[at : at + _SNIFF_CHARS].lstrip())
        element = _ELEMENT.match(text, at)
        if element:
            return element[1]
        end = _end_of_prolog(text, at)
        if end <= at:
            break
        at = end
    return ""


def _end_of_prolog(text: str, at: int) -> int:
    """Where the comment, instruction or declaration at a place ends; 0 when there is none, or no end."""
    for start, end in (("<?", "?>"), ("<!--", "-->")):
        if text.startswith(start, at):
            return text.find(end, at) + len(end) if end in text[at:] else 0
    if not text.startswith("<!", at):
        return 0
    close = text.find(">", at)
    if 0 <= text.find("[", at) < close:
        close = text.find(">", text.find("]", at))
    return close + 1


def _not_a_feed(text: str, root: str, url: str) -> FeedError:
    head = text[:_SNIFF_CHARS]
    if root.lower() in ("html", "body") or _PAGE.search(head[:2000]):
        title = _TITLE.search(head)
        name = plain(title[1], 100) if title else None
        feeds = feed_links(head, url)
        hint = (
            f"; it names {'this feed' if len(feeds) == 1 else 'these feeds'}: {', '.join(feeds)}"
            if feeds
            else ""
        )
        return FeedError(
            FeedReason.NOT_A_FEED, "it is a web page" + (f" (“{name}”)" if name else "") + hint, feeds
        )
    if root.lower() == "opml":
        return FeedError(
            FeedReason.NOT_A_FEED, "it is an OPML list of feeds: import it with `palmyra feeds import`"
        )
    if root:
        return FeedError(FeedReason.NOT_A_FEED, f"it is XML, but of another kind: <{root}>")
    start = plain(text[:500], 60)
    return FeedError(FeedReason.NOT_A_FEED, f"it begins “{start}”" if start else "it holds no text")


def feed_links(page: str, url: str) -> tuple[str, ...]:
    """URLs of the feeds that a web page names in link elements (HTML, section 4.6.6.3), at most 10."""
    tags = (tag for tag in _LINK_TAG.findall(page) if _FEED_TYPE.search(tag))
    hrefs = (m[1] or m[2] or m[3] for m in map(_HREF.search, tags) if m)
    return web_links(hrefs, url)[:10]
