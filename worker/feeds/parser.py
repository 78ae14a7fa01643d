"""Parsing in a child process, under a deadline: a hostile feed costs one child, and nobody waits for it.

The pool is pebble's, which kills and replaces a child that overruns. Three things it does not do are done
here: a child that dies idle breaks the pool for good, so that a broken pool is replaced; a child that dies
while it holds the pool's lock blocks the others for a minute, so that waiting has an end of its own; and
SIGTERM waits for Python code to run, so that the children let the kernel handle it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Protocol, Self

from pebble import ProcessExpired, ProcessPool

from jobs.entry import ParsedFeed
from worker.feeds.errors import FeedError, FeedReason
from worker.feeds.parse import parse
from worker.procs import die_with_parent, limit_memory

MEMORY_BYTES = 512 * 1024 * 1024
"""What a child's address space may grow by. A 16 MiB feed of ordinary entries needs about half of it."""
PARSES_PER_CHILD = 1_000
"""Then it is replaced, so that what it leaks doesn't add up."""
START_S = 30.0
"""Time for a child to start, on a busy machine."""


class ParseFunction(Protocol):
    """What runs in the child: `worker.feeds.parse.parse`, or another module-level function like it."""

    def __call__(self, body: bytes, *, url: str, content_type: str = "") -> ParsedFeed: ...


class Parser:
    """Parses feeds in `workers` child processes. Use as an asynchronous context manager.

    Args:
        workers: documents parsed at once.
        deadline_s: time for one document.
        memory_bytes: what a child's address space may grow by.
        function: what runs there.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        deadline_s: float = 10.0,
        memory_bytes: int = MEMORY_BYTES,
        function: ParseFunction = parse,
    ) -> None:
        self._workers = workers
        self._deadline_s = deadline_s
        self._memory_bytes = memory_bytes
        self._function = function
        self._free = asyncio.Semaphore(workers)
        self._pool = self._new_pool()

    async def parse(self, body: bytes, *, url: str, content_type: str = "") -> ParsedFeed:
        """The feed in a document (see `worker.feeds.parse.parse`), without blocking the event loop.

        Raises:
            FeedError: as `parse` does; `too_complex` after the deadline, `crashed` when the child died.
        """
        async with self._free:
            pool = self._pool
            try:
                return await self._run(pool, body, url, content_type)
            except BrokenProcessPool:
                await self._replace(pool)
            try:
                return await self._run(self._pool, body, url, content_type)
            except BrokenProcessPool:
                raise FeedError(FeedReason.CRASHED, "twice, before it reported anything") from None

    async def _run(self, pool: ProcessPool, body: bytes, url: str, content_type: str) -> ParsedFeed:
        arguments = {"url": url, "content_type": content_type}
        try:
            task = pool.schedule(self._function, args=[body], kwargs=arguments, timeout=self._deadline_s)
        except RuntimeError as error:  # it broke while nobody used it
            raise BrokenProcessPool("the pool broke") from error
        waiting: asyncio.Future[ParsedFeed] = asyncio.wrap_future(task)
        try:
            await asyncio.wait({waiting}, timeout=self._deadline_s + START_S)
            if not waiting.done():
                raise BrokenProcessPool("no answer from the pool")
            return waiting.result()
        except TimeoutError:
            raise FeedError(FeedReason.TOO_COMPLEX, f"it takes more than {self._deadline_s:g} s") from None
        except ProcessExpired as error:
            raise FeedError(FeedReason.CRASHED, _cause_of_death(error.exitcode)) from None
        finally:
            waiting.cancel()

    async def _replace(self, broken: ProcessPool) -> None:
        if self._pool is broken:
            self._pool = self._new_pool()
            await _end(broken)

    def _new_pool(self) -> ProcessPool:
        # Spawned, not forked: the parent has threads, and a fork server would outlive its killed parent.
        return ProcessPool(
            max_workers=self._workers,
            max_tasks=PARSES_PER_CHILD,
            initializer=_prepare_child,
            initargs=[os.getpid(), self._memory_bytes],
            context=multiprocessing.get_context("spawn"),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await _end(self._pool)


async def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]  # pebble's, without annotations
    await asyncio.to_thread(pool.join)


def _prepare_child(parent: int, memory_bytes: int) -> None:
    """Runs first in each child: die with the parent, bound the memory, leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent()
    if os.getppid() != parent:  # it died before we asked to be told
        os._exit(0)
    limit_memory(memory_bytes)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _cause_of_death(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
