"""Reading the body of an answer: decoded while it comes, and stopped as soon as it is too much."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

import httpcore2

from jobs.coding import BadCoding, decoder
from jobs.errors import Outcome, Permanent, Reason, Retry

MAX_BODY_BYTES = 5 * 2**20
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
    data: bytearray = field(default_factory=bytearray)
    wire_bytes: int = 0

    async def read(self, response: httpcore2.Response, headers: Mapping[str, str]) -> None:
        """Read all of it.

        Raises:
            Permanent: `TOO_LARGE`.
            Retry: `BAD_RESPONSE`; it does not decode, or comes in too many pieces.
        """
        self._check(int(headers.get("content-length", 0)))  # h11 has made sure that it is a number
        try:
            await self._decode(response, headers.get("content-encoding", ""))
        except BadCoding as error:
            raise Retry(Reason.BAD_RESPONSE, f"{self.host}: {error}") from error

    async def read_error(self, response: httpcore2.Response, headers: Mapping[str, str]) -> None:
        """Read the beginning of an error page. However it breaks, the status stands."""
        self.limit_bytes = min(self.limit_bytes, ERROR_BYTES)
        broken = (TimeoutError, Outcome, BadCoding, httpcore2.NetworkError, httpcore2.ProtocolError)
        with suppress(*broken):
            async with asyncio.timeout(ERROR_S):
                await self._decode(response, headers.get("content-encoding", ""))
        del self.data[self.limit_bytes :]

    async def _decode(self, response: httpcore2.Response, content_encoding: str) -> None:
        coding = decoder(content_encoding)
        pieces = 0
        async with aclosing(response.aiter_stream()) as stream:
            async for chunk in stream:
                self.wire_bytes += len(chunk)
                self._check(self.wire_bytes)
                pieces += 1
                if pieces > MAX_PIECES:
                    raise Retry(Reason.BAD_RESPONSE, f"{self.host}: the body is in over {MAX_PIECES} pieces")
                for piece in coding.feed(chunk):
                    self.data += piece
                    self._check(len(self.data))
        coding.finish()

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self.limit_bytes:
            raise Permanent(Reason.TOO_LARGE, f"{self.host}: more than {self.limit_bytes} bytes")


async def drain(response: httpcore2.Response) -> None:
    """Read a short body that nobody wants: closing a response before its end costs the connection."""
    size_bytes = 0
    with suppress(TimeoutError, httpcore2.NetworkError, httpcore2.ProtocolError):
        async with asyncio.timeout(DRAIN_S), aclosing(response.aiter_stream()) as stream:
            async for chunk in stream:
                size_bytes += len(chunk)
                if size_bytes > DRAIN_BYTES:
                    return
