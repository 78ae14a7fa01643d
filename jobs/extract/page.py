"""A parsed page: one lxml tree for text and metadata, and the evidence that lies in its head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

import lxml.etree
import lxml.html
from trafilatura.utils import repair_faulty_html

from jobs.errors import Permanent, Reason
from jobs.evidence import Evidence
from jobs.extract import jsonld
from jobs.extract.limits import MAX_DEPTH

_JSON_LD = ".//script[@type='application/ld+json']"
_ELEMENTS = lxml.etree.ElementDefaultClassLookup(element=lxml.html.HtmlElement)
"""One class for all elements: lxml.html's own lookup asks Python each time anything touches an element."""
MAX_META_CHARS = 4_000
MAX_LICENSES = 5
REPAIRED_CHARS = 4_096
"""What is wrong with a doctype or the root's tag shows in the beginning."""
_CONTROL = bytes(c for c in range(32) if c not in b"\t\n\r")
_TOO_DEEP = lxml.etree.XPath(f"boolean({'*/' * MAX_DEPTH}*)")
MAX_SCOPES = 20
"""Headings whose ancestors are asked; a page with more does not mean headlines by them."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A page, ready to be asked."""

    tree: Any
    """The root element (lxml.html). Not to be changed: all share it."""
    base: str | None
    """What relative URLs are relative to."""
    meta: dict[str, list[str]]
    """Contents of meta tags by lower-case name, property or itemprop, in order."""
    ld: jsonld.Described
    source: str = ""
    """The page as decoded, for those who parse for themselves."""

    def first(self, *names: str) -> str | None:
        """The content of the first of these meta tags that the page has."""
        return next((self.meta[name][0] for name in names if name in self.meta), None)

    def link(self, rel: str) -> str | None:
        """Absolute URL of the head's link with that relation."""
        for element in self.tree.iterfind(".//head/link[@href]"):
            if rel in (element.get("rel") or "").lower().split():
                return self.absolute(element.get("href"))
        return None

    def absolute(self, url: Any) -> str | None:
        """An http(s) URL made absolute, or None if it is not one."""
        if not isinstance(url, str) or not url.strip() or len(url) > MAX_META_CHARS:
            return None
        try:
            joined = str(urljoin(self.base or "", url.strip()))
            parts = urlsplit(joined)
        except ValueError:
            return None
        usable = parts.scheme in ("http", "https") and parts.hostname and joined.isprintable()
        return joined if usable and " " not in joined else None

    def within_article(self) -> Iterator[Any]:
        """What may hold the article: each ``article`` or ``main`` with an ``h1``, outermost first."""
        seen = set()
        for h1 in islice(self.tree.iter("h1"), MAX_SCOPES):
            above = [element for element in h1.iterancestors("article", "main") if element not in seen]
            seen.update(above)
            yield from reversed(above)


def evidence_of(page: Parsed) -> Evidence:
    """What the page says of itself, for those who read more out of it."""
    links = (e for e in page.tree.iter("a", "link") if "license" in (e.get("rel") or ""))
    said = (e for e in islice(links, MAX_LICENSES) if "license" in e.get("rel").lower().split())
    urls = (page.absolute(e.get("href")) for e in said)
    return Evidence(page.meta, page.ld.article, tuple(url for url in urls if url))


def parse(text: str, url: str | None) -> Parsed:
    """Parse a decoded page.

    Raises:
        Permanent: `Reason.TOO_COMPLEX`, nested deeper than the parser goes.
    """
    tree = _tree(text)
    return Parsed(tree, _base(tree, url), _meta(tree), jsonld.described(_scripts(tree)), text)


def _tree(text: str) -> Any:
    # huge_tree lifts libxml2's depth from 256, below which it silently drops the text. A parser of its own:
    # one that is shared between pages keeps state. Bytes, since text with an XML declaration is refused.
    parser = lxml.etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False, huge_tree=True
    )
    parser.set_element_class_lookup(_ELEMENTS)
    try:
        tree = lxml.html.document_fromstring(_repaired(text), parser=parser)
    except lxml.etree.ParserError:  # nothing but white space or comments
        return lxml.html.document_fromstring(b"<html><body></body></html>")
    # Over 2,048 even the huge parser stops, and what came of the page has no element that is too deep.
    given_up = any("Excessive depth" in error.message for error in parser.error_log)
    if given_up or _TOO_DEEP(tree):
        raise Permanent(Reason.TOO_COMPLEX, f"elements are nested more than {MAX_DEPTH:,} deep")
    return tree


def _repaired(text: str) -> bytes:
    """What the parser can read: without what no XML may hold, the beginning as trafilatura mends it."""
    end = text.find("\n", REPAIRED_CHARS) + 1 or len(text)
    beginning = repair_faulty_html(text[:end], text[:50].lower())
    rest = text[end:].replace("\ufffe", "").replace("\uffff", "")
    return (beginning + rest).encode("utf-8", "replace").translate(None, _CONTROL)


def _base(tree: Any, url: str | None) -> str | None:
    for element in tree.iterfind(".//head/base[@href]"):
        try:
            return str(urljoin(url or "", element.get("href")))
        except ValueError:
            break
    return url


def _meta(tree: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    # Some pages close their head early, so the whole page is searched.
    for element in tree.iterfind(".//meta[@content]"):
        content = element.get("content").strip()
        if not content or len(content) > MAX_META_CHARS:
            continue
        for attribute in ("name", "property", "itemprop", "http-equiv"):
            if name := (element.get(attribute) or "").strip().lower():
                found.setdefault(name, []).append(content)
    return found


def _scripts(tree: Any) -> list[str]:
    return [element.text for element in tree.iterfind(_JSON_LD) if element.text]
