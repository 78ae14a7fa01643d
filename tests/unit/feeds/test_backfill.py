"""Of a first document as much is taken as the policy says, the newest first, and nothing is forgotten."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.entry import Entry
from jobs.link import Found
from worker.feeds.backfill import PATTERN, split_backfill


def found(*fresh: int) -> list[Found]:
    """Links of these ages, named by their places."""
    urls = [f"https://news.example/{n}" for n in range(len(fresh))]
    return [
        Found(str(n), url, "news.example", at, Entry(url))
        for n, (url, at) in enumerate(zip(urls, fresh, strict=True))
    ]


def ids(links: list[Found]) -> str:
    return "".join(link.id for link in links)


@pytest.mark.parametrize(
    ("policy", "take", "leave"),
    [
        ("all", "01234", ""),
        ("none", "", "01234"),
        ("0", "", "01234"),
        ("2", "13", "024"),
        ("99", "01234", ""),
    ],
)
def test_the_newest_are_taken(policy: str, take: str, leave: str) -> None:
    """In the document's order, wherever in it they stand."""
    taken, left = split_backfill(found(10, 50, 20, 40, 30), policy)
    assert (ids(taken), ids(left)) == (take, leave)


def test_of_equally_new_ones_the_first_are_taken() -> None:
    """Feeds without dates list the newest first."""
    taken, left = split_backfill(found(7, 7, 7, 7), "2")
    assert (ids(taken), ids(left)) == ("01", "23")


@given(st.lists(st.integers(0, 5), max_size=8), st.from_regex(PATTERN, fullmatch=True))
def test_every_link_is_on_one_side(fresh: list[int], policy: str) -> None:
    """Nothing is lost or doubled, and what is taken is no older than what is left."""
    links = found(*fresh)
    taken, left = split_backfill(links, policy)
    assert sorted(taken + left, key=lambda link: link.id) == links
    assert all(one.fresh_ms >= other.fresh_ms for one in taken for other in left)


def test_a_policy_is_a_word_or_a_number() -> None:
    """What the setting and the option refuse."""
    assert not any(re.fullmatch(PATTERN, text) for text in ("", "-1", "some", "1000000", "5 ", "All"))
