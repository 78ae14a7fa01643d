"""Request headers that an operator adds to a feed, as text: one ``Name: value`` a line (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from jobs.errors import PalmyraError

MAX_HEADERS = 20
MAX_VALUE_CHARS = 4000

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # a token: RFC 9110, 5.6.2
_UNUSABLE = re.compile("[^\t\x20-\x7e\xa0-\xff]")
# What HTTP itself lives on, and what the poller and its client say on their own.
_OURS = frozenset({
    "Host", "Connection", "Content-Length", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Expect",
    "Accept-Encoding", "If-None-Match", "If-Modified-Since", "Range", "Proxy-Authorization",
})  # fmt: skip


class HeaderError(PalmyraError):
    """The header can't be sent."""


def parse(text: str) -> dict[str, str]:
    """The headers in a feed's own text. Never raises: it was checked when it was written."""
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name: value for name, colon, value in pairs if colon}


def changed(text: str, given: Iterable[str]) -> str:
    """A feed's headers after changes as an operator writes them: ``Name: value``, or ``Name:`` to remove it.

    Raises:
        HeaderError: a name that is none or ours to set, a value with control characters, or too much.
    """
    headers = parse(text)
    for one in given:
        name, value = _pair(one)
        headers.pop(name, None)
        if value:
            headers[name] = value
    if len(headers) > MAX_HEADERS:
        raise HeaderError(f"{len(headers)} headers for one feed: the limit is {MAX_HEADERS}.")
    return "\n".join(f"{name}: {value}" for name, value in headers.items())


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers as they may be shown: any value may be a key."""
    return dict.fromkeys(headers, "***")


def _pair(given: str) -> tuple[str, str]:
    written, colon, rest = given.partition(":")
    # One spelling, so that a header given twice is one; HTTP does not care (RFC 9110, 5.1).
    name, value = "-".join(part.capitalize() for part in written.strip().split("-")), rest.strip()
    if not colon or not _NAME.fullmatch(name):
        raise HeaderError(f"{written[:60]!r} is no header: write 'Name: value', or 'Name:' to remove one.")
    if name in _OURS:
        raise HeaderError(f"{name} is set by palmyra itself.")
    if _UNUSABLE.search(value) or len(value) > MAX_VALUE_CHARS:
        raise HeaderError(f"The value of {name} holds what a header can't: other than Latin-1, or too much.")
    return name, value
