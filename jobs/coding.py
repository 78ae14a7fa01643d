"""Content codings (gzip, deflate, br, zstd), undone in small steps, so that no answer can inflate memory.

An own module, since the libraries' decoders leave holes: they accept a body that was cut in the middle, take
only the first member of a gzip file, give a zstd frame any window it asks for (128 MB), and undo codings that
are stacked on each other, which multiplies what a small body can cost.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli  # type: ignore[import-untyped]  # it has no type hints

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ACCEPTED = "gzip, deflate, br, zstd"
STEP_BYTES = 256 * 1024
"""About how much comes out of a decoder at once."""
_WINDOW_LOG = 23
"""8 MB: what a zstd frame may ask for in HTTP (RFC 9659)."""


class BadCoding(ValueError):
    """The body is not what its Content-Encoding says."""


class Decoder(Protocol):
    """Undoes one coding. Its methods raise `BadCoding`."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces of at most about `STEP_BYTES` each; stop taking them to stop decoding."""

    def rest(self) -> Iterator[bytes]:
        """Once all has been fed: what is still to come, in such pieces."""

    def finish(self) -> None:
        """Check that the body was complete."""


def decoder(content_encoding: str) -> Decoder:
    """The decoder for a Content-Encoding header. Unknown words count as no coding, as in browsers.

    Raises:
        BadCoding: more than one coding.
    """
    words = [word for part in content_encoding.split(",") if (word := part.strip().lower()) in _DECODERS]
    if len(words) > 1:
        raise BadCoding("several content codings are stacked")
    return _DECODERS[words[0]]() if words else _Identity()


class _AsItComes:
    """What holds nothing back."""

    def rest(self) -> Iterator[bytes]:
        return iter(())


class _Identity(_AsItComes):
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        pass


class _Zlib(_AsItComes):
    """gzip with any number of members, or one zlib stream."""

    def __init__(self, wbits: int = zlib.MAX_WBITS | 16) -> None:
        self._wbits = wbits
        self._current = zlib.decompressobj(wbits)
        self._members = 0
        self._begun = self._over = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._begun = self._begun or (bool(data) and not self._members)
        while not self._over:
            try:
                piece = self._current.decompress(data, STEP_BYTES)
            except zlib.error as error:
                # Garbage after a complete member is common, and ignored everywhere.
                self._over = self._members > 0 and not self._begun
                if self._over:
                    return
                raise BadCoding("the compressed data is damaged") from error
            self._begun = self._begun or bool(piece)
            if piece:
                yield piece
            if self._current.eof:
                data = self._next_member()
            elif self._current.unconsumed_tail or len(piece) == STEP_BYTES:
                data = self._current.unconsumed_tail
                continue
            else:
                return
            if not data:
                return

    def _next_member(self) -> bytes:
        rest = self._current.unused_data
        self._members += 1
        self._begun = False
        self._over = self._wbits <= zlib.MAX_WBITS  # only gzip has members
        self._current = zlib.decompressobj(self._wbits)
        return rest

    def finish(self) -> None:
        if self._begun and not self._over:
            raise BadCoding("the compressed data ends in the middle")


class _Deflate(_AsItComes):
    """A zlib stream (RFC 9110), or the bare deflate data that some servers send under that name."""

    def __init__(self) -> None:
        self._head = b""
        self._inner: _Zlib | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            self._head += data
            if len(self._head) < 2:
                return
            has_header = self._head[0] & 0x0F == 8 and int.from_bytes(self._head[:2], "big") % 31 == 0
            self._inner = _Zlib(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
            data = self._head
        yield from self._inner.feed(data)

    def finish(self) -> None:
        if self._inner is not None:
            self._inner.finish()
        elif self._head:
            raise BadCoding("the compressed data ends in the middle")


class _Whole:
    """What is kept until all of it has come, and then decoded at once.

    Decoders of brotli and zstd fill a window of many megabytes, and many bodies arrive at a time: so only one
    of them at a time has a decoder.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._finished = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._held += data
        return iter(())

    def finish(self) -> None:
        if self._held and not self._finished:
            raise BadCoding("the compressed data ends in the middle")


class _Brotli(_Whole):
    """One brotli stream (RFC 7932)."""

    def rest(self) -> Iterator[bytes]:
        current, data = brotli.Decompressor(), bytes(self._held)
        try:
            while not current.is_finished():
                piece = current.process(data, output_buffer_limit=STEP_BYTES)
                data = b""
                if piece:
                    yield piece
                elif current.can_accept_more_data():
                    return
        except brotli.error as error:
            raise BadCoding("the compressed data is damaged") from error
        self._finished = current.is_finished()


class _Zstd(_Whole):
    """Any number of zstd frames (RFC 8878)."""

    def rest(self) -> Iterator[bytes]:
        current, data = self._frame(), bytes(self._held)
        try:
            while data or not current.needs_input:
                self._finished = False
                piece = current.decompress(data, STEP_BYTES)
                data = b""
                if piece:
                    yield piece
                if current.eof:
                    data, current, self._finished = current.unused_data, self._frame(), True
        except zstd.ZstdError as error:
            raise BadCoding("the compressed data is damaged, or needs more than 8 MB of memory") from error

    @staticmethod
    def _frame() -> zstd.ZstdDecompressor:
        return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})


_DECODERS: dict[str, type[_Zlib | _Deflate | _Brotli | _Zstd]] = {
    "gzip": _Zlib,
    "x-gzip": _Zlib,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
