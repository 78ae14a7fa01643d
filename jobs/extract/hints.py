"""What the names of classes and ids say of an element, in the words that page authors share.

Words of English and of HTML's own habits, none of a single site. They are evidence beside other, no rule.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_WORDS = {
    "related": "relat recommend readmore more popular trending also teaser latest suggest similar promo next "
    "prev card listitem carousel",
    "share": "share sharing social follow",
    "offer": "newsletter subscri signup paywall premium register login donat member offer cta banner popup "
    "modal overlay",
    "picture": "caption credit figure photo image img gallery media video player copyright legend slide",
    "byline": "byline author bio writer contributor profile avatar person",
    "meta": "meta date time stamp publish info tag topic keyword categor breadcrumb label kicker eyebrow",
    "comment": "comment discussion reply respond",
    "advert": "advert sponsor affiliate",
    "furniture": "nav menu footer header sidebar widget toolbar cookie consent skip masthead aside toc",
    "lead": "lead standfirst summary subhead subtitle dek deck intro excerpt abstract description perex",
    "beside": "quote pull highlight box embed tweet fact note disclaim correction source reference",
    "unseen": "hidden hide sronly visually screenreader print",
    "body": "body content entry article post story text paragraph main detail prose",
}
HINTS = tuple(_WORDS)
"""Kinds of hint."""
_BITS = tuple((word, 1 << bit) for bit, words in enumerate(_WORDS.values()) for word in words.split())
_ADVERT, _UNSEEN = 1 << HINTS.index("advert"), 1 << HINTS.index("unseen")
_AD = re.compile(r"(?<![a-z])ads?(?![a-z])")
MAX_NAMES_CHARS = 300


def hints(element: Any) -> int:
    """Bits, one for each of `HINTS`."""
    bits = _named(f"{element.get('class') or ''} {element.get('id') or ''}"[:MAX_NAMES_CHARS])
    if element.get("hidden") is not None or "display:none" in (element.get("style") or "").replace(" ", ""):
        bits |= _UNSEEN
    return bits


@lru_cache(maxsize=4096)  # names come again on a page, and on the pages of its site
def _named(names: str) -> int:
    names = names.lower()
    bits = _ADVERT if _AD.search(names) else 0
    joined = names.replace("-", "").replace("_", "")
    for word, bit in _BITS:  # a search for each is many times faster than one regex of them all
        if word in joined:
            bits |= bit
    return bits
