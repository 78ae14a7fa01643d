"""The Link header (RFC 8288): which other URLs an answer names, and as what. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_CHARS = 16_384
"""No more of a header is looked at."""

_WORD = r"[^\s=;,<>\"]++"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_PARAMETER = re.compile(rf"\s*;\s*({_WORD})?(?:\s*=\s*({_QUOTED}|[^\s;,\"]*+))?")
_TARGET = re.compile(r"<([^<>]*)>")
_QUOTED_ESCAPE = re.compile(r"\\(.)")


def links(header: str) -> Iterator[tuple[frozenset[str], str]]:
    """Each link of a header: its relation types in lower case, and its target as written.

    Several header lines count as one, joined by commas. A link with an ``anchor`` is about another document,
    and is left out; of several ``rel`` the first counts (3.3).
    """
    text = header[:MAX_CHARS]
    at = 0
    while target := _TARGET.search(text, at):
        parameters, at = _parameters(text, target.end())
        if "anchor" not in parameters:
            yield frozenset(parameters.get("rel", "").lower().split()), target[1].strip()


def _parameters(text: str, at: int) -> tuple[dict[str, str], int]:
    """The parameters that follow a target, the first of each name; and where they end."""
    found: dict[str, str] = {}
    while parameter := _PARAMETER.match(text, at):
        at = parameter.end()
        name, value = (parameter[1] or "").lower(), parameter[2] or ""
        if value.startswith('"'):
            value = _QUOTED_ESCAPE.sub(r"\1", value[1:-1])
        found.setdefault(name, value)
    return found, at
