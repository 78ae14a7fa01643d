"""Which links a selection means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import typer

from worker.commands.selecting import ago_ms
from worker.selection import Record, Selection

LINK = Record(
    link_id="a" * 16,
    url="https://www.news.example/story",
    host="news.example",
    feeds=("feedaaaaaa", "feedbbbbbb"),
    state="closed",
    stage="fetch",
    attempts=3,
    revision=0,
    first_seen_ms=500,
    ended_ms=1000,
    outcome="failed",
    reason="timeout",
    detail="www.news.example: not done after 30 s",
    final_url="https://cdn.other.example/story",
)


def few(*values: str) -> frozenset[str]:
    return frozenset(values)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reasons": few("timeout", "dns")},
        {"outcomes": few("failed")},
        {"hosts": few("news.example")},
        {"hosts": few("www.news.example", "nowhere.example")},
        {"hosts": few("other.example")},
        {"feeds": few("feedbbbbbb")},
        {"from_ms": 1000},
        {"to_ms": 1000},
        {"reasons": few("timeout"), "hosts": few("news.example"), "feeds": few("feedaaaaaa"), "from_ms": 1},
    ],
)
def test_what_fits_is_meant(options: dict[str, Any]) -> None:
    """Any value of one kind, and every kind that is given; a host with all that is below it."""
    assert Selection(**options).takes(LINK)


@pytest.mark.parametrize(
    "options",
    [
        {"reasons": few("dns")},
        {"outcomes": few("published", "skipped")},
        {"hosts": few("ews.example")},
        {"hosts": few("m.www.news.example")},
        {"feeds": few("feedcccccc")},
        {"from_ms": 1001},
        {"to_ms": 999},
        {"reasons": few("timeout"), "hosts": few("nowhere.example")},
    ],
)
def test_what_does_not_fit_is_not(options: dict[str, Any]) -> None:
    """One kind that does not hold is enough."""
    assert not Selection(**options).takes(LINK)


def test_an_article_that_is_unchanged_is_published_still() -> None:
    """A re-check ends as unchanged, and leaves the article among the published ones."""
    looked_at = replace(LINK, outcome="unchanged", reason=None, revision=2)
    assert Selection(outcomes=few("published")).takes(looked_at)
    assert Selection(outcomes=few("unchanged")).takes(looked_at)
    assert not Selection(outcomes=few("published")).takes(replace(looked_at, revision=0))


def test_an_open_link_has_not_ended() -> None:
    """It is never older, nor newer, than anything."""
    link = replace(LINK, state="ready", ended_ms=0, outcome=None, reason=None)
    assert not Selection(from_ms=1).takes(link)
    assert not Selection(to_ms=9_999).takes(link)
    assert Selection().takes(link)


def test_ages_are_written_as_people_write_them() -> None:
    """With one unit; what is none is refused with what would be one."""
    assert [ago_ms(text, "--older") for text in ("90s", "30m", "2h", "1.5d", "1w")] == [
        90_000, 1_800_000, 7_200_000, 129_600_000, 604_800_000,
    ]  # fmt: skip
    for text in ("", "2", "h", "-2h", "2 hours", "1e3s", "9999999999d"):
        with pytest.raises(typer.BadParameter, match="30m, 2h or 7d"):
            ago_ms(text, "--older")
