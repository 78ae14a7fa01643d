"""What a call sees of its connection: whether it is new, what has come over it, and when that is too much.

HTTP libraries parse what they are given for as long as it comes. Here it is counted, before they see it.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpcore2

from jobs.frames import FrameCount

MAX_HEAD_BYTES = 256 * 1024
"""Of an answer before its body, interim answers (1xx) included."""


class TooMuch(httpcore2.RemoteProtocolError):
    """The server sends more than anybody needs. The message is ours."""


class HeadTooLarge(TooMuch):
    """The headers of an answer exceed their limit."""


@dataclass(slots=True)
class Wire:
    """One request's view of its connection."""

    max_body_bytes: int = 0
    """How large the answer's body may be."""
    dialled: bool = False
    """A new connection was opened for it."""
    received_bytes: int = 0
    """What has come for it, on the wire inside of the encryption."""
    most_bytes: int = MAX_HEAD_BYTES
    """More than that is not read over HTTP/1.1."""
    in_head: bool = True
    """The answer's headers are not complete yet."""
    complete: bool = False
    """The answer was read to its end."""
    stream: WireStream | None = field(default=None, repr=False)
    """The connection that it went out on."""

    def head_is_complete(self) -> None:
        """From now on the body comes, with at most as much around it as in it."""
        self.in_head = False
        self.most_bytes = self.received_bytes + 2 * self.max_body_bytes + MAX_HEAD_BYTES

    @property
    def has_answer_begun(self) -> bool:
        """Something of the answer has come; an HTTP/2 server speaks of its settings before there is one."""
        return not self.in_head or (self.received_bytes > 0 and not self.is_http2)

    @property
    def is_http2(self) -> bool:
        return self.stream is not None and self.stream.frames is not None


_current: ContextVar[Wire | None] = ContextVar("wire", default=None)


@contextmanager
def watched(wire: Wire) -> Iterator[None]:
    """What is sent and received inside is counted for this view."""
    token = _current.set(wire)
    try:
        yield
    finally:
        _current.reset(token)


class WireBackend(httpcore2.AsyncNetworkBackend):
    """Another backend, whose connections are counted."""

    def __init__(self, backend: httpcore2.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class has it so
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """As the other backend's."""
        if one := _current.get():
            one.dialled = True
        return WireStream(await self._backend.connect_tcp(host, port, timeout, local_address, socket_options))


class WireStream(httpcore2.AsyncNetworkStream):
    """A connection that counts for the request which reads from it."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream, *, encrypted: bool = False) -> None:
        self._stream = stream
        self._socket: socket.socket | None = None
        tls = stream.get_extra_info("ssl_object") if encrypted else None
        self.frames = FrameCount() if tls is not None and tls.selected_alpn_protocol() == "h2" else None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        """As the stream's.

        Raises:
            TooMuch: what came is more than anybody needs.
        """
        data = await self._stream.read(max_bytes, timeout)
        if self.frames is not None and not self.frames.feed(data):
            raise TooMuch("too many or too long HTTP/2 frames")
        if one := _current.get():
            one.received_bytes += len(data)
            if one.received_bytes > one.most_bytes and self.frames is None:
                raise HeadTooLarge if one.in_head else TooMuch("more around the body than in it")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        """As the stream's."""
        if one := _current.get():
            one.stream = self
        await self._stream.write(buffer, timeout)

    def settle(self) -> None:
        """An answer came whole: its frames are forgiven."""
        if self.frames is not None:
            self.frames.settle()

    async def aclose(self) -> None:
        """As the stream's."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> httpcore2.AsyncNetworkStream:
        """As the stream's."""
        stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return WireStream(stream, encrypted=True)

    def get_extra_info(self, info: str) -> Any:
        """As the stream's.

        ``is_readable`` is asked of each idle connection at each request: there the way to the socket is kept.
        """
        if info != "is_readable":
            return self._stream.get_extra_info(info)
        if self._socket is None:
            self._socket = self._stream.get_extra_info("socket")
        return _is_readable(self._socket)


def _is_readable(one: socket.socket | None) -> bool:
    """Whether there is something to be read: of an idle connection, that the server has ended it."""
    if one is None or one.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(one.fileno(), select.POLLIN)
    return bool(poll.poll(0))
