"""Opening connections: names are resolved once, every address is judged, only what was judged is dialled."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain, zip_longest

import httpcore2

from jobs.errors import Permanent, Reason, Retry
from jobs.guard import Policy, why_refused
from jobs.resolver import Resolver

MAX_ADDRESSES = 6
NEXT_AFTER_S = 0.25
"""How long an address has for itself before the next one is tried beside it (RFC 8305, 5 and 8)."""


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """What the connection pool opens connections with: TCP only, to addresses that the policy allows."""

    def __init__(self, policy: Policy, resolve: Resolver, dialler: httpcore2.AsyncNetworkBackend) -> None:
        self._policy = policy
        self._resolve = resolve
        self._dialler = dialler

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class has it so
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first address that answers, IPv6 and IPv4 in turn (RFC 8305).

        Raises:
            Retry: `DNS`.
            Permanent: `BLOCKED_ADDRESS`; any address is refused, so that mixed answers open nothing.
            httpcore2.ConnectError, httpcore2.ConnectTimeout: no address answered.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + (timeout or 3600.0)
        addresses = in_turn(await self._checked(host, port, timeout))[:MAX_ADDRESSES]
        options = (local_address, tuple(socket_options or ()))

        async def dial(address: str) -> httpcore2.AsyncNetworkStream:
            return await self._dialler.connect_tcp(address, port, max(end - loop.time(), 0.001), *options)

        if len(addresses) == 1:
            return await dial(addresses[0])
        return await _first(dial, addresses, alone_s=min(NEXT_AFTER_S, (end - loop.time()) / len(addresses)))

    async def _checked(self, host: str, port: int, timeout_s: float | None) -> list[str]:
        addresses = [host] if _is_address(host) else await self._resolved(host, port, timeout_s)
        for address in addresses:
            if why := why_refused(address, port, self._policy):
                raise Permanent(Reason.BLOCKED_ADDRESS, f"{host}: {why}")
        return addresses

    async def _resolved(self, host: str, port: int, timeout_s: float | None) -> list[str]:
        try:
            async with asyncio.timeout(timeout_s):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise Retry(Reason.DNS, f"{host}: no answer within {timeout_s:g} s") from None
        except (OSError, UnicodeError) as error:
            raise Retry(Reason.DNS, f"{host}: {_words(error)}") from error
        if not addresses:
            raise Retry(Reason.DNS, f"{host}: the name has no address")
        return addresses


def in_turn(addresses: Sequence[str]) -> list[str]:
    """Addresses of the two families in turn, beginning with that of the first (RFC 8305, 4)."""
    first = [address for address in addresses if (":" in address) == (":" in addresses[0])]
    second = [address for address in addresses if address not in first]
    return [address for address in chain.from_iterable(zip_longest(first, second)) if address]


async def _first(
    dial: Callable[[str], Awaitable[httpcore2.AsyncNetworkStream]],
    addresses: Sequence[str],
    *,
    alone_s: float,
) -> httpcore2.AsyncNetworkStream:
    """The first connection that opens; an address is tried when those before failed or have had their time.

    Raises:
        httpcore2.ConnectError, httpcore2.ConnectTimeout: how the last one failed.
    """
    waiting = list(reversed(addresses))
    tried: list[asyncio.Task[httpcore2.AsyncNetworkStream]] = []
    try:
        while True:
            if waiting:
                tried.append(asyncio.ensure_future(dial(waiting.pop())))
            going = [task for task in tried if not task.done()]
            if going:
                await asyncio.wait(
                    going, timeout=alone_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
            opened = next((task for task in tried if task.done() and not task.exception()), None)
            if opened is not None:
                tried.remove(opened)
                return opened.result()
            if not waiting and all(task.done() for task in tried):
                return tried[-1].result()  # raises
    finally:
        await _drop(tried)


async def _drop(tasks: Iterable[asyncio.Task[httpcore2.AsyncNetworkStream]]) -> None:
    """End dials that are not needed any more, and close what they have opened."""
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, httpcore2.AsyncNetworkStream):
            await ended.aclose()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "look-up failed"
