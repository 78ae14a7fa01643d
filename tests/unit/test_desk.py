"""A desk's places go to whoever came first, and nobody keeps one while waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from worker.desk import Desk


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_no_more_threads_than_places_and_in_order() -> None:
    """Three are in; the others come in one by one, in the order in which they arrived."""
    desk, entered, inside, most = Desk(3), list[int](), set[int](), list[int]()
    leave = threading.Semaphore(0)

    def work(number: int) -> None:
        with desk:
            inside.add(number)
            most.append(len(inside))
            entered.append(number)
            leave.acquire()
            inside.discard(number)

    threads = []
    for number in range(8):
        threads.append(threading.Thread(target=work, args=(number,)))
        threads[-1].start()
        if number < 3:
            wait_until(lambda n=number: len(entered) == n + 1)  # type: ignore[misc]
        else:
            wait_until(lambda n=number: len(desk._line) == n - 2)  # type: ignore[misc]
    for count in range(4, 9):
        leave.release()
        wait_until(lambda n=count: len(entered) == n)  # type: ignore[misc]
    leave.release(3)
    for thread in threads:
        thread.join(10)
    assert entered == list(range(8))
    assert max(most) == 3


def test_who_waits_gives_up_the_place_and_takes_it_again() -> None:
    """While one is away another works; outside of a desk, being away is nothing."""
    desk = Desk(1)
    done = threading.Event()

    def other() -> None:
        with desk:
            done.set()

    with desk.away():
        pass
    with desk:
        thread = threading.Thread(target=other)
        thread.start()
        wait_until(lambda: len(desk._line) == 1)
        assert not done.is_set()
        with desk.away():
            assert done.wait(10)
        thread.join(10)
    with desk:
        pass
    assert desk._free == 1


def test_an_exception_gives_the_place_back() -> None:
    """At work or away."""
    desk = Desk(1)
    for _ in range(2):
        try:
            with desk, desk.away():
                raise KeyError
        except KeyError:
            pass
    assert desk._free == 1
