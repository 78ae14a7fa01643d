"""What is learned of when a feed publishes, and how little room that takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.feeds.rhythm import SLOT_S, Rhythm, Shape, first, learn, shape, silent_since
from worker.feeds.rhythm_words import describe, pace_words

DAY_S = 86_400
HOUR_S = 3_600
MONDAY_S = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())


def watched(pace: list[list[float]], days: int, *, every_s: int = HOUR_S, seed: int = 1) -> Rhythm:
    """The rhythm of a feed that brings `pace[weekday][hour]` links an hour, after so many days of polls."""
    rng, rhythm = Random(seed), Rhythm(MONDAY_S, MONDAY_S)
    for at_s in range(MONDAY_S + every_s, MONDAY_S + days * DAY_S + 1, every_s):
        hour = (at_s - every_s) // HOUR_S
        expected = pace[(hour // 24 + 3) % 7][hour % 24] * every_s / HOUR_S
        links = int(expected) + (rng.random() < expected % 1)
        dates = [int((at_s - rng.random() * every_s) * 1000) for _ in range(links)]
        rhythm = learn(rhythm, dates, at_s * 1000)
    return rhythm


def alike(hours: list[float], weekdays: tuple[float, ...] = (1,) * 7) -> list[list[float]]:
    return [[pace * factor for pace in hours] for factor in weekdays]


OFFICE = [3.0 if 8 <= hour < 18 else 0.0 for hour in range(24)]

bins = st.integers(0, 65_535)
known = st.builds(
    Rhythm,
    since_s=st.integers(0, 2**32 - 1),
    at_s=st.integers(0, 2**32 - 1),
    links=st.floats(0, 1e6, width=32),
    times=st.floats(0, 1e6, width=32),
    days=st.floats(0, 1e6, width=32),
    silence=st.floats(0, 1e6, width=32),
    hours=st.tuples(*[bins] * 24),
    weekdays=st.tuples(*[bins] * 7),
)


@given(known)
def test_it_is_kept_in_116_characters(rhythm: Rhythm) -> None:
    """Whatever the feed does; and what is read back is what was kept."""
    assert len(rhythm.text) == 116
    assert Rhythm.parse(rhythm.text) == rhythm


@given(st.text(max_size=130))
def test_what_is_no_rhythm_is_none(text: str) -> None:
    """A field of another version, or a damaged one, starts the learning anew and raises nothing."""
    assert Rhythm.parse(text) is None


def test_numbers_that_are_none_are_refused() -> None:
    """Infinity and NaN would spread through every later poll."""
    for bad in (float("inf"), float("nan")):
        assert Rhythm.parse(replace(Rhythm(0, 0), links=bad).text) is None


moments = st.lists(st.one_of(st.none(), st.integers(0, 2_000_000_000_000)), max_size=50)


@given(moments, st.lists(st.tuples(moments, st.integers(0, 40 * DAY_S), st.booleans()), max_size=8))
def test_any_dates_and_any_clock_leave_a_rhythm_that_can_be_kept(
    begun: list[int | None], polls: list[tuple[list[int | None], int, bool]]
) -> None:
    """Feeds have absurd dates, and clocks step back."""
    now_ms = MONDAY_S * 1000
    rhythm = first(begun, now_ms)
    for dates, later_s, back in polls:
        now_ms += -later_s * 500 if back else later_s * 1000
        rhythm = learn(rhythm, dates, now_ms, gap=back)
        form = shape(rhythm)
        assert len(rhythm.text) == 116
        assert Rhythm.parse(rhythm.text) is not None
        assert rhythm.links_a_day > 0
        assert all(0 < factor < 25 for factor in (*form.hours, *form.weekdays))


@pytest.mark.parametrize("links_a_day", [0.5, 4, 48, 960])
def test_the_pace_is_learned(links_a_day: float) -> None:
    """Within a fifth or so, from the last few dozen publications, however fast the feed is."""
    rhythm = watched(alike([links_a_day / 24] * 24), 40 if links_a_day < 4 else 20)
    assert rhythm.links_a_day == pytest.approx(links_a_day, rel=0.4)


def test_hours_and_weekdays_are_learned() -> None:
    """A newsroom that works from 8 to 18, a third as much at the weekend."""
    rhythm = watched(alike(OFFICE, (1, 1, 1, 1, 1, 0.33, 0.33)), 28)
    form = shape(rhythm)
    assert min(form.hours[9:17]) > 1.5
    assert max(*form.hours[:6], *form.hours[20:]) < 0.4
    assert min(form.weekdays[:5]) > 1.0 > 0.8 > max(form.weekdays[5:])
    assert rhythm.links_a_day == pytest.approx(30 * (5 + 2 * 0.33) / 7, rel=0.3)


def test_a_few_links_are_no_evidence() -> None:
    """One batch at noon does not make a feed one that publishes at noon."""
    now_s = MONDAY_S + 12 * HOUR_S
    rhythm = learn(Rhythm(MONDAY_S, now_s - 60, silence=0.5), [now_s * 1000 - 1] * 30, now_s * 1000)
    assert max(shape(rhythm).hours) < 1.8


def test_half_a_day_of_watching_is_not_taken_for_the_whole() -> None:
    """Hours that nobody has watched yet are not quiet ones."""
    half = Rhythm(MONDAY_S, MONDAY_S)
    for minutes in range(15, 12 * 60, 15):
        at_s = MONDAY_S + minutes * 60
        half = learn(half, [at_s * 1000 - 1], at_s * 1000)
    assert min(shape(half).hours) > 0.8


def test_a_new_pace_is_noticed_within_a_few_dozen_publications() -> None:
    """Breaking news: ten times as many links for two hours count for more than the weeks before."""
    rhythm = watched(alike([1.0] * 24), 14)
    at_s = rhythm.at_s
    for number in range(1, 25):
        dates = [(at_s + number * 300 - k * 60) * 1000 for k in range(4)]
        rhythm = learn(rhythm, dates, (at_s + number * 300) * 1000)
    assert rhythm.links_a_day > 80


def test_old_habits_fade() -> None:
    """A newsroom that moves its work to the night is known as one by night after some weeks."""
    rhythm = watched(alike(OFFICE), 28)
    night = [3.0 if hour >= 20 or hour < 6 else 0.0 for hour in range(24)]
    rng = Random(2)
    for hour in range(42 * 24):
        at_s = rhythm.at_s + HOUR_S
        links = int(night[hour % 24])
        rhythm = learn(
            rhythm, [int((at_s - rng.random() * HOUR_S) * 1000) for _ in range(links)], at_s * 1000
        )
    assert shape(rhythm).hours[22] > 1.5 > 1 > shape(rhythm).hours[12]


def test_dates_outside_of_the_time_between_polls_are_not_believed() -> None:
    """An entry dated last year came just now all the same."""
    before = watched(alike([1.0] * 24), 7)
    at_s = before.at_s + 600
    wild = learn(before, [1_000, (at_s + DAY_S) * 1000, None], at_s * 1000)
    sober = learn(before, [(before.at_s + 300) * 1000] * 3, at_s * 1000)
    assert wild == sober


def test_a_batch_is_one_publication() -> None:
    """Twenty links at once every day: silent for half a day is not unusual for such a feed."""
    rhythm = Rhythm(MONDAY_S, MONDAY_S)
    for day in range(1, 30):
        at_s = MONDAY_S + day * DAY_S
        rhythm = learn(rhythm, [at_s * 1000 - 1_000] * 20, at_s * 1000)
    assert rhythm.links_a_day == pytest.approx(20, rel=0.1)
    assert rhythm.times_a_day == pytest.approx(1, rel=0.1)
    assert SLOT_S < HOUR_S


@pytest.mark.parametrize(("silent_days", "flagged"), [(0.5, False), (1.9, False), (2.5, True), (60, True)])
def test_a_feed_that_falls_silent_is_flagged(silent_days: float, flagged: bool) -> None:
    """Against its own rhythm: a feed with 24 links a day that brings nothing for over two days."""
    rhythm = watched(alike([1.0] * 24), 14)
    newest_ms = rhythm.at_s * 1000
    now_ms = newest_ms + int(silent_days * DAY_S * 1000)
    rhythm = learn(rhythm, [], now_ms)
    assert silent_since(rhythm, newest_ms, now_ms) == (newest_ms if flagged else 0)


def test_a_rare_feed_is_not_flagged_for_a_week() -> None:
    """What is silence for one is the usual for another; of a feed that is hardly known nothing is said."""
    weekly = watched(alike([1 / 168] * 24), 120)
    at_ms = weekly.at_s * 1000
    week_ms = 7 * DAY_S * 1000
    assert not silent_since(learn(weekly, [], at_ms + 3 * week_ms), at_ms, at_ms + 3 * week_ms)
    assert silent_since(learn(weekly, [], at_ms + 20 * week_ms), at_ms, at_ms + 20 * week_ms)
    unknown = learn(Rhythm(MONDAY_S, MONDAY_S), [], at_ms)
    assert not silent_since(unknown, 0, at_ms)
    assert not silent_since(None, 0, at_ms)


def test_a_weekend_is_no_silence_for_who_never_works_then() -> None:
    """Silence is counted in usual time: for such a feed there is hardly any between Friday and Monday."""
    rhythm = watched(alike(OFFICE, (1, 1, 1, 1, 1, 0, 0)), 33)  # to a Saturday, 0:00
    monday = learn(rhythm, [], (rhythm.at_s + 2 * DAY_S) * 1000)
    steady = learn(replace(rhythm, hours=(0,) * 24, weekdays=(0,) * 7), [], (rhythm.at_s + 2 * DAY_S) * 1000)
    assert monday.silence - rhythm.silence < 0.5 * (steady.silence - rhythm.silence)


def test_a_gap_counts_only_the_time_that_the_document_shows() -> None:
    """What fell out unseen would otherwise make the feed look slow."""
    before = watched(alike([1.0] * 24), 14)
    at_s = before.at_s + 10 * HOUR_S
    dates = [(at_s - minutes * 60) * 1000 for minutes in range(0, 300, 15)]
    plain, gap = (learn(before, dates, at_s * 1000, gap=known) for known in (False, True))
    assert gap.links_a_day > plain.links_a_day


def test_usual_days_add_up() -> None:
    """A week has seven usual days, however uneven it is."""
    form = shape(watched(alike(OFFICE, (1, 1, 1, 1, 1, 0.2, 0.2)), 28))
    week = form.usual_days(MONDAY_S, MONDAY_S + 7 * DAY_S)
    assert week == pytest.approx(7, rel=0.01)
    assert Shape().usual_days(MONDAY_S + 100, MONDAY_S + 100 + DAY_S) == pytest.approx(1)


def test_it_is_told_in_words() -> None:
    """For `feeds show`: pace, hours and weekdays at a glance."""
    text = describe(watched(alike(OFFICE, (1, 1, 1, 1, 1, 0.33, 0.33)), 28))
    pace, hours, weekdays = text.split("; ")[:3]
    assert pace.endswith("links a day, from 28 days of watching")
    bars = hours.removeprefix("by hour from 0 UTC ")
    assert len(bars) == 24
    assert min(bars[9:17]) > max(bars[:6])
    assert len(weekdays.removeprefix("from Monday ")) == 7
    assert describe(None) == describe(Rhythm(0, 0)) == "not known yet"


@pytest.mark.parametrize(
    ("a_day", "words"),
    [
        (1234.5, "about 1,234 links a day"),
        (1.6, "about 2 links a day"),
        (1.0, "about 7 links a week"),
        (0.15, "about 4 links a month"),
        (0.034, "about 1 link a month"),
        (0.001, "less than 1 link a month"),
    ],
)
def test_paces_in_words(a_day: float, words: str) -> None:
    """In the unit in which they are more than one."""
    assert pace_words(a_day) == words
