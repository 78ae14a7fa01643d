"""What the names of classes and ids say of an element, in the words that page authors share.

Words of English and of HTML's own habits, none of a single site. They are evidence beside other, never a rule.
"""

from __future__ import annotations

import re
from typing import Any

_WORDS = {
    "related": "relat|recommend|read-?more|more-|popular|trending|also|teaser|latest|suggest|similar|promo|next|prev"
    "|card|list-?item|carousel|swiper",
    "share": "share|sharing|social|follow",
    "offer": "newsletter|subscri|sign-?up|paywall|premium|register|login|donat|member|offer|cta|banner|popup|modal"
    "|overlay",
    "picture": "caption|credit|figure|photo|image|img|gallery|media|video|player|copyright|legend|slide",
    "byline": "byline|author|bio|writer|contributor|profile|avatar|person",
    "meta": "meta|date|time|stamp|publish|updated|info|tag|topic|keyword|categor|breadcrumb|label|kicker|eyebrow",
    "comment": "comment|disqus|discussion|reply|respond",
    "advert": r"\bads?\b|advert|sponsor|affiliate",
    "furniture": "nav|menu|footer|header|sidebar|widget|toolbar|cookie|consent|skip|masthead|aside|toc",
    "lead": "lead|standfirst|summary|sub-?head|sub-?title|dek|deck|intro|excerpt|abstract|description|perex",
    "beside": "quote|pull|highlight|box|embed|tweet|fact|note|disclaim|correction|source|reference",
    "unseen": "hidden|hide|sr-only|visually|screen-reader|print",
    "body": "body|content|entry|article|post|story|text|paragraph|main|detail|prose",
}
HINTS = tuple(_WORDS)
"""Kinds of hint; the first that a place in a name fits counts."""
_ANY = re.compile("|".join(f"(?P<{kind}>{words})" for kind, words in _WORDS.items()), re.IGNORECASE)
_INDEX = {kind: index for index, kind in enumerate(HINTS)}
_UNSEEN = 1 << _INDEX["unseen"]
MAX_NAMES_CHARS = 300


def hints(element: Any, known: dict[str, int]) -> int:
    """Bits, one for each of `HINTS`; `known` keeps what names of this page were found to say."""
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    bits = 0
    if names != " ":
        if names not in known:
            found = {match.lastgroup for match in _ANY.finditer(names[:MAX_NAMES_CHARS].replace("_", " "))}
            known[names] = sum(1 << _INDEX[kind] for kind in found if kind)
        bits = known[names]
    if element.get("hidden") is not None or "display:none" in (element.get("style") or "").replace(" ", ""):
        bits |= _UNSEEN
    return bits
