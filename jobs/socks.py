"""SOCKS version 5 (RFC 1928, RFC 1929), the client's part: connections through a proxy of an operator's.

httpcore2's own raises AssertionError when a reply comes in two pieces, and offers a proxy that needs no login
nothing but the login it was given. As a network backend, this one also works below the guard.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable
from contextlib import AsyncExitStack

import httpcore2

_VERSION, _LOGIN_VERSION = 5, 1
_NO_LOGIN, _BY_PASSWORD, _NONE_OF_THESE = 0, 2, 255
_IPV4, _NAME, _IPV6 = 1, 3, 4
MAX_LOGIN_BYTES = 255
"""Of a user name and of a password (RFC 1929, 2)."""
_REFUSALS = {
    1: "fails, and does not say why",
    2: "does not allow it",
    3: "says that the network can't be reached",
    4: "says that the host can't be reached",
    5: "says that the host refuses the connection",
    6: "says that the host is too far away",
    7: "can't connect, only do other things",
    8: "does not know this kind of address",
}


class SocksError(httpcore2.ProxyError):
    """What the proxy does instead of connecting. The message is a clause about it, in our own words."""


class SocksBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections through a SOCKS 5 proxy, which resolves the names that it is given."""

    def __init__(
        self, host: str, port: int, login: tuple[bytes, bytes] | None, dialler: httpcore2.AsyncNetworkBackend
    ) -> None:
        self._proxy = (host, port)
        self._login = login
        self._dialler = dialler

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class has it so
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to a name or address, once the proxy has made it.

        Raises:
            SocksError: the proxy won't or can't, or is none.
            httpcore2.ConnectTimeout, httpcore2.ConnectError: nothing answers at the proxy's place.
        """
        try:
            async with asyncio.timeout(timeout), AsyncExitStack() as on_failure:
                stream = await self._dialler.connect_tcp(*self._proxy, timeout, local_address, socket_options)
                on_failure.push_async_callback(stream.aclose)
                await self._log_in(stream)
                await _connect(stream, host, port)
                on_failure.pop_all()
                return stream
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout from error

    async def _log_in(self, stream: httpcore2.AsyncNetworkStream) -> None:
        methods = [_NO_LOGIN, _BY_PASSWORD] if self._login else [_NO_LOGIN]
        await stream.write(bytes([_VERSION, len(methods), *methods]))
        version, method = await _read(stream, 2)
        if version != _VERSION:
            raise SocksError("does not speak SOCKS 5")
        if method == _BY_PASSWORD and self._login:
            user, password = self._login
            await stream.write(bytes([_LOGIN_VERSION, len(user)]) + user + bytes([len(password)]) + password)
            _, refused = await _read(stream, 2)
            if refused:
                raise SocksError("refuses the user name or password")
        elif method != _NO_LOGIN:
            raise SocksError("takes no password" if self._login else "wants a user name and password")


async def _connect(stream: httpcore2.AsyncNetworkStream, host: str, port: int) -> None:
    await stream.write(bytes([_VERSION, 1, 0]) + _address(host) + port.to_bytes(2, "big"))
    version, refusal, _, kind = await _read(stream, 4)
    if version != _VERSION:
        raise SocksError("does not speak SOCKS 5")
    if refusal:
        raise SocksError(_REFUSALS.get(refusal, f"answers {refusal}"))
    # Where it connects from, which nobody needs; but the site's bytes come after it.
    size = {_IPV4: 4, _IPV6: 16}.get(kind) or (await _read(stream, 1))[0]
    await _read(stream, size + 2)


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("ascii")
        return bytes([_NAME, len(name)]) + name
    return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed


async def _read(stream: httpcore2.AsyncNetworkStream, size: int) -> bytes:
    """So many bytes and not one more, in however many pieces they come."""
    data = b""
    while len(data) < size:
        piece = await stream.read(size - len(data))
        if not piece:
            raise SocksError("hangs up")
        data += piece
    return data
