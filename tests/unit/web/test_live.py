"""A client's queue: bounded, and never waited for."""

from __future__ import annotations

import threading
import time

import pytest

from worker.web.live import Client, Ended, Frame


def frames(count: int) -> list[Frame]:
    return [Frame(f"1-{n}", b"x") for n in range(count)]


def test_frames_come_in_order() -> None:
    """What is offered is taken, oldest first, and then there is nothing."""
    client = Client()
    for frame in frames(3):
        assert client.offer(frame)
    assert [client.take(0) for _ in range(4)] == [*frames(3), None]


def test_a_client_that_is_too_far_behind_is_dropped() -> None:
    """Offering never waits: past the bound the client is ended, and its frames are freed."""
    client = Client(most_waiting=2)
    assert [client.offer(frame) for frame in frames(4)] == [True, True, False, False]
    with pytest.raises(Ended):
        client.take(0)


def test_ending_wakes_a_waiting_client() -> None:
    """A process that stops is not held up by an idle stream."""
    client = Client()
    threading.Timer(0.05, client.end).start()
    began = time.monotonic()
    with pytest.raises(Ended):
        client.take(30)
    assert time.monotonic() - began < 5
