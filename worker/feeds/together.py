"""Calls that many polls make at the same time, made in one: a thread and a round trip to Redis for all."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

MOST = 100
"""Of one call: what is more goes with the next."""

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Together(Generic[Asked, Answered]):
    """A blocking function of many values, called from coroutines that have one value each.

    While one call runs, in a thread, what comes meanwhile waits for the next: a lone value never waits, and
    under load calls grow instead of queueing up. Calls are made one after the other, values in the order in
    which they came, so that a later one is never overtaken by an earlier.
    """

    def __init__(self, function: Callable[[Sequence[Asked]], Sequence[Answered | Exception]]) -> None:
        """`function` gives a result for each value, in order, or an exception to be raised for that alone;
        what it raises itself is raised for all of them."""
        self._function = function
        self._waiting: deque[tuple[Asked, asyncio.Future[Answered]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, value: Asked) -> Answered:
        """The function's result for this value.

        A caller that is cancelled no longer waits, but its value is still among those of the call.
        """
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting.append((value, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
            futures = [future for _, future in batch]
            try:
                results = await asyncio.to_thread(self._function, [value for value, _ in batch])
            except BaseException as error:
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
                if not isinstance(error, Exception):
                    raise
            else:
                for future, result in zip(futures, results, strict=True):
                    if future.done():  # nobody waits for it any more
                        continue
                    if isinstance(result, Exception):
                        future.set_exception(result)
                    else:
                        future.set_result(result)
