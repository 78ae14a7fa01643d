"""Events as an Atom feed (RFC 4287); what was withdrawn is told by tombstones (RFC 6721)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from worker.export.jsonfeed import Channel
from worker.export.naming import article_urn, is_withdrawal, moment, topics, uri

CONTENT_TYPE = "application/atom+xml"
NAMESPACE = "http://www.w3.org/2005/Atom"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_LONG_AGO = "1970-01-01T00:00:00.000Z"
# What XML 1.0 (2.2) has no way to write, not even as a reference.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def atom(channel: Channel, events: Sequence[Mapping[str, Any]]) -> str:
    """The feed of these events, newest first."""
    feed = ET.Element("feed", {"xmlns": NAMESPACE, "xmlns:at": TOMBSTONES})
    _add(feed, "id", channel.name)
    _add(feed, "title", channel.title)
    _add(feed, "updated", max((event["time"] for event in events), default=_LONG_AGO))
    _add(_add(feed, "author"), "name", "Palmyra")
    _add(feed, "link", rel="self", href=uri(channel.address))
    _add(feed, "link", rel="alternate", href=uri(channel.home))
    _add(feed, "generator", "Palmyra")
    for event in events:
        (_tombstone if is_withdrawal(event) else _entry)(feed, event)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(feed, encoding="unicode") + "\n"


def _tombstone(feed: ET.Element, event: Mapping[str, Any]) -> None:
    _add(feed, "at:deleted-entry", ref=article_urn(event["data"]["id"]), when=event["time"])


def _entry(feed: ET.Element, event: Mapping[str, Any]) -> None:
    data = event["data"]
    entry = _add(feed, "entry")
    if data.get("language"):
        entry.set(_LANGUAGE, _text(data["language"]))
    _add(entry, "id", article_urn(data["id"]))
    _add(entry, "title", data.get("headline") or data.get("url") or "")
    _add(entry, "updated", event["time"])
    if published := moment(data.get("published")):
        _add(entry, "published", published)
    for name in data.get("authors") or _publisher(data):
        _add(_add(entry, "author"), "name", name)
    if data.get("url"):
        _add(entry, "link", rel="alternate", type="text/html", href=uri(data["url"]))
    for term in dict.fromkeys([*topics(data), *(data.get("tags") or ())]):
        _add(entry, "category", term=term)
    if data.get("summary"):
        _add(entry, "summary", data["summary"], type="text")
    _add(entry, "content", data.get("text") or "", type="text")
    if holder := (data.get("rights") or {}).get("holder"):
        _add(entry, "rights", f"© {holder}", type="text")


def _publisher(data: Mapping[str, Any]) -> list[str]:
    source = data.get("source") or {}
    name = source.get("name") or source.get("domain")
    return [name] if name else []


def _add(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, {name: _text(value) for name, value in attributes.items()})
    if text:
        element.text = _text(text)
    return element


def _text(value: str) -> str:
    return _NOT_XML.sub("\ufffd", value)
