"""When a feed is polled next, and why."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import Reason
from worker.feeds.backoff import GONE_S, JITTER, MISSING_S
from worker.feeds.errors import FeedReason
from worker.feeds.rhythm import Rhythm, learn
from worker.feeds.schedule import (
    AFTER_GAP,
    FIRST_INTERVAL_S,
    WORTH_S,
    Bounds,
    Brought,
    Next,
    duration,
    next_poll,
)

DEFAULT = Bounds(300, 86400)
ERRORS = [str(r) for r in (*Reason, *FeedReason)]
DAY_S = 86_400
NOW_MS = int(datetime(2026, 1, 7, 12, tzinfo=UTC).timestamp() * 1000)  # a Wednesday


@dataclass(frozen=True)
class Feed:
    """What the schedule reads of a feed."""

    pinned: int = 0
    failures: int = 0
    missing: int = 0
    rhythm: str = ""
    listed: int = 0
    skip_hours: str = ""
    skip_days: str = ""


def steady(links_a_day: float, *, ago_s: float = 600, listed: int = 20, silence: float = 0.0) -> Feed:
    """A feed that has brought so many links a day for two weeks, at all hours, last polled `ago_s` ago."""
    at_s = int(NOW_MS / 1000 - ago_s)
    links = links_a_day * 14
    rhythm = Rhythm(at_s - 14 * DAY_S, at_s, links=links, times=links, days=14.0, silence=silence)
    return Feed(rhythm=rhythm.text, listed=listed)


def after_poll(feed: Feed, poll: Brought, limits: Bounds = DEFAULT, chance: float = 0.5) -> Next:
    return next_poll(feed, poll, limits, chance, now_ms=NOW_MS)


def _known(feed: Feed) -> Rhythm:
    rhythm = Rhythm.parse(feed.rhythm)
    assert rhythm is not None
    return rhythm


bounds = st.tuples(st.integers(1, 86400), st.integers(0, 2_500_000)).map(lambda t: Bounds(t[0], t[0] + t[1]))
rhythms = st.one_of(
    st.just(""),
    st.builds(
        lambda a_day, ago, silence: steady(a_day, ago_s=ago, silence=silence).rhythm,
        st.floats(0, 5000),
        st.integers(0, 10 * DAY_S),
        st.floats(0, 400),
    ),
)
packed = st.sets(st.integers(0, 6)).map(lambda s: ",".join(map(str, sorted(s))) if len(s) < 7 else "")
feeds = st.builds(
    Feed,
    failures=st.integers(0, 1000),
    rhythm=rhythms,
    listed=st.integers(0, 1000),
    missing=st.integers(0, NOW_MS),
    skip_hours=packed,
    skip_days=packed,
)
seconds = st.one_of(st.none(), st.floats(0, 1e7))
chances = st.floats(0, 1, exclude_max=True)
moments = st.one_of(st.none(), st.integers(NOW_MS - 40 * DAY_S * 1000, NOW_MS + DAY_S * 1000))
polls = st.builds(
    Brought,
    new=st.integers(0, 10_000),
    unchanged=st.booleans(),
    listed=st.integers(0, 1000),
    published_ms=st.lists(moments, max_size=30).map(tuple),
    error=st.one_of(st.none(), st.sampled_from(sorted(set(ERRORS) - {"gone", "not_found"}))),
    max_age_s=seconds,
    ttl_s=seconds,
)


@given(feeds, polls, bounds, chances)
def test_delays_stay_within_the_bounds(feed: Feed, poll: Brought, limits: Bounds, chance: float) -> None:
    """Whatever happened: no delay, and no kept interval, is outside of what the operator allows."""
    after = after_poll(feed, poll, limits, chance)
    assert limits.min_s <= after.delay_s <= limits.max_s
    assert after.interval_s is None or limits.min_s <= after.interval_s <= limits.max_s
    assert after.because
    assert (after.rhythm is None) == bool(poll.error)


@given(st.sampled_from(ERRORS), st.integers(0, 100), chances)
def test_more_failures_never_shorten_the_wait(error: str, failures: int, chance: float) -> None:
    """The back-off is monotone in the failures, and never ends in "never"."""
    one, next_one = (
        after_poll(Feed(failures=n), Brought(error=error), chance=chance) for n in (failures, failures + 1)
    )
    assert one.delay_s <= next_one.delay_s <= 8 * 86400


@given(polls, chances, st.integers(1, 1_000_000))
def test_a_pin_holds(poll: Brought, chance: float, pinned: int) -> None:
    """A pinned feed is polled as pinned, also outside of the bounds; errors can only put it off."""
    after = after_poll(Feed(pinned=pinned), poll, chance=chance)
    assert after.delay_s >= pinned
    assert poll.error or after.delay_s == pinned


@given(st.floats(0, 7 * 86400), chances, st.sampled_from([None, "rate_limited", "server_error"]))
def test_a_retry_after_is_respected(asked_s: float, chance: float, error: str | None) -> None:
    """No poll comes earlier than the site asked for, whether it came with an error or with a good answer."""
    for feed in (Feed(), Feed(pinned=5), Feed(failures=50), steady(500)):
        after = after_poll(feed, Brought(error=error, retry_after_s=asked_s), chance=chance)
        assert after.delay_s >= asked_s


# -- the rhythm ----------------------------------------------------------------------------------------------


@given(st.floats(2, 100))
def test_intervals_go_with_the_square_root_of_the_pace(links_a_day: float) -> None:
    """A feed that brings four times as much is asked twice as often: the links wait `WORTH_S` together."""
    after = after_poll(steady(links_a_day), Brought(unchanged=True))
    assert after.interval_s is not None
    assert after.interval_s == pytest.approx(math.sqrt(2 * WORTH_S * DAY_S / links_a_day), rel=0.05)


def test_of_an_unknown_feed_an_ordinary_pace_is_assumed() -> None:
    """Without dates there is nothing to go by at the first poll."""
    after = after_poll(Feed(), Brought(new=20, listed=20, published_ms=(None,) * 20))
    assert after.delay_s == pytest.approx(FIRST_INTERVAL_S, rel=0.01)
    assert after.because == "polled for the first time; its rhythm is not known yet: every 15 min"


@pytest.mark.parametrize(
    ("hours", "least_s", "most_s"), [(0.05, 300, 400), (2, 700, 1200), (200, 4000, 12_000)]
)
def test_the_dates_of_the_first_document_tell_the_pace(hours: float, least_s: float, most_s: float) -> None:
    """Twenty links in an hour are another feed than twenty in half a year: that needs no finding out."""
    dates = tuple(int(NOW_MS - number * hours * 3_600_000) for number in range(20))
    after = after_poll(Feed(), Brought(new=20, listed=20, published_ms=dates), Bounds(300, 86400))
    assert after.interval_s is not None
    assert least_s <= after.interval_s <= most_s


def test_news_speed_a_feed_up_and_quiet_slows_it_down() -> None:
    """At every pace, and without end: a feed that stays silent is asked ever more rarely."""
    feed = steady(20)
    assert (
        after_poll(feed, Brought(new=8, listed=20, published_ms=(NOW_MS,) * 8)).delay_s
        < after_poll(feed, Brought(unchanged=True)).delay_s
    )
    waits = [
        after_poll(steady(20, silence=days), Brought(unchanged=True)).delay_s
        for days in (0, 0.5, 2, 8, 32, 128)
    ]
    assert waits == sorted(waits)
    assert waits[-1] == DEFAULT.max_s
    because = after_poll(steady(20, silence=8), Brought(unchanged=True)).because
    assert because.startswith("not changed; nothing for 8 days, though usually about 20 links a day: every ")


def test_a_feed_is_let_sleep_and_asked_soon_after_it_wakes() -> None:
    """The hours count: at night the polls are far apart, but none of them overruns the morning."""
    rhythm = _with_office_hours(21)
    at_s = {hour: int(datetime(2026, 1, 28, hour, tzinfo=UTC).timestamp()) for hour in (1, 4, 7, 14)}
    waits = {
        hour: next_poll(
            Feed(rhythm=replace(rhythm, at_s=at - 60).text, listed=30),
            Brought(unchanged=True),
            DEFAULT,
            0.5,
            now_ms=at * 1000,
        )
        for hour, at in at_s.items()
    }
    assert waits[14].delay_s < 700
    assert waits[1].delay_s > 2 * waits[14].delay_s
    assert waits[4].delay_s < 4.2 * 3600  # 8:00 and some minutes
    assert "more at this hour" in waits[14].because
    assert "fewer at this hour" in waits[1].because


def _with_office_hours(days: int) -> Rhythm:
    """A feed with 40 links a day between 8 and 18 UTC, watched by the hour."""
    rng, start = Random(5), int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
    rhythm = Rhythm(start, start)
    for hour in range(1, days * 24 + 1):
        at_s = start + hour * 3600
        office = 8 <= (hour - 1) % 24 < 18
        links = [int((at_s - rng.random() * 3600) * 1000) for _ in range(rng.randint(2, 6) if office else 0)]
        rhythm = learn(rhythm, links, at_s * 1000)
    return rhythm


# -- gaps ----------------------------------------------------------------------------------------------------


def test_no_overlap_is_a_gap_and_brings_the_next_poll_forward() -> None:
    """Two links of which none was there before: more that came between may be lost, and the next must not."""
    two_hours_s = 7200
    feed = steady(0.2, ago_s=two_hours_s, listed=2)
    dates = (NOW_MS - 1_800_000, NOW_MS)
    lost, kept = (
        after_poll(feed, Brought(new=len(new), listed=2, published_ms=new)) for new in (dates, dates[:1])
    )
    assert lost.gap
    assert not kept.gap
    assert lost.delay_s <= AFTER_GAP * two_hours_s < kept.delay_s
    assert "some links were probably missed" in lost.because
    assert lost.rhythm is not None
    assert lost.rhythm.days < learn(_known(feed), dates, NOW_MS).days  # they came in the time that is shown


@pytest.mark.parametrize(
    ("feed", "poll"),
    [
        (Feed(), Brought(new=9, listed=9, published_ms=(None,) * 9)),
        (steady(4, listed=1), Brought(new=1, listed=1, published_ms=(None,))),
        (steady(4, listed=0), Brought(new=9, listed=9, published_ms=(None,) * 9)),
        (steady(4, listed=9), Brought(unchanged=True)),
        (steady(4, listed=9), Brought(listed=9)),
    ],
    ids=["the first poll", "one link only", "it was empty", "unchanged", "all known"],
)
def test_what_is_no_gap(feed: Feed, poll: Brought) -> None:
    """Where there was nothing to overlap with, nothing is known to be lost."""
    assert not after_poll(feed, poll).gap


# -- wishes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("links_a_day", "poll", "least_s", "words"),
    [
        (2, Brought(ttl_s=3000), 3000, ", but the feed asks for polls no closer than 50 min"),
        (2, Brought(ttl_s=86_400), 3600, ", but the feed asks for polls no closer than 60 min"),
        (2, Brought(max_age_s=3600), 3600, ", but its server asks for polls no closer than 60 min"),
        (2, Brought(ttl_s=60), 0, ""),
        (200, Brought(ttl_s=86_400), 432, ", but the feed asks for polls no closer than 7 min"),
    ],
    ids=["believed", "no more than an hour", "the server's", "closer than we come anyway", "contradicted"],
)
def test_wishes_are_heard_but_not_against_what_is_published(
    links_a_day: float, poll: Brought, least_s: float, words: str
) -> None:
    """Many feeds say "once a day" and publish hourly: what they do counts for more than what they say."""
    for chance in (0.0, 0.5, 0.99):
        after = after_poll(steady(links_a_day), poll, chance=chance)
        assert after.delay_s >= least_s * 0.99
        assert after.delay_s <= max(least_s, after.interval_s or 0) * 1.2
        assert after.because.endswith(words)


@pytest.mark.parametrize(
    ("hours", "days", "at"),
    [
        ("12,13,14", "", datetime(2026, 1, 7, 15, tzinfo=UTC)),
        ("", "2", datetime(2026, 1, 8, tzinfo=UTC)),
        ("0,1", "2", datetime(2026, 1, 8, 2, tzinfo=UTC)),
    ],
    ids=["hours", "days", "both"],
)
def test_hours_and_days_to_be_skipped_are_skipped(hours: str, days: str, at: datetime) -> None:
    """In GMT, and the polls after them do not all come at the full hour."""
    feed = replace(steady(50), skip_hours=hours, skip_days=days)
    moments = [
        NOW_MS / 1000 + after_poll(feed, Brought(unchanged=True), chance=chance).delay_s
        for chance in (0, 0.5, 0.99)
    ]
    assert all(at.timestamp() <= moment < at.timestamp() + 900 for moment in moments)
    assert len(set(moments)) == 3
    assert "since it asks to skip" in after_poll(feed, Brought(unchanged=True)).because


def test_no_feed_is_unseen_for_longer_than_the_longest_interval() -> None:
    """However many days it asks to skip."""
    feed = replace(steady(50), skip_days="2,3,4,5,6")
    assert after_poll(feed, Brought(unchanged=True)).delay_s == DEFAULT.max_s


# -- errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feed", "poll", "delay_s", "because"),
    [
        (Feed(pinned=60), Brought(new=3), 60, "pinned to every 60 s"),
        (Feed(), Brought(error="server_error"), 300, "failed (server_error): asked again after 5 min"),
        (Feed(), Brought(error="timeout"), 600, "failed (timeout): asked again after 10 min"),
        (
            Feed(failures=2),
            Brought(error="timeout"),
            2400,
            "failed 3 times in a row (timeout): asked again after 40 min",
        ),
        (
            Feed(failures=50),
            Brought(error="server_error"),
            21_600,
            "failed 51 times in a row (server_error): asked again after 6 h, the longest wait",
        ),
        (
            Feed(failures=99),
            Brought(error="dns"),
            86400,
            "failed 100 times in a row (dns): asked again after 24 h, the longest wait",
        ),
        (Feed(), Brought(error="tls"), 3600, "failed (tls): asked again after 60 min"),
        (Feed(), Brought(error="not_a_feed"), 1800, "failed (not_a_feed): asked again after 30 min"),
        (Feed(), Brought(error="not_found"), 1800, "failed (not_found): asked again after 30 min"),
        (Feed(), Brought(error="rate_limited"), 900, "failed (rate_limited): asked again after 15 min"),
        (
            Feed(),
            Brought(error="rate_limited", retry_after_s=7200),
            7200,
            "failed (rate_limited): the site asks to wait 2 h",
        ),
        (
            Feed(pinned=900),
            Brought(error="server_error"),
            900,
            "failed (server_error): asked again after 5 min, but pinned to every 15 min",
        ),
    ],
)
def test_errors_weigh_differently(feed: Feed, poll: Brought, delay_s: float, because: str) -> None:
    """Each case has its delay and its reason in words. (A chance of 0: no jitter after errors.)"""
    after = after_poll(feed, poll, chance=0.0)
    assert (round(after.delay_s), after.because) == (delay_s, because)


@pytest.mark.parametrize(
    ("error", "failures", "missing_s", "gone"),
    [
        ("gone", 0, 0, True),
        ("not_found", 0, 0, False),
        ("not_found", 9, MISSING_S, True),
        ("not_found", 8, 2 * MISSING_S, False),
        ("not_found", 50, MISSING_S - 60, False),
        ("server_error", 50, 2 * MISSING_S, False),
    ],
)
def test_a_feed_that_is_gone_is_asked_weekly(error: str, failures: int, missing_s: float, gone: bool) -> None:
    """410 says so at once, 404 after a week and ten polls; neither ends the polling."""
    feed = Feed(failures=failures, missing=int(NOW_MS - missing_s * 1000))
    after = after_poll(feed, Brought(error=error), chance=0.0)
    assert after.gone == gone
    assert after.delay_s == GONE_S if gone else after.delay_s <= DEFAULT.max_s
    assert GONE_S <= after_poll(feed, Brought(error="gone"), chance=0.99).delay_s <= GONE_S * (1 + JITTER)


def test_errors_leave_the_rhythm_alone() -> None:
    """After an outage a feed goes on with what was known of it."""
    after = after_poll(steady(20), Brought(error="timeout"))
    assert after.interval_s is None
    assert after.rhythm is None


def test_equal_feeds_do_not_march_in_step() -> None:
    """A hundred feeds polled at once are not polled at once the next time, nor after a failure."""
    rng = Random(1)
    for poll in (Brought(unchanged=True), Brought(error="timeout")):
        delays = sorted(after_poll(steady(20), poll, chance=rng.random()).delay_s for _ in range(100))
        assert delays[-1] - delays[0] > 0.08 * delays[50]
        assert max(b - a for a, b in itertools.pairwise(delays)) < 0.02 * delays[50]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (90, "90 s"), (300, "5 min"), (9000, "2 h 30 min"), (86400, "24 h"), (3 * 86400, "3 days")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    """Times are told as people say them."""
    assert duration(seconds) == words
