"""Reading the body of an answer: decoded while it comes, and stopped as soon as it is too much."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

import httpcore2

from jobs.coding import BadCoding, Decoder, decoder
from jobs.errors import Outcome, Permanent, Reason, Retry
from jobs.network_errors import NETWORK_ERRORS as BROKEN

MAX_BODY_BYTES = 5 * 2**20
LARGE_BYTES = 512 * 1024
LARGE_AT_ONCE = 8
"""So many bodies at once may go on beyond `LARGE_BYTES`: 64 bombs cost no more memory than 64 pages."""
MAX_PIECES = 50_000
"""A body may come in this many pieces: one-byte chunks cost a thousand times their size."""
ERROR_BYTES = 64 * 1024
ERROR_S = 5.0
"""How much of an error's body is read, and how long at most."""
DRAIN_BYTES = 16 * 1024
DRAIN_S = 0.5
"""How much of a body that nobody wants is read, to be able to use the connection again."""


@dataclass(slots=True)
class Body:
    """A body that is being read."""

    host: str = ""
    """For messages."""
    limit_bytes: int = MAX_BODY_BYTES
    """For the bytes on the wire and for the decoded ones."""
    large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LARGE_AT_ONCE))
    """What bodies beyond `LARGE_BYTES` take turns by."""
    wire_bytes: int = 0
    size_bytes: int = 0
    """Of the decoded body, as far as it was read."""
    complete: bool = False
    """It was read to its end."""
    _pieces: list[bytes] = field(default_factory=list)
    _coding: Decoder | None = None
    _coming: Iterator[bytes] = field(default_factory=lambda: iter(()))
    _is_large: bool = False

    @property
    def data(self) -> bytes:
        """The decoded body, or its beginning."""
        return b"".join(self._pieces)[: self.limit_bytes]

    async def read(self, response: httpcore2.Response, headers: Mapping[str, str]) -> None:
        """Read all of it.

        Raises:
            Permanent: `TOO_LARGE`, `BOMB`.
            Retry: `WRONG_LENGTH`; `BAD_RESPONSE`: it does not decode, or comes in too many pieces.
        """
        self._check(self._announced(headers), Reason.TOO_LARGE)
        try:
            await self._decode(response, headers.get("content-encoding", ""))
        except BadCoding as error:
            raise Retry(Reason.BAD_RESPONSE, f"{self.host}: {error}") from error
        finally:
            if not self.complete:
                self.release()  # now: closing the connection takes a while

    async def read_beginning(self, response: httpcore2.Response, headers: Mapping[str, str]) -> None:
        """Read as much as the limit allows, and leave the rest.

        Raises:
            Retry: `BAD_RESPONSE`; it does not decode, or comes in too many pieces.
        """
        try:
            await self._decode(response, headers.get("content-encoding", ""))
        except BadCoding as error:
            raise Retry(Reason.BAD_RESPONSE, f"{self.host}: {error}") from error
        except Permanent:  # TOO_LARGE, BOMB
            self._salvage()

    async def read_error(self, response: httpcore2.Response, headers: Mapping[str, str]) -> None:
        """Read the beginning of an error page. However it breaks, the status stands."""
        self.limit_bytes = min(self.limit_bytes, ERROR_BYTES)
        with suppress(TimeoutError, Outcome, BadCoding, *BROKEN):
            async with asyncio.timeout(ERROR_S):
                await self._decode(response, headers.get("content-encoding", ""))
        self._salvage()

    async def _decode(self, response: httpcore2.Response, content_encoding: str) -> None:
        # No local names for the decoder and what comes out of it: see `release`.
        self._coding = decoder(content_encoding)
        pieces = 0
        async with aclosing(response.aiter_stream()) as stream:
            async for chunk in stream:
                self.wire_bytes += len(chunk)
                self._check(self.wire_bytes, Reason.TOO_LARGE)
                pieces += 1
                if pieces > MAX_PIECES:
                    raise Retry(Reason.BAD_RESPONSE, f"{self.host}: the body is in over {MAX_PIECES} pieces")
                self._coming = self._coding.feed(chunk)
                while self._take():
                    await self._take_turn()
                await self._take_turn()
        self._coming = self._coding.rest()
        while self._take():
            pass  # no turn: nothing is waited for from here on
        self._coding.finish()
        self.complete = True

    def _take(self) -> bool:
        """Take one piece of what is coming; false when there is none."""
        piece = next(self._coming, None)
        if piece is None:
            return False
        self._pieces.append(piece)
        self.size_bytes += len(piece)
        self._check(self.size_bytes, Reason.BOMB)
        return True

    def _salvage(self) -> None:
        """Decode what has come of a body that is not read to its end, as far as it goes."""
        if self._coding and not self._pieces:
            with suppress(BadCoding, Permanent):
                self._coming = self._coding.rest()
                while self._take():
                    pass

    async def _take_turn(self) -> None:
        if not self._is_large and max(self.size_bytes, self.wire_bytes) > LARGE_BYTES:
            await self.large.acquire()
            self._is_large = True

    def release(self) -> None:
        """The body is in somebody else's hands, or nobody's: another large one may go on.

        Nothing is kept of it here: an exception keeps what the frames that it went through refer to.
        """
        self._pieces, self._coding, self._coming = [], None, iter(())
        if self._is_large:
            self._is_large = False
            self.large.release()

    def _announced(self, headers: Mapping[str, str]) -> int:
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):  # over HTTP/2 anything may come
            raise Retry(Reason.WRONG_LENGTH, f"{self.host}: the Content-Length is no number")
        return int(length[:20])

    def _check(self, size_bytes: int, reason: Reason) -> None:
        if size_bytes > self.limit_bytes:
            raise Permanent(reason, f"{self.host}: more than {self.limit_bytes} bytes")


async def drain(response: httpcore2.Response) -> bool:
    """Read a short body that nobody wants: closing a response before its end costs the connection.

    True when that was all of it.
    """
    size_bytes = 0
    with suppress(TimeoutError, *BROKEN):
        async with asyncio.timeout(DRAIN_S), aclosing(response.aiter_stream()) as stream:
            async for chunk in stream:
                size_bytes += len(chunk)
                if size_bytes > DRAIN_BYTES:
                    return False
        return True
    return False
