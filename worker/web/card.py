"""An article as the newsroom lists it: the few fields of an event that a reader scans."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

MOST_HEADLINE = 300
MOST_SUMMARY = 400
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_KIND = re.compile(r"news\.article\.(published|updated|withdrawn)\.v1")


@dataclass(frozen=True, slots=True)
class Card:
    """One line of the wire. Third-party text as it came: escape it where it is shown."""

    entry: str
    """Id of the stream entry."""
    id: str
    """The article's id."""
    kind: str
    """published, updated or withdrawn."""
    headline: str
    url: str | None
    """Where the headline leads; only ever http or https."""
    source: str
    section: str | None
    language: str | None
    """A language tag that is safe as a lang attribute."""
    published: str | None
    """The publisher's time or date (RFC 3339)."""
    emitted: str | None
    """When the event was made (RFC 3339, UTC)."""
    took_ms: int | None
    """From the first sight of the link to the event."""
    summary: str
    word_count: int


def read_event(fields: Mapping[bytes, bytes]) -> dict[str, Any] | None:
    """The event in a stream entry's fields; None when it is not one."""
    try:
        event = json.loads(fields[b"event"])
    except (KeyError, ValueError, RecursionError):
        return None
    ours = isinstance(event, dict) and isinstance(event.get("data"), dict)
    return event if ours else None


def card(entry: str, event: Mapping[str, Any]) -> Card | None:
    """The card of an event from the stream; None when the event says nothing of an article."""
    data, kind = event["data"], _KIND.fullmatch(str(event.get("type")))
    if kind is None or not isinstance(data.get("id"), str):
        return None
    source, timings = _dict(data.get("source")), _dict(data.get("timings"))
    text = _str(data.get("text")) or ""
    return Card(
        entry=entry,
        id=data["id"],
        kind=kind[1],
        headline=shortened(_str(data.get("headline")) or "(no headline)", MOST_HEADLINE),
        url=http_url(data.get("url")),
        source=shortened(_str(source.get("name")) or _str(source.get("domain")) or "unknown source", 100),
        section=shortened(_str(data.get("section")) or "", 100) or None,
        language=language(data.get("language")),
        published=_str(data.get("published")),
        emitted=_str(timings.get("emitted")),
        took_ms=_int(timings.get("total_ms")),
        summary=shortened(_str(data.get("summary")) or text),
        word_count=_int(data.get("word_count")) or 0,
    )


def http_url(value: object) -> str | None:
    """`value` if it is an http(s) URL with a host, so that it may become a link; else None."""
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in ("http", "https") and parts.hostname else None


def language(value: object) -> str | None:
    """`value` if it has the shape of a language tag (BCP 47), else None."""
    return value if isinstance(value, str) and _LANGUAGE.fullmatch(value) else None


def shortened(text: str, most: int = MOST_SUMMARY) -> str:
    """`text` on one line, cut at a word's end."""
    line = " ".join(text[: 4 * most].split())
    if len(line) <= most:
        return line
    return line[:most].rsplit(" ", 1)[0].rstrip(",;:.- ") + "…"


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _str(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _int(value: object) -> int | None:
    return value if isinstance(value, int) else None
