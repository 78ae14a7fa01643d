"""One request and its response over a pool of connections that are kept alive."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpcore2

from jobs.wire import Wire, watched

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.1
_UNFIT = re.compile(rb"[\x00\r\n]")  # RFC 9110, 5.5


@asynccontextmanager
async def exchange(
    pool: httpcore2.AsyncConnectionPool, request: httpcore2.Request, wire: Wire
) -> AsyncIterator[httpcore2.Response]:
    """The response to a request, closed in the end. Say ``wire.complete = True`` when its body was read.

    Raises:
        jobs.network_errors.NETWORK_ERRORS: anything that can go wrong.
    """
    with watched(wire):
        try:
            response = await _response(pool, request, wire)
            try:
                wire.head_is_complete()
                yield response
            finally:
                await response.aclose()
        finally:
            await _abandon(pool, request, wire)


def headers_of(response: httpcore2.Response) -> dict[str, str]:
    """The headers, names in lower case; values of a repeated one are joined by ``", "`` (RFC 9110, 5.3).

    Raises:
        httpcore2.RemoteProtocolError: there is what no header may have; h11 has seen to it, h2 has not.
    """
    found: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        if not _NAME.fullmatch(raw_name) or _UNFIT.search(raw_value):
            raise httpcore2.RemoteProtocolError("a header has characters that none may have")
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


async def _response(
    pool: httpcore2.AsyncConnectionPool, request: httpcore2.Request, wire: Wire
) -> httpcore2.Response:
    """The response to a request.

    A server may close a connection that was kept alive just when it is used again. Then, and only then, a GET
    of which nothing has come back goes out once more, on a new connection (RFC 9110, 9.2.2).
    """
    try:
        return await _send(pool, request)
    except (httpcore2.ReadError, httpcore2.WriteError, httpcore2.RemoteProtocolError):
        if request.method != b"GET" or wire.dialled or wire.received_bytes:
            raise
    await _close_idle(pool, request)
    return await _send(pool, request)


async def _send(pool: httpcore2.AsyncConnectionPool, request: httpcore2.Request) -> httpcore2.Response:
    try:
        response = await pool.handle_async_request(request)
    except ValueError as error:  # httpcore2 takes the status of HTTP/2 by int() alone
        raise httpcore2.RemoteProtocolError("the status is no number") from error
    if not 100 <= response.status <= 999:
        await response.aclose()
        raise httpcore2.RemoteProtocolError("the status is out of range")
    return response


async def _abandon(pool: httpcore2.AsyncConnectionPool, request: httpcore2.Request, wire: Wire) -> None:
    """Close an HTTP/2 connection whose answer was not taken to its end.

    httpcore2 neither resets the stream nor acknowledges what still comes on it: the connection's window would
    close bit by bit, and a cancelled write may have left half a frame. Over HTTP/1.1 it closes by itself.
    """
    if wire.is_http2 and wire.stream is not None:
        if wire.complete:
            wire.stream.settle()
            return
        await wire.stream.aclose()
        await _close_idle(pool, request)


async def _close_idle(pool: httpcore2.AsyncConnectionPool, request: httpcore2.Request) -> None:
    """Close the connections to the request's origin that nobody uses."""
    for connection in pool.connections:
        if connection.can_handle_request(request.url.origin) and connection.is_idle():
            await connection.aclose()
