"""What a feed's last polls came to, each in about ten bytes: one packed field of the feed's hash. Pure.

The field reads ``1timeout,dns:<base64>``: the version, the reason words that occur, and the polls from the
oldest on. A poll is a code (what it came to), then numbers of seven bits a byte (LEB128): seconds since the
poll before, what it took, and what its code calls for. A new reason word therefore needs no table anywhere.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

KEPT = 20
"""Polls that are remembered."""
MAX_CHARS = 399
"""Of the packed field: where the numbers are large, fewer polls are remembered."""

NEW = "new"
"""The document was read: `new` of its `listed` links had not been seen anywhere."""
GAP = "gap"
"""The same, and it had nothing in common with the document before."""
NOT_MODIFIED = "not_modified"
"""A 304."""
SAME_BODY = "same_body"
"""A 200 with the same bytes as before."""
OWN_NETWORK = "own_network"
"""Nothing answered; our own network was to blame."""

STATUS = {NEW: 200, GAP: 200, NOT_MODIFIED: 304, SAME_BODY: 200}
"""The HTTP status that follows from what came."""

_VERSION = "1"
_BUILT_IN = (NEW, GAP, NOT_MODIFIED, SAME_BODY, OWN_NETWORK)
_READ = frozenset({NEW, GAP})
_LARGEST = 2**28 - 1  # four bytes
_LONGEST_WORD = 40


@dataclass(frozen=True, slots=True)
class Past:
    """One poll."""

    at_s: int
    """When it ended, s since the epoch."""
    came: str
    """What it came to: one of the words above, or the reason word of a failure."""
    took_ms: int = 0
    """From the request to the end of the answer, redirects included."""
    status: int = 0
    """The HTTP status of a failure; 0 when there was no answer. Of all else it follows from `came`."""
    size_bytes: int = 0
    """Of a document, as sent: compressed, if the server does that."""
    new: int = 0
    """Links that nobody had seen before."""
    listed: int = 0
    """Links in the document."""

    @property
    def failed(self) -> bool:
        """Whether the poll failed, and the feed was charged for it."""
        return self.came not in _BUILT_IN

    @property
    def answered(self) -> bool:
        """Whether the feed answered as it should."""
        return not self.failed and self.came != OWN_NETWORK


def added(text: str, past: Past) -> str:
    """The packed field with one more poll, and without those for which there is no room."""
    pasts = (*parse(text), past)[-KEPT:]
    while len(packed := pack(pasts)) > MAX_CHARS:
        pasts = pasts[1:]
    return packed


def pack(pasts: Sequence[Past]) -> str:
    """The field for these polls, the oldest first. What is too large for its place is cut down to it."""
    words = list(dict.fromkeys(_word(past.came) for past in pasts if past.failed))
    codes = {word: code for code, word in enumerate((*_BUILT_IN, *words))}
    data = bytearray()
    before_s = 0
    for past in pasts:
        at_s = max(past.at_s, before_s)  # a clock that was set back
        data.append(codes[_word(past.came) if past.failed else past.came])
        # The first is seconds since the epoch, for which four bytes are too few.
        for number in (at_s // 60, at_s % 60) if not before_s else (at_s - before_s,):
            data += _number(number)
        for number in (past.took_ms, *_details(past)):
            data += _number(number)
        before_s = at_s
    return _VERSION + ",".join(words) + ":" + base64.b64encode(data).decode().rstrip("=")


def parse(text: str) -> tuple[Past, ...]:
    """The polls in a packed field, the oldest first; none in what is not one, or of another version."""
    head, colon, coded = text.partition(":")
    if head[:1] != _VERSION or not colon:
        return ()
    words = (*_BUILT_IN, *(word for word in head[1:].split(",") if word))
    try:
        data = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
        return tuple(_polls(iter(data), words))
    except (ValueError, binascii.Error, IndexError):
        return ()


def _polls(data: Iterator[int], words: Sequence[str]) -> Iterable[Past]:
    at_s = 0
    for code in data:
        came = words[code]
        at_s = at_s + _read(data) if at_s else _read(data) * 60 + _read(data)
        took_ms = _read(data)
        if came in _READ:
            yield Past(at_s, came, took_ms, 0, _read(data), _read(data), _read(data))
        elif came == SAME_BODY:
            yield Past(at_s, came, took_ms, size_bytes=_read(data))
        elif came in _BUILT_IN:
            yield Past(at_s, came, took_ms)
        else:
            yield Past(at_s, came, took_ms, status=_read(data))


def _details(past: Past) -> tuple[int, ...]:
    if past.came in _READ:
        return past.size_bytes, past.new, past.listed
    if past.failed:
        return (past.status,)
    return (past.size_bytes,) if past.came == SAME_BODY else ()


def _word(came: str) -> str:
    """A reason word as it can be kept."""
    return came[:_LONGEST_WORD].replace(",", "_").replace(":", "_") or "error"


def _number(value: int) -> bytes:
    rest, out = min(max(value, 0), _LARGEST), bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _read(data: Iterator[int]) -> int:
    """The next number. Raises ValueError when the data end in it, or it is longer than any of ours."""
    value = 0
    for shift in (0, 7, 14, 21):
        byte = next(data, None)
        if byte is None:
            break
        value |= (byte & 127) << shift
        if byte < 128:
            return value
    raise ValueError("the history is cut off")
