"""How a request went, in the words of a link's way (`palmyra why`)."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.urls import redact

MAX_SHOWN = 3
MAX_URL_CHARS = 120


def told(size_bytes: int | None, took_ms: int, address: str, redirects: Sequence[str]) -> str:
    """``512 bytes in 120 ms from 192.0.2.7, by way of https://…``; bounded, secrets in URLs are hidden.

    Args:
        size_bytes: of the body, as far as it was read; None when there was none.
        took_ms: all of it, redirects included.
        address: the IP address that answered, ``""`` when none did.
        redirects: the URLs that redirected, in order.
    """
    words = f"{took_ms} ms" if size_bytes is None else f"{size_bytes} bytes in {took_ms} ms"
    if address:
        words += f" from {address}"
    if not redirects:
        return words
    shown = ", ".join(redact(url)[:MAX_URL_CHARS] for url in redirects[:MAX_SHOWN])
    more = len(redirects) - MAX_SHOWN
    return f"{words}, by way of {shown}" + (f" and {more} more" if more > 0 else "")
