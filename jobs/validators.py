"""Validators: what a site gives with a page so that it can be asked later whether the page changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

MAX_ETAG_CHARS = 160
MAX_DATE_CHARS = 40
"""Longer ones are not kept: they cost memory for as long as the link is remembered."""


@dataclass(frozen=True, slots=True)
class Validators:
    """The validators of one URL (RFC 9110, 8.8). At least one of them is set."""

    url: str
    """The URL that answered with them, in normal form: to any other they say nothing."""
    etag: str = ""
    """The ETag header as sent, ``""`` when there was none."""
    last_modified: str = ""
    """The Last-Modified header as sent, ``""`` when there was none."""

    @classmethod
    def read(cls, url: str, packed: str) -> Self | None:
        """The inverse of `pack`; None when nothing is there."""
        etag, _, last_modified = packed.partition("\n")
        return cls(url, etag, last_modified) if etag or last_modified else None

    def headers(self) -> dict[str, str]:
        """The request headers that ask whether the page changed (RFC 9110, 13.1)."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}


def pack(etag: str | None, last_modified: str | None) -> str:
    """Validators in one short line each, ``""`` when there are none; too long ones are left out.

    What is not Latin-1 text is left out too: it could not be sent back.
    """
    kept = (_usable(etag, MAX_ETAG_CHARS), _usable(last_modified, MAX_DATE_CHARS))
    return "\n".join(kept) if any(kept) else ""


def _usable(value: str | None, most: int) -> str:
    if not value or len(value) > most or "\n" in value:
        return ""
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return ""
    return value
