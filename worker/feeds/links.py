"""Links as feeds write them, made usable."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, urljoin, urlsplit

MAX_LINK_CHARS = 4096

_BLANKS = re.compile(r"[\t\r\n]+")
# Formatting that is not seen, or turns the line round that the URL is shown in. In a URL it means its bytes.
_UNSEEN = re.compile("[\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def web_link(raw: object, base: str) -> str | None:
    """The absolute http(s) URL that a feed means, or None when it means none.

    Resolved against `base`; line breaks and blanks around it removed, as browsers do (WHATWG URL); a blank
    inside becomes ``%20``, ``&amp;`` an ampersand, what is not seen is percent-encoded. Otherwise it stays as
    the feed has it.
    """
    if not isinstance(raw, str):
        return None
    text = _BLANKS.sub("", raw.strip()).replace("&amp;", "&").replace(" ", "%20")
    if not text or len(text) > MAX_LINK_CHARS or _UNUSABLE.search(text):
        return None
    text = _UNSEEN.sub(lambda unseen: quote(unseen[0]), text)
    if text.lower().startswith("www."):
        text = "//" + text
    try:
        absolute = urljoin(base, text)
        parts = urlsplit(absolute)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return absolute if usable and len(absolute) <= MAX_LINK_CHARS else None


def web_links(raws: Iterable[object], base: str) -> tuple[str, ...]:
    """The absolute http(s) URLs among some links, each once, in their order."""
    links = (web_link(raw, base) for raw in raws)
    return tuple(dict.fromkeys(link for link in links if link))


def is_absolute(raw: object) -> bool:
    """Whether a text is an absolute http(s) URL as it stands."""
    return isinstance(raw, str) and raw.strip().lower().startswith(("http://", "https://"))
