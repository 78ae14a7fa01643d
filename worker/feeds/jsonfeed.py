"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/)."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from worker.feeds.entries import Document, Raw, Written
from worker.feeds.errors import FeedError, FeedReason
from worker.feeds.links import is_absolute

MAX_HUBS = 20
_VERSION = "jsonfeed.org/version/1"


def read(text: str) -> Document:
    """The feed in a JSON text.

    Raises:
        FeedError: `not_a_feed` when it is other JSON, `malformed` or `truncated` when it is no JSON.
    """
    feed = _load(text)
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(feed, dict) or not isinstance(items, list):
        raise FeedError(FeedReason.NOT_A_FEED, "it is JSON, but not a JSON Feed (no list of items)")
    version = _text(feed, "version") or ""
    notes = () if _VERSION in version else ("it does not name a version of JSON Feed",)
    return Document(
        title=_text(feed, "title"),
        site_link=_text(feed, "home_page_url"),
        language=_text(feed, "language"),
        format="json11" if version.endswith("1.1") else "json",
        raws=tuple(_item(item, _text(feed, "language")) for item in items if isinstance(item, dict)),
        notes=notes,
        hub_links=tuple(islice(_hubs(feed), MAX_HUBS)),
        self_link=_text(feed, "feed_url"),
    )


def _hubs(feed: dict[str, Any]) -> Iterator[str]:
    """Where the feed can be subscribed to by WebSub; other kinds of hubs are left out."""
    for hub in _list(feed, "hubs"):
        url = _text(hub, "url") if isinstance(hub, dict) else None
        if url and (_text(hub, "type") or "").lower() in ("websub", "pubsubhubbub"):
            yield url


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated")
        reason = FeedReason.TRUNCATED if cut else FeedReason.MALFORMED
        where = f"line {error.lineno}, column {error.colno}"
        raise FeedError(reason, f"it is JSON until {where}: {error.msg}") from None
    except RecursionError:
        raise FeedError(FeedReason.TOO_COMPLEX, "its JSON is nested too deeply") from None
    except ValueError as error:  # an integer with thousands of digits
        raise FeedError(FeedReason.MALFORMED, f"its JSON can't be read: {error}") from None


def _item(item: dict[str, Any], language: str | None) -> Raw:
    guid = item.get("id")
    guid = str(guid) if isinstance(guid, (str, int, float)) and not isinstance(guid, bool) else None
    links = (_text(item, "url"), _text(item, "external_url"), guid if is_absolute(guid) else None)
    images = ((_text(item, "image"), None), (_text(item, "banner_image"), None), *_attached(item))
    content = _text(item, "content_html")
    if content is None:
        content = _paragraphs(_text(item, "content_text"))
    return Raw(
        links=tuple(link for link in links if link),
        guid=guid,
        title=_text(item, "title"),
        summary=_text(item, "summary"),
        content=content,
        authors=_authors(item),
        published=Written(_text(item, "date_published")),
        updated=Written(_text(item, "date_modified")),
        tags=tuple(t for t in _list(item, "tags") if isinstance(t, str)),
        images=tuple((url, caption) for url, caption in images if url),
        language=_text(item, "language") or language,
    )


def _text(holder: dict[str, Any], key: str) -> str | None:
    value = holder.get(key)
    return value if isinstance(value, str) and value.strip() else None


def _list(holder: dict[str, Any], key: str) -> list[Any]:
    value = holder.get(key)
    return value if isinstance(value, list) else []


def _authors(holder: dict[str, Any]) -> tuple[str, ...]:
    """Names in 1.1's ``authors`` or 1.0's ``author``."""
    people = [*_list(holder, "authors"), holder.get("author")]
    names = (_text(person, "name") for person in people if isinstance(person, dict))
    return tuple(name for name in names if name)


def _attached(item: dict[str, Any]) -> list[tuple[str | None, str | None]]:
    attachments = (a for a in _list(item, "attachments") if isinstance(a, dict))
    return [
        (_text(a, "url"), _text(a, "title"))
        for a in attachments
        if (_text(a, "mime_type") or "").startswith("image/")
    ]


def _paragraphs(text: str | None) -> str | None:
    """Plain text as HTML: what `Raw.content` wants."""
    if text is None:
        return None
    blocks = (html.escape(block, quote=False) for block in text.split("\n\n") if block.strip())
    return "".join(f"<p>{block}</p>" for block in blocks)
