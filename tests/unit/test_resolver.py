"""Answers of the DNS are kept for a short time, asked for once at a time, and never for longer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jobs import resolver as module
from jobs.resolver import KEEP_FAILURE_S, KEEP_S, MOST_NAMES, CachedResolver, SystemResolver
from tests.calls import Names


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def resolving(
    names: Any, call: Callable[[CachedResolver], Awaitable[Any]], clock: Clock | None = None
) -> Any:
    async def main() -> Any:
        return await call(CachedResolver(names, clock=clock or Clock()))

    return asyncio.run(main())


def test_an_answer_is_kept_for_a_minute() -> None:
    """And then looked up again."""
    names, clock = Names(a_test=[["1.1.1.1"], ["8.8.8.8"]]), Clock()

    async def call(resolve: CachedResolver) -> list[list[str]]:
        answers = []
        for passed_s in (0, KEEP_S - 1, 2):
            clock.now_s += passed_s
            answers.append(await resolve("a.test", 80))
        return answers

    assert resolving(names, call, clock) == [["1.1.1.1"], ["1.1.1.1"], ["8.8.8.8"]]
    assert names.asked == ["a.test"] * 2


def test_a_failure_is_kept_for_seconds() -> None:
    """A dead name server is not asked for each link of a host; one that is back is soon noticed."""
    names, clock = Names(), Clock()

    async def call(resolve: CachedResolver) -> None:
        for passed_s in (0, KEEP_FAILURE_S - 1):
            clock.now_s += passed_s
            with pytest.raises(OSError, match="not known"):
                await resolve("a.test", 80)
        names.answers["a.test"] = [["1.1.1.1"]]
        clock.now_s += 2
        assert await resolve("a.test", 80) == ["1.1.1.1"]

    resolving(names, call, clock)
    assert len(names.asked) == 2


def test_no_address_counts_as_a_failure() -> None:
    """An empty answer is not kept as long as a good one."""
    names, clock = Names(a_test=[[], ["1.1.1.1"]]), Clock()

    async def call(resolve: CachedResolver) -> list[str]:
        assert await resolve("a.test", 80) == []
        clock.now_s += KEEP_FAILURE_S + 1
        return await resolve("a.test", 80)

    assert resolving(names, call, clock) == ["1.1.1.1"]


def test_one_look_up_for_all_who_wait() -> None:
    """Calls at the same time share one look-up; who gives up does not take it away from the others."""
    asked: list[str] = []
    go = asyncio.Event()

    async def slow(host: str, port: int) -> list[str]:
        asked.append(host)
        await go.wait()
        return ["1.1.1.1"]

    async def call(resolve: CachedResolver) -> None:
        waiting = [asyncio.create_task(resolve("a.test", 80)) for _ in range(5)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        go.set()
        assert await asyncio.gather(*waiting[1:]) == [["1.1.1.1"]] * 4
        assert await resolve("a.test", 80) == ["1.1.1.1"]

    resolving(slow, call)
    assert asked == ["a.test"]


def test_a_look_up_that_everybody_gave_up_serves_the_next() -> None:
    """It goes on, so that a slow name is there at the second attempt instead of never."""
    asked: list[str] = []
    go = asyncio.Event()

    async def slow(host: str, port: int) -> list[str]:
        asked.append(host)
        await go.wait()
        return ["1.1.1.1"]

    async def call(resolve: CachedResolver) -> list[str]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await resolve("a.test", 80)
        go.set()
        return await resolve("a.test", 80)

    assert resolving(slow, call) == ["1.1.1.1"]
    assert asked == ["a.test"]


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that were looked up first are forgotten first."""
    assert MOST_NAMES < 100_000
    monkeypatch.setattr(module, "MOST_NAMES", 3)
    names = Names(**{f"n{n}_test": [["1.1.1.1"]] for n in range(4)})

    async def call(resolve: CachedResolver) -> None:
        for n in (0, 1, 2, 3, 3, 0):
            await resolve(f"n{n}.test", 80)

    resolving(names, call)
    assert names.asked == ["n0.test", "n1.test", "n2.test", "n3.test", "n0.test"]


def test_slow_names_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many names as a worker has downloads hang in the system's resolver; one more is found at once."""
    release = threading.Event()

    def look_up(host: str, port: int) -> list[str]:
        if host.startswith("slow"):
            release.wait(30)
        return ["1.1.1.1"]

    monkeypatch.setattr(module, "_look_up", look_up)

    async def main() -> float:
        system = SystemResolver()
        resolve = CachedResolver(system)
        hanging = [asyncio.create_task(resolve(f"slow{n}.test", 80)) for n in range(100)]
        await asyncio.sleep(0)
        started = time.monotonic()
        assert await resolve("quick.test", 80) == ["1.1.1.1"]
        took_s = time.monotonic() - started
        release.set()
        await asyncio.gather(*hanging)
        system.close()
        return took_s

    assert asyncio.run(main()) < 10
