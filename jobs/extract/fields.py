"""The simpler fields: each a choice among evidence, most trusted first, as ``(origin, value)`` or None."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from jobs.entry import Entry, Image
from jobs.errors import Permanent
from jobs.extract.jsonld import listed
from jobs.extract.page import Parsed
from jobs.extract.plain import plain, same
from jobs.urls import domain, split

Value = TypeVar("Value")
Found = tuple[str, Value] | None

MAX_SUMMARY = 600
"""Longer feed summaries are the article's beginning."""
MAX_TAGS = 30
MAX_TAG_CHARS = 80
MAX_IMAGES = 10

# What content systems call “none” in many languages, and the names of the front page and of all articles.
_NO_SECTION = frozenset(
    {
        "uncategorized", "uncategorised", "no category", "not categorized", "unkategorisiert",
        "ohne kategorie", "nicht kategorisiert", "allgemein", "non classé", "non classée",
        "non catégorisé", "sans catégorie", "sin categoría", "sin categoria", "sin categorizar",
        "sin clasificar", "senza categoria", "non categorizzato", "sem categoria", "não categorizado",
        "geen categorie", "niet gecategoriseerd", "ongecategoriseerd", "ikke kategoriseret",
        "ikke-kategoriseret", "ukategoriseret", "ukategorisert", "okategoriserad", "okategoriserade",
        "luokittelematon", "bez kategorii", "brak kategorii", "nezařazené", "nezaradené",
        "kategorizálatlan", "fără categorie", "necategorizat", "kategorisiz", "genel", "без рубрики",
        "без категории", "без категорії", "некатегоризирани", "χωρίς κατηγορία", "nekategorizirano",
        "nekategorisano", "nerazvrščeno", "sense categoria", "未分类", "未分類", "미분류", "chưa phân loại",
        "chưa được phân loại", "tanpa kategori", "tak berkategori", "غير مصنف", "ללא קטגוריה",
        "अवर्गीकृत", "home", "homepage", "home page", "startseite", "accueil", "inicio", "início",
        "forside", "strona główna", "главная", "front page", "n/a", "none", "null", "undefined",
        "default", "general", "other", "news", "latest", "latest news", "breaking news", "top news",
        "top stories", "headlines", "featured", "nachrichten", "actualités", "noticias", "notícias",
        "notizie", "nyheter", "nyheder", "ニュース", "article", "articles", "post", "posts", "blog", "root",
        "index",
    }
)  # fmt: skip
# Pages of one article have these after its path.
_SAME_PAGE = re.compile(r"amp(?:\.html)?|print|all|\d{1,2}", re.IGNORECASE)
_AMP = re.compile(r"(?:^|[/.])amp(?:$|[/.])", re.IGNORECASE)


def first(candidates: Iterable[tuple[str, Value | None]]) -> Found[Value]:
    """The first candidate that has a value."""
    return next(((origin, value) for origin, value in candidates if value), None)


def summary(page: Parsed, entry: Entry, headline: str | None) -> Found[str]:
    """The publisher's summary: one that says more than the headline and is not cut short, if there is one."""
    raw = (
        ("feed", entry.summary),
        ("json-ld", page.ld.text("description", "abstract")),
        ("meta", page.first("og:description", "description", "twitter:description", "dc.description")),
    )
    cleaned = [(origin, text) for origin, value in raw if (text := plain(value))]
    usable = [(o, t) for o, t in cleaned if len(t) <= MAX_SUMMARY and not (headline and same(t, headline))]
    whole = [(o, t) for o, t in usable if not re.search(r"(?:…|\.\.\.)\W*$", t)]
    return first(whole or usable)


def site_name(page: Parsed) -> Found[str]:
    """What the site calls itself."""
    return first(
        (
            ("meta", plain(page.first("og:site_name"), 100)),
            ("json-ld", plain(page.ld.text("publisher"), 100)),
            ("meta", plain(page.first("application-name"), 100)),
        )
    )


def section(page: Parsed) -> Found[str]:
    """The publisher's section, when it says something."""
    raw = [("json-ld", value) for value in page.ld.strings("articleSection")]
    names = ("article:section", "parsely-section")
    raw += [("meta", value) for name in names for value in page.meta.get(name, ())]
    cleaned = ((origin, plain(value, MAX_TAG_CHARS)) for origin, value in raw)
    own = (site_name(page) or ("", ""))[1]
    return first((o, t) for o, t in cleaned if t and t.casefold() not in _NO_SECTION and not same(t, own))


def tags(page: Parsed, entry: Entry) -> Found[tuple[str, ...]]:
    """The publisher's keywords, of the best source that has any."""
    return first(
        (
            ("json-ld", _keywords(page.ld.strings("keywords"))),
            ("meta", _keywords(page.meta.get("article:tag", ()))),
            ("feed", _keywords(entry.tags)),
            ("meta", _keywords(page.meta.get("news_keywords", ()))),
            ("meta", _keywords(page.meta.get("keywords", ()))),
        )
    )


def _keywords(values: Iterable[str]) -> tuple[str, ...]:
    """Separate keywords: several values are one each, a single one is a list with commas or semicolons."""
    given = list(values)
    parts = re.split(r"[,;]", given[0]) if len(given) == 1 else given
    cleaned = (plain(part, MAX_TAG_CHARS) for part in parts)
    kept: dict[str, str] = {}
    for text in cleaned:
        if text and text.casefold() not in _NO_SECTION:
            kept.setdefault(text.casefold(), text)
    return tuple(kept.values())[:MAX_TAGS]


def images(page: Parsed, entry: Entry) -> Found[tuple[Image, ...]]:
    """The article's pictures: the leading one as JSON-LD, meta tags or feed name it, then its figures."""
    lead = [("json-ld", i) for i in _ld_images(page)]
    lead += [
        ("meta", Image(u)) for name in ("og:image", "twitter:image") for u in page.meta.get(name, ())[:1]
    ]
    lead += [("feed", i) for i in entry.images]
    found: dict[str, Image] = {}
    origin = None
    for where, image in [*lead, *(("html", i) for i in _figures(page))]:
        url = page.absolute(image.url)
        if url and (url not in found or (image.caption and not found[url].caption)):
            origin = origin or where
            found[url] = Image(url, plain(image.caption, 600))
    return (origin, tuple(found.values())[:MAX_IMAGES]) if origin else None


def _ld_images(page: Parsed) -> list[Image]:
    found = []
    for value in listed(page.ld.article.get("image"))[:MAX_IMAGES]:
        url = value.get("url") or value.get("contentUrl") if isinstance(value, dict) else value
        caption = value.get("caption") if isinstance(value, dict) else None
        caption = caption if isinstance(caption, str) else None
        found += [Image(u, caption) for u in listed(url) if isinstance(u, str)]
    return found[:1]  # the others are the same picture in other shapes


def _figures(page: Parsed) -> list[Image]:
    found = []
    for scope in page.within_article():
        for figure in scope.iterfind(".//figure"):
            image, caption = figure.find(".//img"), figure.find(".//figcaption")
            url = (image.get("src") or image.get("data-src")) if image is not None else None
            if url and not url.startswith("data:"):
                found.append(Image(url, caption.text_content() if caption is not None else None))
        break  # the outermost holds all
    return found


def canonical(page: Parsed, final_url: str | None) -> Found[str]:
    """The page's own URL, believed where it makes sense: on its own host rather than elsewhere on its domain.

    Never believed: another registrable domain, another host where the page has another name, the front page,
    a directory above the page (which all its articles would share), an AMP page of one that is none.
    """
    if final_url is None:
        return None
    said = (page.link("canonical"), page.absolute(page.first("og:url")))
    believed = [url for url in said if url and _believable(url, final_url)]
    url = next((url for url in believed if _host(url) == _host(final_url)), None) or next(
        iter(believed), None
    )
    return ("meta", url) if url else None


def _believable(candidate: str, final_url: str) -> bool:
    try:
        there, here = split(candidate), split(final_url)
        same_site = domain(candidate) == domain(final_url)
    except Permanent:  # not a usable URL
        return False
    if not same_site or (there.target == "/" and here.target != "/"):
        return False
    elsewhere = _host(candidate) != _host(final_url) and _slug(there.target) != _slug(here.target)
    to_amp = _AMP.search(candidate) and not _AMP.search(final_url)
    return not (elsewhere or to_amp or _is_above(there.target, here.target))


def _slug(target: str) -> str:
    """The last part of a path that names something."""
    parts = [part for part in target.split("?")[0].split("/") if part and not _SAME_PAGE.fullmatch(part)]
    return parts[-1].split(".")[0].casefold() if parts else ""


def _is_above(there: str, here: str) -> bool:
    """Is one path the directory of another? Not where only “amp” or the number of a page goes."""
    above, below = (target.split("?")[0].strip("/").split("/") for target in (there, here))
    rest = below[len(above) :]
    asks = "?" in there  # a page of its own that is told by its query
    return (
        below[: len(above)] == above and bool(rest) and not asks and not all(map(_SAME_PAGE.fullmatch, rest))
    )


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def access(page: Parsed) -> Found[str]:
    """``free`` or ``paywall``, where the publisher says which (schema.org isAccessibleForFree)."""
    value: Any = page.ld.article.get("isAccessibleForFree")
    word = str(value).strip().casefold().rsplit("/", 1)[-1]
    said = {"true": "free", "false": "paywall"}.get(word)
    return ("json-ld", said) if said else None
