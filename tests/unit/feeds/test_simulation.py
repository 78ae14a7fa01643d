"""The simulation that compares our schedule with fixed intervals."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import pytest

from worker.bench.population import DAY_S, SimulatedFeed, population
from worker.bench.schedule_report import COLUMNS, rows, svg
from worker.bench.schedule_simulation import Found, fixed, ours, run, simulate

DAYS, COUNT = 8.0, 24


def feed(*published_s: float, length: int = 10, a_day: float = 24) -> SimulatedFeed:
    return SimulatedFeed(published_s, length, a_day, "steady", True, None, None, ())


@pytest.fixture(scope="module")
def result() -> dict[str, object]:
    return run(days=DAYS, count=COUNT, seed=5)


@pytest.mark.proof
def test_the_same_seed_gives_the_same_figures(result: dict[str, object]) -> None:
    """To the last digit; another seed gives others."""
    assert run(days=DAYS, count=COUNT, seed=5) == result
    assert run(days=DAYS, count=COUNT, seed=6) != result


def test_ours_needs_less_than_half_and_is_sooner_than_every_15_minutes() -> None:
    """The aim: under half the requests at a smaller median delay, with no more links missed."""
    feeds = population(40, DAYS, 11)
    palmyra, quarter = (simulate(feeds, DAYS, way, 11)["all"] for way in (ours(), fixed(900)))
    assert palmyra.requests < quarter.requests / 2
    assert _median(palmyra) < _median(quarter)
    assert palmyra.missed <= quarter.missed


@pytest.mark.proof
def test_ours_is_sooner_than_every_hour() -> None:
    """And misses fewer links."""
    feeds = population(40, DAYS, 12)
    palmyra, hourly = (simulate(feeds, DAYS, way, 12)["all"] for way in (ours(), fixed(3600)))
    assert _median(palmyra) < _median(hourly)
    assert palmyra.missed <= hourly.missed


def _median(found: Found) -> float:
    return sorted(found.delays_s)[len(found.delays_s) // 2]


def test_delays_and_losses_are_counted_right() -> None:
    """Two links an hour in a document of one: every second is gone before an hourly poll."""
    hours = int(3 * DAY_S / 3600)
    times = tuple(hour * 3600.0 + minute * 60 for hour in range(hours) for minute in (10, 20))
    found = simulate([feed(*times, length=1)], 3, fixed(3600), 1)["all"]
    counted = 2 * 48  # the last day is not
    assert abs(found.missed - counted / 2) <= 1
    assert found.missed + len(found.delays_s) == counted
    assert len({round(delay, 6) % 3600 for delay in found.delays_s}) <= 2


def test_a_poll_that_fails_finds_nothing() -> None:
    """What was published during an outage is found after it, if it is still listed."""
    one = SimulatedFeed((3600.0,), 10, 1, "steady", True, None, None, ((0, 7200, "timeout"),))
    (delay_s,) = simulate([one], 2, fixed(900), 1)["all"].delays_s
    assert 3600 <= delay_s < 3600 + 900


@pytest.mark.proof
def test_the_feeds_are_as_they_are_described() -> None:
    """Heavy-tailed, most of them slow, some dead; their links in order."""
    feeds = population(300, 10, 3)
    counts = sorted((len([at for at in one.published_s if at >= 0]) for one in feeds), reverse=True)
    assert sum(counts[:51]) > 0.85 * sum(counts)
    assert sum(count < 10 for count in counts) > 100
    assert 5 < sum(one.kind == "dead" for one in feeds) < 60
    assert all(list(one.published_s) == sorted(one.published_s) for one in feeds)
    assert {one.failure(0) for one in feeds if one.kind == "dead"} <= {
        "not_found", "gone", "dns", "connect", "tls", "forbidden", "not_a_feed"
    }  # fmt: skip
    assert all(one.outages[0][1] == math.inf for one in feeds if one.kind == "dead")


def test_the_report_shows_every_way_of_polling(result: dict[str, object]) -> None:
    """One row each, and a plot that is well-formed and says what it shows."""
    table = list(rows([result]))
    assert [row[1] for row in table] == ["palmyra", "every 15 min", "every 60 min"]
    assert {len(row) for row in table} == {len(COLUMNS)}
    drawn = ET.fromstring(svg(result))  # noqa: S314 - our own
    texts = [node.text for node in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"palmyra", "every 15 min", "every 60 min"} <= set(texts)
    assert "prefers-color-scheme: dark" in svg(result)
