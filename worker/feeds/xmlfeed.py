"""RSS 0.9x–2.0, RDF and Atom, through feedparser.

feedparser gets well-formed UTF-8 and no address: it would make numeric guids into links, and guids would
change when a feed moves. Links are resolved afterwards. Nothing in its result can be trusted to have the type
one expects: unknown elements may take any name.
"""

from __future__ import annotations

import html
import io
import re
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import feedparser

from worker.feeds.entries import Document, Raw, Written
from worker.feeds.errors import FeedError, FeedReason
from worker.feeds.links import is_absolute
from worker.feeds.skips import skip_days, skip_hours

MAX_RELATED = 20
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_IMAGE_PATH = re.compile(r"\.(jpe?g|png|webp|gif|avif)([?#]|$)", re.IGNORECASE)
_EXTRAS = re.compile(r"</?(?:(?:georss|gml|geo|psc|cc|creativeCommons):\w|textInput\b)[^<>]*>", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,7}")
_PERIODS_S = {
    "hourly": 3600, "daily": 86_400, "weekly": 7 * 86_400, "monthly": 30 * 86_400, "yearly": 365 * 86_400,
}  # fmt: skip
_LONGEST_TTL_S = _PERIODS_S["yearly"]
_DECLARATION = b'<?xml version="1.0" encoding="utf-8"?>\n'


def read(text: str, root: str) -> Document:
    """The feed in an XML text whose first element is `root`.

    Raises:
        FeedError: `truncated`, or `not_a_feed`.
        Exception: whatever feedparser stumbles over.
    """
    parsed, notes = _feedparser(text, root)
    version = str(parsed.get("version") or "")
    feed = parsed.feed
    raws = tuple(_raw(entry, version, _text(feed, "language")) for entry in parsed.entries)
    if not any(raw.links for raw in raws):
        _complain(version, text, root)
    return Document(
        title=_text(feed, "title"),
        site_link=next(_alternates(feed), None),
        language=_text(feed, "language"),
        format=version or "unknown",
        raws=raws,
        notes=notes,
        ttl_s=_ttl_s(feed),
        skip_hours=skip_hours(text),
        skip_days=skip_days(text),
        hub_links=tuple(_related(feed, "hub")),
        self_link=next(_related(feed, "self"), None),
    )


def _related(feed: Any, relation: str) -> Iterator[str]:
    """The feed's links (Atom's, in RSS too) of this kind, at most `MAX_RELATED`."""
    found = (_text(link, "href") for link in _dicts(feed, "links") if dict.get(link, "rel") == relation)
    return islice((href for href in found if href), MAX_RELATED)


def _ttl_s(feed: Any) -> int | None:
    """The feed's own wish: RSS 2.0's ttl, in minutes, else RSS 1.0's syndication module.

    That one says how often the feed is updated in a period: daily and once, where it leaves one of them out
    (https://web.resource.org/rss/1.0/modules/syndication/). What is no sensible number is no wish.
    """
    minutes = _number(_text(feed, "ttl"))
    if minutes:
        return min(minutes * 60, _LONGEST_TTL_S)
    period, often = _text(feed, "sy_updateperiod"), _text(feed, "sy_updatefrequency")
    if not period and not often:
        return None
    period_s, times = _PERIODS_S.get((period or "daily").strip().lower()), _number(often or "1")
    return max(period_s // times, 1) if period_s and times else None


def _number(text: str | None) -> int:
    """A whole number of at most seven digits; 0 for anything else."""
    digits = (text or "").strip()
    return int(digits) if _DIGITS.fullmatch(digits) else 0


def _feedparser(text: str, root: str) -> tuple[Any, tuple[str, ...]]:
    """feedparser's result and what it complained about. What it stumbles over is mostly beside the news."""
    try:
        return _parsed(text, root)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        without, found = _EXTRAS.subn("", text)
        if not found:
            raise
        parsed, notes = _parsed(without, root)
        return parsed, (*notes, f"places, licences and chapters left out: they can't be read ({error})")


def _parsed(text: str, root: str) -> tuple[Any, tuple[str, ...]]:
    document = io.BytesIO(_DECLARATION + text.encode("utf-8"))
    parsed = feedparser.parse(document, sanitize_html=False, resolve_relative_uris=False)
    return parsed, _wellformedness(parsed, text, root)


def _complain(version: str, text: str, root: str) -> None:
    if _is_cut(text, root):
        raise FeedError(FeedReason.TRUNCATED, f"it ends without a closing </{root}>")
    if not version:
        raise FeedError(FeedReason.NOT_A_FEED, f"it is XML, but of another kind: <{root}>")


def _wellformedness(parsed: Any, text: str, root: str) -> tuple[str, ...]:
    if not parsed.get("bozo"):
        return ()
    error = parsed.get("bozo_exception")
    line = getattr(error, "getLineNumber", lambda: None)()
    message = getattr(error, "getMessage", lambda: str(error))()
    where = f" at line {line - 1}" if line else ""
    cut = (f"cut off: it ends without a closing </{root}>",) if _is_cut(text, root) else ()
    return (*cut, f"not well-formed XML{where} ({str(message)[:200]}): read leniently")


def _is_cut(text: str, root: str) -> bool:
    """Whether the closing tag of the first element is missing at the end."""
    return bool(root) and not re.search(
        rf"</{re.escape(root)}\s*>|<{re.escape(root)}[^<]*/>", text[-4000:], re.I
    )


def _raw(entry: Any, version: str, language: str | None) -> Raw:
    published, updated = _dates(entry, version)
    return Raw(
        links=tuple(_links(entry)),
        guid=_text(entry, "id"),
        title=_text(entry, "title"),
        summary=_text(entry, "summary"),
        content=_content(entry),
        authors=tuple(_people(entry)),
        published=published,
        updated=updated,
        tags=tuple(_terms(entry)),
        images=tuple((url, None) for url in _images(entry)),
        language=_text(entry, "language") or _text(_dict(entry, "title_detail"), "language") or language,
    )


def _links(entry: Any) -> Iterator[str]:
    """Candidates for the link, the best first."""
    for key in ("feedburner_origlink", "pheedo_origlink"):
        link = _text(entry, key)
        if link and is_absolute(link):
            yield link
    yield from _alternates(entry)
    guid = _text(entry, "id")
    # A permalink may be relative, but one that is only a word or a number was never meant as one.
    if guid and (is_absolute(guid) or (guid.startswith("/") and dict.get(entry, "guidislink") is not False)):
        yield guid


def _alternates(holder: Any) -> Iterator[str]:
    """Links to the thing itself: HTML before other types, in the document's order; then a bare link."""
    links = [link for link in _dicts(holder, "links") if dict.get(link, "rel") == "alternate"]
    for link in sorted(links, key=lambda link: dict.get(link, "type") not in _HTML_TYPES):
        href = _text(link, "href")
        if href:
            yield href
    bare = _text(holder, "link")
    if bare and bare != _text(holder, "id"):  # feedparser puts a guid there when there is no link
        yield bare


def _dates(entry: Any, version: str) -> tuple[Written, Written]:
    """Published and updated. RSS and RDF mean publication by dc:date; feedparser reads an update."""
    published = _written(entry, "published") or _written(entry, "created")
    updated = _written(entry, "updated")
    if not published and not version.startswith("atom"):
        published, updated = updated, None
    return published or Written(), updated or Written()


def _written(entry: Any, key: str) -> Written | None:
    text, utc = _text(entry, key), dict.get(entry, f"{key}_parsed")
    return Written(text, utc if isinstance(utc, time.struct_time) else None) if text else None


def _content(entry: Any) -> str | None:
    """The longest content, as HTML."""
    values = ((_text(c, "value"), dict.get(c, "type")) for c in _dicts(entry, "content"))
    texts = [
        html.escape(value, quote=False) if kind == "text/plain" and "<" not in value else value
        for value, kind in values
        if value and (kind in _HTML_TYPES or kind == "text/plain")
    ]
    return max(texts, key=len, default=None)


def _people(entry: Any) -> Iterator[str]:
    """Authors. A single one as written: feedparser mangles names beside mail addresses in newer domains."""
    names = [name for name in (_text(person, "name") for person in _dicts(entry, "authors")) if name]
    author = _text(entry, "author")
    yield from [author] if author and len(names) < 2 else names


def _terms(entry: Any) -> Iterator[str]:
    for tag in _dicts(entry, "tags"):
        term = _text(tag, "label") or _text(tag, "term")
        if term:
            yield term


def _images(entry: Any) -> Iterator[str]:
    """URLs of pictures: media:content (the widest first), enclosures, then thumbnails."""
    media = [m for m in _dicts(entry, "media_content") if _is_image(m)]
    enclosures = [
        link for link in _dicts(entry, "links") if dict.get(link, "rel") == "enclosure" and _is_image(link)
    ]
    thumbnails = _dicts(entry, "media_thumbnail")
    for holder in [*sorted(media, key=_width, reverse=True), *enclosures, *thumbnails]:
        url = _text(holder, "url") or _text(holder, "href")
        if url:
            yield url


def _is_image(media: Any) -> bool:
    kind = str(dict.get(media, "medium") or dict.get(media, "type") or "").lower()
    url = _text(media, "url") or _text(media, "href") or ""
    return kind.startswith("image") if kind else bool(_IMAGE_PATH.search(url))


def _width(media: Any) -> int:
    digits = str(dict.get(media, "width") or "")
    return int(digits) if re.fullmatch(r"[0-9]{1,5}", digits) else 0


def _text(holder: Any, key: str) -> str | None:
    """A text in a feedparser dictionary. `dict.get`, since its own guesses, and warns."""
    value = dict.get(holder, key) if isinstance(holder, dict) else None
    return value if isinstance(value, str) and value.strip() else None


def _dict(holder: Any, key: str) -> Any:
    value = dict.get(holder, key)
    return value if isinstance(value, dict) else {}


def _dicts(holder: Any, key: str) -> list[Any]:
    value = dict.get(holder, key) if isinstance(holder, dict) else None
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []
