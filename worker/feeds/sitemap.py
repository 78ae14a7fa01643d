"""Sitemaps as feeds: https://www.sitemaps.org/protocol.html and Google's news and image extensions.

A news sitemap is a feed already. A plain one lists a whole site, so that only pages which it says changed in
the last days are taken. A sitemap index names further sitemaps, of which the newest few are worth reading.
Elements are known by their local names: namespaces are wrong or missing too often.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from lxml import etree

from jobs.errors import Outcome
from jobs.urls import domain
from worker.feeds.dates import rfc3339
from worker.feeds.entries import MAX_ENTRIES, Document, Raw, Written
from worker.feeds.errors import FeedError, FeedReason
from worker.feeds.links import web_link

INDEX = "sitemapindex"
ROOTS = frozenset({"urlset", INDEX})
RECENT = timedelta(days=3)
"""A page of a plain sitemap is news for this long after its last change."""
MAX_CHILDREN = 3
"""Sitemaps of an index that are read at one poll."""

_NEWS_WORD = re.compile(r"news|nachricht|noticia|notizi|actualit", re.IGNORECASE)
# The commonest mistake: a query string as it is. A lenient parser would swallow the parameter's name.
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9a-fA-F]+);)")
_NUMBER = re.compile(r"[0-9]{1,9}")


class _Child(NamedTuple):
    """A sitemap of an index; the greatest is the most worth reading."""

    is_news: bool
    moment: datetime
    numbers: tuple[int, ...]
    """Of its path: where no date is given, 2024-05 comes after 2024-04."""
    url: str


def looks_like_news(url: str) -> bool:
    """Whether the path of a sitemap's URL names news. The host is no sign: all of it may be called News."""
    parts = urlsplit(url)
    return bool(_NEWS_WORD.search(f"{parts.path}?{parts.query}"))


def read(text: str, root: str, *, url: str, now: datetime) -> Document:
    """The sitemap or index in an XML text whose first element is `root`.

    Args:
        url: where it is from.
        now: aware; the present, to which "recent" refers.

    Raises:
        FeedError: `truncated`, `malformed`.
    """
    top, notes = _tree(text, root)
    if _name(top) == INDEX:
        return _index(top, url, now, notes)
    pages = [child for child in top if _name(child) == "url"]
    raws = [raw for page in pages if _child(page, "news") is not None for raw in _page(page)]
    if raws:
        left = len(pages) - len(raws)
        about = f"{left:,} pages without the news extension were left out"
    else:
        raws = _recent(pages, now)
        left = len(pages) - len(raws)
        about = f"it is no news sitemap: {left:,} pages not changed in the last {RECENT.days} days left out"
    names = (_text(_child(_child(page, "news"), "publication"), "name") for page in pages)
    return Document(
        title=next((name for name in names if name), None),
        site_link="/",
        language=next((raw.language for raw in raws if raw.language), None),
        format="sitemap",
        raws=tuple(raws),
        notes=(*notes, about) if left else notes,
    )


def _tree(text: str, root: str) -> tuple[Any, tuple[str, ...]]:
    """The document's first element, and what had to be put right."""
    options = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
    parser = etree.XMLParser(**options, recover=True, remove_comments=True, remove_pis=True, encoding="utf-8")
    top = etree.fromstring(_BARE_AMPERSAND.sub("&amp;", text).encode(), parser)
    if top is None or _name(top) not in ROOTS:
        raise FeedError(FeedReason.MALFORMED, f"its <{root}> can't be read")
    if not parser.error_log:
        return top, ()
    if f"</{root}>" in text[-4000:]:
        return top, (f"not well-formed XML at line {parser.error_log[0].line}: read leniently",)
    if len(top) < 2:
        raise FeedError(FeedReason.TRUNCATED, f"it ends without a closing </{root}>")
    top.remove(top[-1])  # the cut may have gone through its URL
    return top, (f"cut off: it ends without a closing </{root}>",)


def _index(top: Any, url: str, now: datetime, notes: tuple[str, ...]) -> Document:
    listed = [child for element in top for child in _listed(element, url, now)]
    own = [child for child in listed if _domain(child.url) == _domain(url)]
    # One that says that it did not change lately holds nothing that counts as recent.
    fresh = [c for c in own if c.is_news or c.moment == _UNDATED or c.moment > now - RECENT]
    chosen = sorted(fresh, reverse=True)[:MAX_CHILDREN]
    notes = (*notes, f"an index of {len(listed):,} sitemaps: the newest {len(chosen)} are read")
    if len(own) < len(listed):
        notes = (*notes, f"{len(listed) - len(own):,} sitemaps of other sites left out")
    return Document(
        title=None,
        site_link="/",
        language=None,
        format=INDEX,
        raws=(),
        notes=notes,
        children=tuple(dict.fromkeys(child.url for child in chosen)),
    )


_UNDATED = datetime.min.replace(tzinfo=UTC)


def _listed(element: Any, base: str, now: datetime) -> Iterator[_Child]:
    url = web_link(_text(element, "loc"), base) if _name(element) == "sitemap" else None
    if url:
        moment = _moment(_text(element, "lastmod"), now) or _UNDATED
        numbers = tuple(int(digits) for digits in _NUMBER.findall(urlsplit(url).path))
        yield _Child(looks_like_news(url), moment, numbers, url)


def _domain(url: str) -> str | None:
    try:
        return domain(url)
    except Outcome:
        return None


def _recent(pages: list[Any], now: datetime) -> list[Raw]:
    """The pages that changed lately, the newest first; never the front page, which always has."""
    dated: list[tuple[datetime, Any]] = []
    for page in pages:
        moment = _moment(_text(page, "lastmod"), now)
        if moment and moment > now - RECENT and urlsplit(_text(page, "loc") or "").path.strip("/"):
            dated.append((moment, page))
    dated.sort(key=lambda pair: pair[0], reverse=True)
    return [raw for _, page in dated[:MAX_ENTRIES] for raw in _page(page)]


def _moment(written: str | None, now: datetime) -> datetime | None:
    """A date as written, to compare by. A plain day counts as all of it."""
    text = rfc3339(written, None, now)
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC) + timedelta(days=1)


def _page(page: Any) -> Iterator[Raw]:
    link = _text(page, "loc")
    if not link:
        return
    news = _child(page, "news")
    images = (
        (_text(image, "loc"), _text(image, "caption") or _text(image, "title"))
        for image in page
        if _name(image) == "image"
    )
    yield Raw(
        links=(link,),
        title=_text(news, "title"),
        published=Written(_text(news, "publication_date")),
        updated=Written(_text(page, "lastmod")),
        tags=tuple((_text(news, "keywords") or "").split(",")),
        images=tuple((url, caption) for url, caption in images if url),
        language=_text(_child(news, "publication"), "language"),
    )


def _child(element: Any, name: str) -> Any:
    """The first child of that name, or None."""
    return next((child for child in element if _name(child) == name), None) if element is not None else None


def _text(element: Any, name: str) -> str | None:
    """The text of the first child of that name."""
    child = _child(element, name)
    text = "".join(child.itertext()).strip() if child is not None else ""
    return text or None


def _name(element: Any) -> str:
    """The local name, in lower case; of a prefix that was never declared too."""
    tag = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(tag, str) else ""
