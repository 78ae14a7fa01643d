"""A fetched page, and how it is kept: one compressed value in Redis."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from jobs.entry import Entry

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_HEADER = struct.Struct(">I")
MAX_BODY_BYTES = 32 * 1024 * 1024
"""No stored page is larger: a bound for decompression, well above what fetching lets through."""
MAX_HEADER_CHARS = 1000
MAX_HEADERS_CHARS = 4000
"""Of all kept headers together: policies and cookies of some sites outweigh their pages."""
NOT_KEPT = frozenset({"content-type", "etag", "last-modified", "set-cookie"})
"""Headers that are fields of their own, and what is of use only to the browser that it was sent to."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as the site served it."""

    url: str
    """The URL that was asked for."""
    final_url: str
    """The URL that answered, after redirects."""
    status: int
    body: bytes
    """The body after content decoding."""
    content_type: str
    """The Content-Type header as sent, ``""`` when there was none."""
    fetched_ms: int
    """When the answer was complete, ms since the epoch."""
    took_ms: int = 0
    wire_bytes: int = 0
    """Bytes of the body as sent, before decoding."""
    address: str = ""
    """The IP address that answered."""
    redirects: tuple[str, ...] = ()
    """The URLs on the way, without the last."""
    etag: str | None = None
    last_modified: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """The answer's other headers, names in lower case, as far as `kept_headers` keeps them."""
    refused: str = ""
    """The reason word when there is no page: then the body is empty, and the article is what `entry` says."""
    entry: Entry | None = None
    """What the feed said of the link: kept here, so that a later extraction has the same evidence."""

    def pack(self) -> bytes:
        """The page as one value: a JSON header, then the zstd-compressed body."""
        head: dict[str, Any] = {k: v for k, v in asdict(self).items() if k not in ("body", "entry") and v}
        if self.entry:
            head["entry"] = self.entry.to_json()
        encoded = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
        return _HEADER.pack(len(encoded)) + encoded + zstd.compress(self.body, level=3)

    @classmethod
    def unpack(cls, value: bytes) -> Self:
        """The inverse of `pack`. Unknown fields (of a newer version) are ignored.

        Raises:
            ValueError: not a packed page, or larger than `MAX_BODY_BYTES`.
        """
        try:
            (size,) = _HEADER.unpack_from(value)
            unpacking = zstd.ZstdDecompressor()
            body = unpacking.decompress(value[_HEADER.size + size :], max_length=MAX_BODY_BYTES + 1)
            page = cls(**_head(value[_HEADER.size : _HEADER.size + size]), body=body)
        except (struct.error, zstd.ZstdError, AttributeError, TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"not a stored page: {error}") from error
        if len(body) > MAX_BODY_BYTES:
            raise ValueError("the stored page is larger than any page may be")
        if not unpacking.eof:
            raise ValueError("not a stored page: its body is cut off")
        return page

    @classmethod
    def peek(cls, start: bytes) -> tuple[Self, int] | None:
        """The page without its body, and the body's size, from the beginning of a packed page.

        None when the beginning is too short for that.

        Raises:
            ValueError: not a packed page.
        """
        try:
            (size,) = _HEADER.unpack_from(start)
            rest = start[_HEADER.size + size :]
            if len(rest) < _FRAME_HEADER_BYTES:
                return None
            body_bytes = zstd.get_frame_info(rest).decompressed_size
            return cls(**_head(start[_HEADER.size : _HEADER.size + size]), body=b""), body_bytes or 0
        except (struct.error, zstd.ZstdError, AttributeError, TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"not a stored page: {error}") from error


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of an answer's headers that are kept with its page: bounded, without `NOT_KEPT`."""
    kept: dict[str, str] = {}
    room = MAX_HEADERS_CHARS
    for name, value in headers.items():
        size = len(name) + len(value)
        if name not in NOT_KEPT and size <= min(room, MAX_HEADER_CHARS):
            kept[name] = value
            room -= size
    return kept


def _head(encoded: bytes) -> dict[str, Any]:
    """The fields of a packed head, as `Page` takes them."""
    head = json.loads(encoded)
    known = {name: value for name, value in head.items() if name in _NAMES}
    headers = {str(name): str(value) for name, value in head.get("headers", {}).items()}
    entry = Entry.from_json(head["entry"]) if "entry" in head else None
    made = {"redirects": tuple(head.get("redirects", ())), "headers": headers, "entry": entry}
    return {**_DEFAULTS, **known, **made}


_FRAME_HEADER_BYTES = 18
"""The longest header of a zstd frame (RFC 8878, 3.1.1)."""
_NAMES = frozenset(field.name for field in fields(Page))
_DEFAULTS = {"status": 0, "content_type": "", "fetched_ms": 0}
