"""What a feed lists, and how it is written as RSS 2.0, Atom (RFC 4287) and JSON Feed 1.1: pure functions."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any

# What XML 1.0 (2.2) has no way to write, not even as a character reference.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Item:
    """One entry. Texts are plain, URLs absolute."""

    url: str
    """Also its identity."""
    title: str
    summary: str | None = None
    published: datetime | None = None
    """None: the feed does not say. Atom wants a date of every entry; one without is written without."""
    byline: str | None = None
    tags: tuple[str, ...] = ()
    image: str | None = None
    content_html: str | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed document, whatever its format."""

    url: str
    title: str
    site_url: str
    updated: datetime
    items: tuple[Item, ...]
    description: str = ""
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write a feed."""

    content_type: str
    write: Callable[[Feed], bytes]


def rss(feed: Feed) -> bytes:
    """The feed as RSS 2.0, with Dublin Core authors and Media RSS pictures."""
    root = ET.Element(
        "rss",
        {
            "version": "2.0",
            "xmlns:atom": "http://www.w3.org/2005/Atom",
            "xmlns:dc": "http://purl.org/dc/elements/1.1/",
            "xmlns:media": "http://search.yahoo.com/mrss/",
        },
    )
    channel = ET.SubElement(root, "channel")
    _add(channel, "title", feed.title)
    _add(channel, "link", feed.site_url)
    _add(channel, "description", feed.description or feed.title)
    _add(channel, "language", feed.language)
    _add(channel, "lastBuildDate", format_datetime(feed.updated))
    _add(channel, "atom:link", href=feed.url, rel="self", type="application/rss+xml")
    for item in feed.items:
        _rss_item(ET.SubElement(channel, "item"), item)
    return _xml(root)


def _rss_item(node: ET.Element, item: Item) -> None:
    _add(node, "title", item.title)
    _add(node, "link", item.url)
    _add(node, "guid", item.url, isPermaLink="true")
    _add(node, "description", item.summary)
    _add(node, "pubDate", format_datetime(item.published) if item.published else None)
    _add(node, "dc:creator", item.byline)
    for tag in item.tags:
        _add(node, "category", tag)
    if item.image:
        _add(node, "media:content", url=item.image, medium="image")


def atom(feed: Feed) -> bytes:
    """The feed as Atom."""
    root = ET.Element("feed", {"xmlns": "http://www.w3.org/2005/Atom"})
    if feed.language:
        root.set("xml:lang", feed.language)
    _add(root, "id", feed.url)
    _add(root, "title", feed.title)
    _add(root, "subtitle", feed.description or None)
    _add(root, "updated", feed.updated.isoformat())
    _add(root, "link", rel="self", href=feed.url, type="application/atom+xml")
    _add(root, "link", rel="alternate", href=feed.site_url, type="text/html")
    _add(ET.SubElement(root, "author"), "name", feed.title)
    for item in feed.items:
        _atom_entry(ET.SubElement(root, "entry"), item)
    return _xml(root)


def _atom_entry(node: ET.Element, item: Item) -> None:
    _add(node, "id", item.url)
    _add(node, "title", item.title)
    _add(node, "link", rel="alternate", href=item.url, type="text/html")
    if item.published:
        _add(node, "published", item.published.isoformat())
        _add(node, "updated", item.published.isoformat())
    _add(node, "summary", item.summary)
    if item.byline:
        _add(ET.SubElement(node, "author"), "name", item.byline)
    for tag in item.tags:
        _add(node, "category", term=tag)
    if item.content_html:
        _add(node, "content", item.content_html, type="html")


def json_feed(feed: Feed) -> bytes:
    """The feed as JSON Feed 1.1."""
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.site_url,
        "feed_url": feed.url,
        "description": feed.description,
        "language": feed.language,
        "items": [_json_item(item) for item in feed.items],
    }
    return json.dumps(_present(document), ensure_ascii=False, indent=1).encode()


def _json_item(item: Item) -> dict[str, Any]:
    return _present(
        {
            "id": item.url,
            "url": item.url,
            "title": item.title,
            "summary": item.summary,
            "content_html": item.content_html,
            # One of the two contents is required of every item.
            "content_text": None if item.content_html else item.summary or item.title,
            "image": item.image,
            "date_published": item.published.isoformat() if item.published else None,
            "authors": [{"name": item.byline}] if item.byline else None,
            "tags": list(item.tags),
        }
    )


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value or key == "items"}


def _add(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> None:
    """A child element; none when there is neither text nor attribute."""
    if text is not None or attributes:
        ET.SubElement(parent, tag, attributes).text = _NOT_XML.sub("", text) if text else None


def _xml(root: ET.Element) -> bytes:
    ET.indent(root, " ")
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


FORMATS = {
    "rss": Format("application/rss+xml; charset=utf-8", rss),
    "atom": Format("application/atom+xml; charset=utf-8", atom),
    "json": Format("application/feed+json; charset=utf-8", json_feed),
}
