"""When a feed is polled next, and why."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import Reason
from worker.feeds.errors import FeedReason
from worker.feeds.schedule import Bounds, Brought, duration, next_poll

DEFAULT = Bounds(300, 86400)
ERRORS = [str(r) for r in (*Reason, *FeedReason)]


@dataclass(frozen=True)
class Feed:
    """What the schedule reads of a feed."""

    interval: int = 600
    pinned: int = 0
    failures: int = 0


bounds = st.tuples(st.integers(1, 86400), st.integers(0, 2_500_000)).map(lambda t: Bounds(t[0], t[0] + t[1]))
feeds = st.builds(Feed, interval=st.integers(0, 3_000_000), failures=st.integers(0, 1000))
seconds = st.one_of(st.none(), st.floats(0, 1e7))
chances = st.floats(0, 1, exclude_max=True)
polls = st.builds(
    Brought,
    new=st.integers(0, 10_000),
    unchanged=st.booleans(),
    error=st.one_of(st.none(), st.sampled_from(sorted(set(ERRORS) - {"gone"}))),
    max_age_s=seconds,
    ttl_s=seconds,
)


@given(feeds, polls, bounds, chances)
def test_delays_stay_within_the_bounds(feed: Feed, poll: Brought, limits: Bounds, chance: float) -> None:
    """Whatever happened: no delay, and no kept interval, is outside of what the operator allows."""
    after = next_poll(feed, poll, limits, chance)
    assert limits.min_s <= after.delay_s <= limits.max_s
    assert after.interval_s is None or limits.min_s <= after.interval_s <= limits.max_s
    assert after.because


@given(st.sampled_from(ERRORS), st.integers(0, 100), chances)
def test_more_failures_never_shorten_the_wait(error: str, failures: int, chance: float) -> None:
    """The back-off is monotone in the failures, and never ends in "never"."""
    one, next_one = (
        next_poll(Feed(failures=n), Brought(error=error), DEFAULT, chance) for n in (failures, failures + 1)
    )
    assert one.delay_s <= next_one.delay_s <= 8 * 86400


@given(polls, chances, st.integers(1, 1_000_000))
def test_a_pin_holds(poll: Brought, chance: float, pinned: int) -> None:
    """A pinned feed is polled as pinned, also outside of the bounds; errors can only put it off."""
    after = next_poll(Feed(pinned=pinned), poll, DEFAULT, chance)
    assert after.delay_s >= pinned
    assert poll.error or after.delay_s == pinned


@given(st.floats(0, 7 * 86400), chances, st.sampled_from([None, "rate_limited", "server_error"]))
def test_a_retry_after_is_respected(asked_s: float, chance: float, error: str | None) -> None:
    """No poll comes earlier than the site asked for, whether it came with an error or with a good answer."""
    for feed in (Feed(), Feed(pinned=5), Feed(failures=50)):
        assert (
            next_poll(feed, Brought(error=error, retry_after_s=asked_s), DEFAULT, chance).delay_s >= asked_s
        )


@pytest.mark.parametrize(
    ("feed", "poll", "delay_s", "because"),
    [
        (
            Feed(interval=0),
            Brought(new=40),
            900,
            "polled for the first time: every 15 min until its rhythm is known",
        ),
        (Feed(interval=1200), Brought(new=1), 600, "1 new link: polled more often, every 10 min"),
        (Feed(interval=36000), Brought(new=20), 1800, "20 new links: polled more often, every 30 min"),
        (Feed(interval=300), Brought(new=9), 300, "9 new links: already at the shortest interval, 5 min"),
        (
            Feed(interval=600),
            Brought(unchanged=True),
            720,
            "not changed: polled a little less often, every 12 min",
        ),
        (
            Feed(interval=600),
            Brought(),
            720,
            "changed, but no new links: polled a little less often, every 12 min",
        ),
        (
            Feed(interval=86400),
            Brought(),
            86400,
            "changed, but no new links: already at the longest interval, 24 h",
        ),
        (
            Feed(interval=300),
            Brought(new=1, ttl_s=1800),
            1800,
            "1 new link: already at the shortest interval, 5 min, "
            "but the feed asks for polls no closer than 30 min",
        ),
        (
            Feed(interval=300),
            Brought(new=1, max_age_s=1e9, ttl_s=60),
            3600,
            "1 new link: already at the shortest interval, 5 min, "
            "but its server asks for polls no closer than 60 min",
        ),
        (Feed(pinned=60), Brought(new=3), 60, "pinned to every 60 s"),
        (Feed(), Brought(error="timeout"), 300, "failed (timeout): asked again after 5 min"),
        (
            Feed(failures=2),
            Brought(error="timeout"),
            1200,
            "failed 3 times in a row (timeout): asked again after 20 min",
        ),
        (
            Feed(failures=99),
            Brought(error="dns"),
            86400,
            "failed 100 times in a row (dns): asked again after 24 h, the longest wait",
        ),
        (Feed(), Brought(error="not_a_feed"), 1800, "failed (not_a_feed): asked again after 30 min"),
        (Feed(), Brought(error="rate_limited"), 900, "failed (rate_limited): asked again after 15 min"),
        (
            Feed(),
            Brought(error="rate_limited", retry_after_s=7200),
            7200,
            "failed (rate_limited): the site asks to wait 2 h",
        ),
        (Feed(), Brought(error="gone"), 7 * 86400, "the site says it is gone: asked every 7 days"),
    ],
)
def test_the_rule_in_examples(feed: Feed, poll: Brought, delay_s: float, because: str) -> None:
    """Each case has its delay and its reason in words. (A chance of a half, or 0 after errors: no jitter.)"""
    after = next_poll(feed, poll, DEFAULT, 0.0 if poll.error else 0.5)
    assert (round(after.delay_s), after.because) == (delay_s, because)


def test_errors_leave_the_rhythm_alone() -> None:
    """After an outage a feed goes on at the interval it had."""
    assert next_poll(Feed(), Brought(error="timeout"), DEFAULT, 0.5).interval_s is None


def test_a_busy_feed_is_found_out_in_the_morning() -> None:
    """After a silent night one poll with many links brings a busy feed back to short intervals."""
    interval_s, waited_s = 300.0, 0.0
    while waited_s < 8 * 3600:
        after = next_poll(Feed(interval=int(interval_s)), Brought(unchanged=True), DEFAULT, 0.5)
        assert after.interval_s is not None
        interval_s, waited_s = after.interval_s, waited_s + after.delay_s
    assert interval_s < 2 * 3600
    woken = next_poll(Feed(interval=int(interval_s)), Brought(new=12), DEFAULT, 0.5)
    assert woken.delay_s < 600


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (90, "90 s"), (300, "5 min"), (9000, "2 h 30 min"), (86400, "24 h"), (3 * 86400, "3 days")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    """Times are told as people say them."""
    assert duration(seconds) == words
