"""HTTP/2 frames are counted by their heads, however the bytes are cut."""

from __future__ import annotations

import random

import pytest

from jobs.frames import BYTES_A_FRAME, FREE_FRAMES, MAX_FRAME_BYTES, FrameCount

DATA, PING = 0, 6


def frame(kind: int, size: int) -> bytes:
    return size.to_bytes(3, "big") + bytes([kind, 0, 0, 0, 0, 1]) + bytes(size)


@pytest.mark.parametrize("size", [1, 5, 9, 13, 65536])
def test_an_ordinary_answer_passes(size: int) -> None:
    """Five megabytes in frames as servers send them, read in pieces of any size."""
    rng = random.Random(size)
    sent = b"".join(frame(DATA, rng.randint(2000, MAX_FRAME_BYTES)) for _ in range(100 if size < 9 else 600))
    count = FrameCount()
    assert all(count.feed(sent[i : i + size]) for i in range(0, len(sent), size))


@pytest.mark.parametrize("size", [1, 7, 65536])
def test_more_frames_than_any_answer_needs_are_refused(size: int) -> None:
    """Exactly one more than is free; it makes no difference how they arrive."""
    sent = frame(PING, 8) * (FREE_FRAMES + 1)
    count = FrameCount()
    passed = [count.feed(sent[i : i + size]) for i in range(0, len(sent), size)]
    assert not passed[-1]
    assert len(sent) - passed.index(False) * size <= max(size, len(frame(PING, 8))), "and no sooner"
    count = FrameCount()
    assert count.feed(frame(PING, 8) * FREE_FRAMES)


def test_data_earns_frames_and_a_complete_answer_forgives_them() -> None:
    """A long body may have more frames; the next answer on the connection begins anew."""
    count = FrameCount()
    assert count.feed(frame(DATA, BYTES_A_FRAME) * (3 * FREE_FRAMES))
    assert not count.feed(frame(DATA, 1) * (FREE_FRAMES + 1))
    count.settle()
    assert count.feed(frame(PING, 8) * FREE_FRAMES)


def test_a_frame_that_is_too_long_is_refused_at_its_head() -> None:
    """Before any of it is kept."""
    assert FrameCount().feed(frame(DATA, MAX_FRAME_BYTES))
    assert not FrameCount().feed((MAX_FRAME_BYTES + 1).to_bytes(3, "big") + bytes(6))
