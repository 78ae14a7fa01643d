"""Names to addresses: the machine's own resolver on threads, and its answers kept for a short time.

Nothing here decides what may be dialled: every address is judged anew for each connection (`jobs.dial`),
whether it comes from a look-up or from memory.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Host name and port → IP addresses in order of preference. Raises OSError when there are none."""

RESOLVER_THREADS = 128
"""getaddrinfo blocks, for up to half a minute with a dead name server: more threads than calls in flight,
made only when they are needed, so that slow names hold up nobody else."""
KEEP_S = 60.0
KEEP_FAILURE_S = 5.0
MOST_NAMES = 2048


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


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a look-up ended with."""

    addresses: tuple[str, ...]
    error: str | None
    """What was wrong, if the name did not resolve."""
    until_s: float
    """By the cache's clock."""


class CachedResolver:
    """A resolver whose answers are kept for a minute, failures for seconds; one look-up of a name at a time.

    A look-up goes on when those who wait for it give up, so that the next one finds its answer.
    """

    def __init__(self, resolve: Resolver, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolve = resolve
        self._clock = clock
        self._kept: OrderedDict[tuple[str, int], _Kept] = OrderedDict()
        self._running: dict[tuple[str, int], asyncio.Task[_Kept]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        key = (host, port)
        kept = self._kept.get(key)
        if kept is None or kept.until_s <= self._clock():
            kept = await asyncio.shield(self._running.get(key) or self._start(key))
        if kept.error is not None:
            raise OSError(socket.EAI_NONAME, kept.error)
        return list(kept.addresses)

    def _start(self, key: tuple[str, int]) -> asyncio.Task[_Kept]:
        task = asyncio.create_task(self._ask(*key))
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    async def _ask(self, host: str, port: int) -> _Kept:
        try:
            addresses, error = tuple(await self._resolve(host, port)), None
        except (OSError, UnicodeError) as failure:
            words = failure.strerror if isinstance(failure, OSError) else None
            addresses, error = (), words or "look-up failed"
        keep_s = KEEP_S if addresses else KEEP_FAILURE_S
        kept = self._kept[host, port] = _Kept(addresses, error, self._clock() + keep_s)
        self._kept.move_to_end((host, port))
        while len(self._kept) > MOST_NAMES:
            self._kept.popitem(last=False)
        return kept

    def close(self) -> None:
        """Give up the look-ups that are still going on."""
        for task in tuple(self._running.values()):
            task.cancel()
