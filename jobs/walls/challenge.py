"""Bot walls: is an answer a challenge (or the refusal) of a product that keeps robots out?"""

from __future__ import annotations

import re
from collections.abc import Mapping

from jobs.visible import title, visible_words
from jobs.walls.vendors import VENDORS, Vendor

LOOK_AT_CHARS = 64 * 1024
"""Challenges are small, and say what they are at once."""
FEW_WORDS = 150
"""A page on which readers see more is no challenge, whatever scripts it carries."""
FINE = frozenset((200, 203))
PLAIN_ANSWERS = frozenset((404, 410, 451))
"""Statuses that say what they mean; no product uses them for a challenge."""
MAX_BAD_CHARS = 4
"""A character cut in the middle is still UTF-8; more than these are another encoding."""

_NO_INDEX = re.compile(r"<meta[^<>]{0,200}robots[^<>]{0,200}noindex", re.I)


def challenger(status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """The name of the product whose challenge or refusal this answer is, None for any other answer.

    The header of a challenge says so at once, unless the status says that all is well. The rest is told from
    the beginning of the body, and only where readers see next to no text: articles about these products stay
    articles.

    Args:
        status: the HTTP status, 200 and 202 included: some challenges are served so.
        headers: names in lower case.
        body: decoded; the beginning is enough.
    """
    vendor = _by_header(headers)
    if vendor and (status not in FINE or _few_words(body)):
        return vendor
    return None if status in PLAIN_ANSWERS else in_page(body, refused=status >= 400)


def in_page(body: bytes, *, refused: bool = False) -> str | None:
    """The product whose challenge a page is, as far as the page tells; `refused`: its status was an error."""
    text = _text(body[:LOOK_AT_CHARS])
    named = title(text).casefold()
    vendor = _by_mark(text, named) or _by_hint(text, refused=refused)
    # The words are counted last: next to no page comes so far.
    return vendor if vendor and _few_words(body) else None


def _by_header(headers: Mapping[str, str]) -> str | None:
    for vendor in VENDORS:
        for name, value in vendor.headers:
            if name in headers and headers[name].strip().lower().startswith(value):
                return vendor.name
    return None


def _by_mark(text: str, named: str) -> str | None:
    def shows(vendor: Vendor) -> bool:
        return named in vendor.titles or any(mark in text for mark in vendor.marks)

    return next((vendor.name for vendor in VENDORS if shows(vendor)), None)


def _by_hint(text: str, *, refused: bool) -> str | None:
    """What may stand on an ordinary page, too, counts on an error page and on one not to be indexed."""
    found = next((vendor.name for vendor in VENDORS if any(hint in text for hint in vendor.hints)), None)
    return found if found and (refused or _NO_INDEX.search(text)) else None


def _few_words(body: bytes) -> bool:
    # A page of which even the beginning is full of words needs no look at the rest.
    return visible_words(_text(body[:LOOK_AT_CHARS])) < FEW_WORDS and (
        len(body) <= LOOK_AT_CHARS or visible_words(_text(body)) < FEW_WORDS
    )


def _text(body: bytes) -> str:
    """Good enough for counting words and finding ASCII."""
    text = body.decode("utf-8", "replace")
    return text if text.count("\ufffd") < MAX_BAD_CHARS else body.decode("latin-1")
