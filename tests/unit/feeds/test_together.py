"""Calls made together: none is lost, none overtakes another, and what goes wrong stays where it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from worker.feeds.together import MOST, Together


class Called:
    """A blocking function that notes its calls; the first one lasts until `go` is set."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.go = threading.Event()

    def __call__(self, values: Sequence[int]) -> list[int | Exception]:
        self.calls.append(list(values))
        assert self.go.wait(30)
        return [ValueError(value) if value < 0 else value * 10 for value in values]


@pytest.fixture
def called() -> Called:
    return Called()


async def started(called: Called) -> None:
    async with asyncio.timeout(30):
        while not called.calls:  # noqa: ASYNC110 - a thread sets it
            await asyncio.sleep(0.001)


def test_what_comes_while_a_call_runs_goes_in_one(called: Called) -> None:
    """A lone value goes at once; the others follow in their order, in as few calls as may be."""

    async def main() -> list[int]:
        together = Together(called)
        first = asyncio.create_task(together(0))
        await started(called)
        rest = [asyncio.create_task(together(n)) for n in range(1, MOST + 6)]
        await asyncio.sleep(0)
        called.go.set()
        return await asyncio.gather(first, *rest)

    assert asyncio.run(main()) == [n * 10 for n in range(MOST + 6)]
    assert called.calls == [[0], list(range(1, MOST + 1)), list(range(MOST + 1, MOST + 6))]


def test_an_error_is_raised_where_it_belongs(called: Called) -> None:
    """What goes wrong with one value costs the others nothing; what goes wrong with a call, no later one."""
    called.go.set()

    def broken(values: Sequence[int]) -> list[int | Exception]:
        if 13 in values:
            raise OSError("no")
        return called(values)

    async def main() -> tuple[list[int | BaseException], int]:
        together = Together(broken)
        results = await asyncio.gather(*(together(n) for n in (1, -2, 3)), return_exceptions=True)
        for _ in range(2):
            with pytest.raises(OSError, match="no"):
                await together(13)
        return results, await together(5)

    (one, two, three), after = asyncio.run(main())
    assert (one, three, after) == (10, 30, 50)
    assert isinstance(two, ValueError)


def test_a_caller_that_gives_up_costs_the_others_nothing(called: Called) -> None:
    """Its value is part of the call all the same: what was to be saved is saved."""

    async def main() -> tuple[int, int]:
        together = Together(called)
        first = asyncio.create_task(together(0))
        await started(called)
        given_up, other = asyncio.create_task(together(1)), asyncio.create_task(together(2))
        await asyncio.sleep(0)
        given_up.cancel()
        called.go.set()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        return await first, await other

    assert asyncio.run(main()) == (0, 20)
    assert called.calls == [[0], [1, 2]]
