"""A feed's state at a glance: which words hold when."""

from __future__ import annotations

from typing import Any

import pytest

from worker.feeds.registry import Feed
from worker.feeds.rhythm import Rhythm
from worker.feeds.state import FeedState, answered_ms, is_stale, links_a_day, state, states

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
NOW_MS = 1_790_000_000_000


def feed(**known: Any) -> Feed:
    """A feed that was polled a minute ago, every hour."""
    usual: dict[str, Any] = {"added": NOW_MS - 90 * DAY_MS, "polled": NOW_MS - 60_000, "interval": 3600}
    return Feed("id", "https://news.test/rss", **(usual | known))


def rhythm(until_ms: int) -> str:
    """Of a feed whose last good poll was then."""
    at_s = until_ms // 1000
    return Rhythm(at_s - 86_400, at_s, links=10, times=10, days=1).text


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, ["ok"]),
        ({"polled": 0, "added": NOW_MS - HOUR_MS}, ["new"]),
        ({"failures": 1, "rhythm": rhythm(NOW_MS - HOUR_MS)}, ["failing"]),
        ({"failures": 9, "rhythm": rhythm(NOW_MS - 2 * DAY_MS)}, ["failing", "stale"]),
        ({"failures": 9}, ["failing", "stale"]),
        ({"polled": NOW_MS - 2 * DAY_MS}, ["stale"]),
        ({"silent": NOW_MS - DAY_MS}, ["silent"]),
        ({"silent": NOW_MS - DAY_MS, "moving": "1 1 https://x.test/"}, ["silent", "moving"]),
        ({"silent": NOW_MS - DAY_MS, "failures": 1, "rhythm": rhythm(NOW_MS - 60_000)}, ["failing"]),
        ({"gone": NOW_MS - DAY_MS, "failures": 30}, ["gone"]),
        ({"paused": True, "failures": 3, "gone": 1, "silent": 1, "polled": 1}, ["paused"]),
    ],
)
def test_which_states_a_feed_is_in(known: dict[str, Any], expected: list[str]) -> None:
    """All that hold, the gravest first; who is paused or gone is nothing else."""
    assert [str(one) for one in states(feed(**known), NOW_MS)] == expected
    assert state(feed(**known), NOW_MS) == expected[0]


@pytest.mark.parametrize(
    ("known", "late_after_h"),
    [({"interval": 300}, 24), ({"interval": 86_400}, 120), ({"interval": 300, "pinned": 36_000}, 50)],
)
def test_a_feed_is_stale_against_its_own_plan(known: dict[str, Any], late_after_h: int) -> None:
    """After a day and five of its intervals, learned or pinned, without a good poll."""
    for hours, stale in ((late_after_h - 1, False), (late_after_h + 1, True)):
        assert is_stale(feed(polled=NOW_MS - hours * HOUR_MS, **known), NOW_MS) is stale


def test_the_last_good_poll_is_known_while_a_feed_fails() -> None:
    """From its rhythm, which learns from good polls only."""
    good_ms = NOW_MS - 5 * DAY_MS
    assert answered_ms(feed(failures=3, rhythm=rhythm(good_ms))) == good_ms
    assert answered_ms(feed(failures=3)) == 0
    assert answered_ms(feed()) == NOW_MS - 60_000


def test_a_pace_is_told_when_it_is_known() -> None:
    """Before the first links there is none."""
    assert links_a_day(feed()) is None
    assert links_a_day(feed(rhythm=Rhythm(0, 0).text)) is None
    assert links_a_day(feed(rhythm=rhythm(NOW_MS))) == pytest.approx(10, rel=0.1)


def test_every_state_has_its_meaning() -> None:
    """For `feeds show`."""
    assert all(one.meaning for one in FeedState)
