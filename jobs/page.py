"""A fetched page, and how it is kept: one compressed value in Redis."""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from jobs.entry import Entry

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_HEADER = struct.Struct(">I")
MAX_BODY_BYTES = 32 * 1024 * 1024
"""No stored page is larger: a bound for decompression, well above what fetching lets through."""


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
            head = json.loads(value[_HEADER.size : _HEADER.size + size])
            unpacking = zstd.ZstdDecompressor()
            body = unpacking.decompress(value[_HEADER.size + size :], max_length=MAX_BODY_BYTES + 1)
            entry = Entry.from_json(head["entry"]) if "entry" in head else None
            known = {name: value for name, value in head.items() if name in _NAMES}
            plain = {**_DEFAULTS, **known, "redirects": tuple(head.get("redirects", ()))}
            page = cls(**{**plain, "entry": entry, "body": body})
        except (struct.error, zstd.ZstdError, AttributeError, TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"not a stored page: {error}") from error
        if len(body) > MAX_BODY_BYTES:
            raise ValueError("the stored page is larger than any page may be")
        if not unpacking.eof:
            raise ValueError("not a stored page: its body is cut off")
        return page


_NAMES = frozenset(field.name for field in fields(Page))
_DEFAULTS = {"status": 0, "content_type": "", "fetched_ms": 0}
