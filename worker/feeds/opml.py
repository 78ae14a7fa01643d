"""Lists of feeds as OPML 2.0 (https://opml.org/spec2.opml), folders kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from jobs.errors import PalmyraError

MAX_BYTES = 20 * 1024 * 1024

MAX_DEPTH = 50
"""Folders in folders. Deeper ones are joined with the last."""

_FEED_SCHEME = re.compile(r"\Afeed:(//)?(https?:)?", re.IGNORECASE)
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class OpmlError(PalmyraError):
    """The document is not a readable OPML list."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One feed of a list."""

    url: str
    """As listed, not checked."""
    title: str = ""
    site_url: str = ""
    folders: tuple[str, ...] = ()
    """Names of the folders around it, the outermost first."""


def read(data: bytes) -> list[Outline]:
    """The feeds of an OPML document in its order, each URL once (the first mention wins).

    Raises:
        OpmlError: not well-formed, not OPML, too large, or it declares entities; says what and where.
    """
    root = _root(data)
    if _name(root) != "opml":
        raise OpmlError(f"This is not an OPML list: its first element is <{_name(root)}>, not <opml>.")
    body = next((child for child in root if _name(child) == "body"), None)
    if body is None:
        raise OpmlError("The OPML list has no <body>.")
    found: dict[str, Outline] = {}
    for outline in _outlines(body, ()):
        found.setdefault(outline.url, outline)
    return list(found.values())


def write(outlines: Iterable[Outline], title: str = "Palmyra feeds") -> bytes:
    """An OPML document. Feeds keep their order inside a folder, folders the order of their first feed."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = _writable(title)
    folders: dict[tuple[str, ...], Any] = {(): etree.SubElement(root, "body")}
    written: set[str] = set()
    for outline in outlines:
        if outline.url not in written:
            written.add(outline.url)
            etree.SubElement(_folder(folders, outline.folders[:MAX_DEPTH]), "outline", _attributes(outline))
    document: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return document


def _root(data: bytes) -> Any:
    if not data.strip():
        raise OpmlError("The list is empty.")
    if len(data) > MAX_BYTES:
        raise OpmlError(f"The list has {len(data):,} bytes; the limit is {MAX_BYTES:,}.")
    options = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
    parser = etree.XMLParser(**options, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(data.strip(), parser)
    except etree.XMLSyntaxError as error:
        raise OpmlError(
            f"The list is not well-formed XML: {error.msg}. Export it again, or mend it."
        ) from None
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):
        raise OpmlError("The list declares entities, which no OPML list needs. Remove its DOCTYPE.")
    return root


def _outlines(parent: Any, folders: tuple[str, ...]) -> Iterator[Outline]:
    """The feeds in an element; outlines without a feed URL are folders."""
    for element in parent:
        if _name(element) != "outline":
            continue
        attributes = {str(name).lower(): " ".join(value.split()) for name, value in element.attrib.items()}
        label = attributes.get("title") or attributes.get("text", "")
        url = _FEED_SCHEME.sub(_web_scheme, attributes.get("xmlurl", ""))
        if url:
            title = "" if label == url else label
            yield Outline(url, title, attributes.get("htmlurl", ""), folders)
        inside = folders if url or not label or len(folders) == MAX_DEPTH else (*folders, label)
        yield from _outlines(element, inside)


def _web_scheme(match: re.Match[str]) -> str:
    """``feed://host/`` and ``feed:https://host/`` are what some readers export."""
    return match[2] or "http://"


def _folder(folders: dict[tuple[str, ...], Any], path: tuple[str, ...]) -> Any:
    if path not in folders:
        label = _writable(path[-1])
        folders[path] = etree.SubElement(_folder(folders, path[:-1]), "outline", text=label, title=label)
    return folders[path]


def _attributes(outline: Outline) -> dict[str, str]:
    label = _writable(outline.title) or _writable(outline.url)
    site = {"htmlUrl": _writable(outline.site_url)} if outline.site_url else {}
    return {"type": "rss", "text": label, "title": label, "xmlUrl": _writable(outline.url), **site}


def _name(element: Any) -> str:
    return etree.QName(element).localname.lower() if isinstance(element.tag, str) else ""


def _writable(text: str) -> str:
    """Text on one line without what XML can't hold."""
    return " ".join(_UNWRITABLE.sub("", text).split())
