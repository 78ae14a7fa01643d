"""Threads that work, as opposed to wait: so many at a time, first come, first served.

When many downloads end at once, threads that all go on would share the interpreter's lock piece by piece, all
end late, and all begin anew at the same moment. One after the other, the first is done at once, and the next
wave is no wave any more.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Desk:
    """So many places. A thread has one between `__enter__` and `__exit__`, except while it is `away`."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._line: deque[threading.Lock] = deque()
        self._lock = threading.Lock()
        self._seated = threading.local()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                turn = None
            else:
                turn = threading.Lock()
                turn.acquire()
                self._line.append(turn)
        if turn is not None:
            turn.acquire()  # released by whoever leaves
        self._seated.here = True

    def __exit__(self, *exc_info: object) -> None:
        self._seated.here = False
        with self._lock:
            if self._line:
                self._line.popleft().release()
            else:
                self._free += 1

    @contextmanager
    def away(self) -> Iterator[None]:
        """Somebody else has the place while this thread waits; nothing for a thread without one."""
        if not getattr(self._seated, "here", False):
            yield
            return
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()
