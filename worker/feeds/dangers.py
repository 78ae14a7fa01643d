"""A cheap look at a document for what is known to make parsers slow, before one of them reads it.

This only spares a child process the work: what it doesn't know runs into the deadline (see parser.py). The
figures behind the limits were measured on feedparser 6.0.14.
"""

from __future__ import annotations

import re

from worker.feeds.errors import FeedError, FeedReason

MAX_BYTES = 16 * 1024 * 1024
"""Well above what polling lets through; a bound for documents from elsewhere."""
MAX_ATTRIBUTES = 5_000
"""In one tag. The cost is quadratic: 10,000 take 0.9 s, 40,000 take 15 s."""
MAX_OPEN_TAGS = 50_000
"""``<`` without ``>``. 2 MB of them take 7 s."""
MAX_NAME_CHARS = 2_000
"""In one author. The search for an e-mail address in it is quadratic: 50,000 take 7 s."""
MAX_ENTITIES = 300
"""Declared entities. HTML's own are 252."""
MAX_ENTITY_CHARS = 200

_ENTITY = re.compile(r"<!ENTITY([^>]*)", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"=\s*[\"']|=\w")
_LONG_NAME = re.compile(
    rf"<(?:\w{{1,20}}:)?(?:author|creator|managingEditor|webMaster|publisher|name)\b[^<>]{{0,200}}>"
    rf"(?:<!\[CDATA\[)?[^<]{{{MAX_NAME_CHARS}}}",
    re.IGNORECASE,
)


def check_size(body: bytes) -> None:
    """Raises FeedError (`too_large`) when there is more than anyone should parse."""
    if len(body) > MAX_BYTES:
        raise FeedError(FeedReason.TOO_LARGE, f"{len(body):,} bytes; the limit is {MAX_BYTES:,}")


def check(text: str) -> None:
    """Raises FeedError (`too_complex`) when a parser should not be let near the text."""
    danger = _entities(text) or _open_tags(text) or _attributes(text) or _names(text)
    if danger:
        raise FeedError(FeedReason.TOO_COMPLEX, danger)


def _entities(text: str) -> str:
    declared = _ENTITY.findall(text)
    if len(declared) > MAX_ENTITIES:
        return f"it declares {len(declared):,} entities"
    longest = max(map(len, declared), default=0)
    return f"it declares an entity of {longest:,} characters" if longest > MAX_ENTITY_CHARS else ""


def _open_tags(text: str) -> str:
    unclosed = text.count("<") - text.count(">")
    return f"it has {unclosed:,} tags that never end" if unclosed > MAX_OPEN_TAGS else ""


def _attributes(text: str) -> str:
    for piece in text.split("<"):
        if len(piece) > MAX_ATTRIBUTES * 3:
            count = len(_ATTRIBUTE.findall(piece))
            if count > MAX_ATTRIBUTES:
                return f"it has a tag with {count:,} attributes"
    return ""


def _names(text: str) -> str:
    return f"it has an author of over {MAX_NAME_CHARS:,} characters" if _LONG_NAME.search(text) else ""
