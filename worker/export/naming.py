"""What an article and its links are called in the formats of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from jobs.event import Kind

_RESERVED = "%/:?#[]@!$&'()*+,;=~"
"""Besides letters and digits, what a URI has unescaped (RFC 3986, 2.2 and 2.3), and escapes themselves."""


def article_urn(article_id: str) -> str:
    """An article's name for ever, over all its revisions."""
    return f"urn:palmyra:article:{article_id}"


def uri(iri: str) -> str:
    """The URI of an IRI: what is not ASCII is percent-encoded (RFC 3987, 3.1)."""
    return quote(iri.encode("utf-8", "replace"), safe=_RESERVED)


def moment(time: str | None) -> str | None:
    """A publisher's time if it is an RFC 3339 date-time; a plain date is none."""
    return time if time and "T" in time else None


def is_withdrawal(event: Mapping[str, Any]) -> bool:
    """Whether the event takes an article down."""
    return bool(event.get("type") == Kind.WITHDRAWN.value)


def topics(data: Mapping[str, Any]) -> list[str]:
    """The names of an article's topics."""
    found = (one.get("name") if isinstance(one, Mapping) else one for one in data.get("topics") or ())
    return [name for name in found if isinstance(name, str)]
