"""Opening connections: names are resolved once, every address is judged, only what was judged is dialled."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import httpcore2

from jobs.errors import Permanent, Reason, Retry
from jobs.guard import Policy, why_refused

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Host name and port → IP addresses in order of preference. Raises OSError when there are none."""

RESOLVER_THREADS = 32  # getaddrinfo blocks, and a dead name server must not hold up the other look-ups
MAX_ADDRESSES = 6
MIN_SHARE_S = 2.0


class SystemResolver:
    """The machine's own resolver, on threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Let go of the threads; look-ups that hang are left to end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in infos]


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
        """A connection to the first address that answers; each has its share of the time.

        Raises:
            Retry: `DNS`.
            Permanent: `BLOCKED_ADDRESS`; any address is refused, so that mixed answers open nothing.
            httpcore2.ConnectError, httpcore2.ConnectTimeout: no address answered.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + (timeout or 3600.0)
        addresses = (await self._checked(host, port, timeout))[:MAX_ADDRESSES]
        for left in range(len(addresses), 0, -1):
            share = max((end - loop.time()) / left, min(MIN_SHARE_S, timeout or MIN_SHARE_S))
            try:
                return await self._dialler.connect_tcp(
                    addresses[-left], port, share, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if left == 1:
                    raise
        raise AssertionError("resolve() gives at least one address")

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


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "look-up failed"
