"""What a site answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.retry_after import retry_after_s

PERMANENT_REDIRECTS = frozenset({301, 308})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a site answered, whatever its status."""

    url: str
    """The URL that was asked for, as it was given."""
    final_url: str
    """The URL that answered, after redirects, in normal form."""
    status: int
    headers: Mapping[str, str]
    """Names in lower case; values of a repeated one are joined by ``", "``."""
    body: bytes
    """After content decoding. Of an error (status 400 and over) only the beginning."""
    wire_bytes: int
    """Size of the body as sent."""
    took_ms: int
    """The whole call, redirects included."""
    address: str
    """The IP address that answered."""
    received_s: float
    """When the answer was complete, s since the epoch by this machine's clock."""
    redirects: tuple[tuple[int, str], ...] = ()
    """Each redirect on the way: its status and the URL that answered so."""
    moved_to: str | None = None
    """Where a redirect led that the caller did not want to follow; the body was not read then."""

    @property
    def etag(self) -> str | None:
        return self.headers.get("etag")

    @property
    def last_modified(self) -> str | None:
        return self.headers.get("last-modified")

    @property
    def content_type(self) -> str:
        """The Content-Type as sent, ``""`` when there was none."""
        return self.headers.get("content-type", "")

    @property
    def retry_after_s(self) -> float | None:
        """Seconds that the site asks to wait (Retry-After), if it does."""
        return retry_after_s(self.headers.get("retry-after"), self.received_s)

    @property
    def moved_permanently(self) -> bool:
        """True when there were redirects and all of them were permanent: the new URL replaces the old."""
        return bool(self.redirects) and all(status in PERMANENT_REDIRECTS for status, _ in self.redirects)
