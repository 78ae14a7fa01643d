"""When what is published: pure, so tested without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.demo.article import load
from worker.demo.publication import Schedule, base36

ARTICLES = load()
SCHEDULE = Schedule(ARTICLES, start_s=1000.0, interval_s=4.0)


@pytest.mark.parametrize(
    ("now_s", "count"), [(0.0, 3), (1000.0, 3), (1003.9, 3), (1004.0, 4), (1007.9, 4), (1400.0, 103)]
)
def test_three_at_the_start_then_one_an_interval(now_s: float, count: int) -> None:
    """The third article comes out at the opening, each other one interval after the one before."""
    assert SCHEDULE.count(now_s) == count


@given(n=st.integers(0, 100_000), interval_s=st.sampled_from([0.05, 0.3, 1.0, 4.0, 7.7]))
def test_nothing_is_listed_before_it_can_be_read(n: int, interval_s: float) -> None:
    """At the moment of a publication it is listed, and its own address leads to it."""
    schedule = Schedule(ARTICLES, start_s=1_721_725_200.123, interval_s=interval_s)
    publication = schedule.number(n)
    now_s = max(schedule.start_s, schedule.start_s + (n - 2) * interval_s)
    assert schedule.count(now_s) >= n + 1
    assert schedule.find(publication.path, now_s) == publication
    assert all(schedule.find(p.path, now_s) == p for p in schedule.newest(now_s, 3))


def test_after_the_last_article_a_new_edition_begins() -> None:
    """The round goes on for ever; each edition has an address of its own."""
    first, again = SCHEDULE.number(0), SCHEDULE.number(len(ARTICLES))
    assert first.article is again.article
    assert (first.edition, again.edition) == (1, 2)
    assert first.path != again.path


def test_a_restarted_newsroom_serves_what_it_published_before() -> None:
    """Addresses that readers hold stay good although nothing is stored, and are never given out twice."""
    later = Schedule(ARTICLES, start_s=2000.0, interval_s=9.0)
    before = SCHEDULE.newest(1990.0, 50)
    assert [later.find(p.path, 2000.0) for p in before] == before
    assert not {p.path for p in before} & {p.path for p in later.newest(2400.0, 40)}


@pytest.mark.parametrize(
    "path",
    ["/en/no-such-article-1-abc", "/de/a-scale-for-the-wind-1-abc", "/en/a-scale-for-the-wind", "/en/"],
)
def test_other_paths_are_nothing(path: str) -> None:
    """Unknown slugs, another language's slugs and addresses without an edition lead nowhere."""
    assert SCHEDULE.find(path, 2000.0) is None


def test_what_is_not_out_yet_is_nothing() -> None:
    """An address can't be guessed ahead of time."""
    assert SCHEDULE.find(SCHEDULE.number(10).path, 1000.0) is None


@given(st.integers(0, 2**60))
def test_base36_is_read_back_by_int(number: int) -> None:
    """``int(text, 36)`` is the inverse."""
    assert int(base36(number), 36) == number
