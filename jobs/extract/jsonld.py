"""The article that a page describes in JSON-LD (schema.org), read tolerantly.

Publishers write it as one object, a list, a ``@graph`` or nested in a WebPage, with trailing commas, raw
newlines in strings or HTML comments around it. What can't be read is left out; it is evidence, not contract.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_SCRIPT_CHARS = 400_000
MAX_TOTAL_CHARS = 1_000_000
"""5 MB of JSON-LD took 674 MB of memory."""
MAX_OBJECTS = 500
MAX_LEVELS = 6

_TYPES = frozenset({"article", "blogposting", "liveblogposting", "socialmediaposting", "report"})
"""And every type that ends in “article”: NewsArticle, OpinionNewsArticle, TechArticle …"""
_PAGE_TYPES = frozenset(
    {"webpage", "itempage", "medicalwebpage", "recipe", "howto", "review", "podcastepisode"}
)
_WRAPPING = re.compile(r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>)\s*$")
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")


@dataclass(frozen=True, slots=True)
class Described:
    """What JSON-LD says about the page's article; values are raw: of any JSON type."""

    article: dict[str, Any]
    """The article object, ``{}`` if there is none."""
    page: dict[str, Any] = field(default_factory=dict)
    """The object of the page that holds it, or of a recipe, review or episode; ``{}`` if there is none."""
    named: dict[str, dict[str, Any]] = field(default_factory=dict)
    """``@id`` → the object with a name that others refer to by it."""
    kinds: frozenset[str] = frozenset()
    """Types of what describes the page itself, in lower case: not of what it lists."""
    updates: tuple[dict[str, Any], ...] = ()
    """A live blog's entries, in the order they are given."""
    own_article: bool = False
    """Is an article among that? `article` may be one of a list of others."""

    def people(self, *properties: str) -> list[Any]:
        """The values of properties of the article: strings or objects, what they only refer to resolved."""
        values = [value for name in properties for value in listed(self.article.get(name))]
        return [self._resolved(value) if isinstance(value, dict) else value for value in values]

    def _resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        known = self.named.get(str(value.get("@id")), {})
        return value if value.get("name") else known

    @property
    def is_live(self) -> bool:
        """Is it a live blog?"""
        return any("liveblog" in kind for kind in (*self.kinds, *_types(self.article)))

    @property
    def body(self) -> str:
        """The article's text as its publisher gives it, a live blog's entries by lines; ``""`` if none."""
        parts = [one.get(name) for one in self.updates[:MAX_OBJECTS] for name in ("headline", "articleBody")]
        return "\n".join(part for part in (self.text("articleBody"), *parts) if isinstance(part, str))

    def text(self, *names: str) -> str | None:
        """The first of the properties that is a string, or an object with a name."""
        for name in names:
            for value in listed(self.article.get(name)):
                found = value.get("name") if isinstance(value, dict) else value
                if isinstance(found, str) and found.strip():
                    return found
        return None

    def page_dates(self, name: str) -> list[str]:
        """What the page's own object says of a date."""
        return [value for value in listed(self.page.get(name)) if isinstance(value, str)]

    def strings(self, name: str) -> list[str]:
        """All values of a property that are strings or named objects."""
        values = (v.get("name") if isinstance(v, dict) else v for v in listed(self.article.get(name)))
        return [value for value in values if isinstance(value, str) and value.strip()]


def listed(value: Any) -> list[Any]:
    """JSON-LD's “one or many”: a list of it, without nulls."""
    values = value if isinstance(value, list) else [value]
    return [v for v in values if v is not None]


def described(scripts: list[str]) -> Described:
    """The page's main article out of the contents of its JSON-LD scripts."""
    found: list[dict[str, Any]] = []
    pages: list[dict[str, Any]] = []
    named: dict[str, dict[str, Any]] = {}
    own: list[dict[str, Any]] = []
    total = 0
    for script in scripts:
        total += len(script)
        if len(script) <= MAX_SCRIPT_CHARS and total <= MAX_TOTAL_CHARS:
            parsed = _parse(script)
            objects = list(_objects(parsed, MAX_LEVELS))
            found += [o for o in objects if _is_article(o)]
            own += list(_own(parsed))[:MAX_OBJECTS]
            named |= {str(o["@id"]): o for o in objects[:MAX_OBJECTS] if o.get("@id") and o.get("name")}
            pages += [o for o in objects if _PAGE_TYPES & set(_types(o)) and o.get("datePublished")]
    # An index of other articles is described alike: the page's own has most to say about itself.
    main = max(found[:MAX_OBJECTS], key=_weight, default={})
    kinds = frozenset(kind for one in own for kind in _types(one))
    updates = (entry for one in own for entry in listed(one.get("liveBlogUpdate")) if isinstance(entry, dict))
    return Described(
        main, pages[0] if pages else {}, named, kinds, tuple(updates), any(map(_is_article, own))
    )


def _parse(script: str) -> Any:
    text = _WRAPPING.sub("", script).strip().rstrip(";")
    for attempt in (text, _TRAILING_COMMA.sub("", text)):
        try:
            return json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def _objects(value: Any, levels: int) -> Iterator[dict[str, Any]]:
    if levels == 0:
        return
    for item in listed(value):
        if isinstance(item, dict):
            yield item
            for name in ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item", "hasPart"):
                yield from _objects(item.get(name), levels - 1)
        elif isinstance(item, list):
            yield from _objects(item, levels - 1)


def _own(value: Any) -> Iterator[dict[str, Any]]:
    """What describes the page itself: the outermost objects and their main entity."""
    for item in listed(value):
        if isinstance(item, dict):
            yield item
            for name in ("@graph", "mainEntity"):
                yield from (one for one in listed(item.get(name)) if isinstance(one, dict))


def _is_article(candidate: dict[str, Any]) -> bool:
    return any(t in _TYPES or t.endswith("article") for t in _types(candidate))


def _types(candidate: dict[str, Any]) -> list[str]:
    return [t.rsplit("/", 1)[-1].casefold() for t in listed(candidate.get("@type")) if isinstance(t, str)]


def _weight(candidate: dict[str, Any]) -> int:
    names = ("headline", "datePublished", "author", "articleBody", "publisher", "image", "mainEntityOfPage")
    return sum(1 for name in names if candidate.get(name))
