"""Server-sent events as bytes."""

from __future__ import annotations

import json

import pytest

from tests.site import made
from worker.web.card import card
from worker.web.frame import article_frame, entry_id, order


def test_no_text_can_end_a_frame_early() -> None:
    """Line ends of every kind in third-party text stay inside the data line."""
    hostile = "one\n\nevent: gap\r\ndata: x\u2028\u2029\x85id: 9-9"
    shown = card("5-1", made(headline=hostile, summary=hostile))
    assert shown is not None
    lines = article_frame(shown).decode().split("\n")
    assert lines[:2] == ["id: 5-1", "event: article"]
    assert lines[3:] == ["", ""]
    assert json.loads(lines[2].removeprefix("data: "))["source"] == "One Test"
    assert lines[2].isascii()


def test_entry_ids_are_read_strictly() -> None:
    """What Redis would refuse never gets there: it counts as no id."""
    assert entry_id("1700000000000-5") == "1700000000000-5"
    for bad in (None, "", "1", "1-", "-1", "1-2-3", "a-b", "1-1\n", "$", f"{2**64}-0", "١-١"):
        assert entry_id(bad) is None


@pytest.mark.parametrize(("lower", "higher"), [("9-0", "10-0"), ("5-9", "5-10"), ("0-0", "0-1")])
def test_entries_sort_as_numbers(lower: str, higher: str) -> None:
    """Not as text."""
    assert order(lower) < order(higher)
