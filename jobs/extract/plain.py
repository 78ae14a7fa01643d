"""Third-party text made harmless: plain Unicode without markup, control characters or surrogates."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Any

# C0, DEL and C1 except newline; lone surrogates (JSON can hold them, UTF-8 can't); bidirectional overrides
# and isolates, which make a terminal show another text than is there; BOM and the noncharacters.
_CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]+"
)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
MAX_LINE = 2_000


def plain(value: Any, limit: int = MAX_LINE) -> str | None:
    """One line of plain text out of whatever a page or feed gave: None for nothing, or for no text.

    Markup is removed, character references are resolved, white space is collapsed, the text cut to `limit`
    characters and normalised to NFC.
    """
    if not isinstance(value, str):
        return None
    text = html.unescape(_TAG.sub(" ", html.unescape(value[: 4 * limit])))
    text = unicodedata.normalize("NFC", _CONTROL.sub(" ", text))
    return " ".join(text.split())[:limit].rstrip() or None


def plain_lines(text: str) -> list[str]:
    """The lines of a text that say something, without control characters, white space collapsed."""
    lines = (" ".join(_CONTROL.sub(" ", line).split()) for line in text.split("\n"))
    return [line for line in lines if line]


def same(one: str, other: str) -> bool:
    """Do two texts say the same, apart from case, punctuation and spaces?"""
    return bool(letters(one)) and letters(one) == letters(other)


def letters(text: str) -> str:
    """The letters and digits of a text, case folded: what is left to compare."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
