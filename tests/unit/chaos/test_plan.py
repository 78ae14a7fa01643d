"""What a run of chaos will do follows from its seed, and is what the issue asks for."""

from __future__ import annotations

from itertools import pairwise

import pytest

from worker.chaos import pages
from worker.chaos.blows import _ENDS, _STRIKES
from worker.chaos.fate import HOSTILE_EACH, Fate, fates
from worker.chaos.faults import CHEAP, FAULTS
from worker.chaos.plan import LAST, TooShort, plan

TIMED = [name for name, fault in FAULTS.items() if not fault.every_link]


@pytest.mark.parametrize("seed", range(1, 21))
def test_every_fault_strikes_and_those_of_redis_never_two_at_a_time(seed: int) -> None:
    """In 150 seconds each strikes at least once, and nothing new near the end."""
    blows = plan(seed, 150, list(FAULTS))
    assert {blow.fault for blow in blows} == set(TIMED)
    assert [blow.at_s for blow in blows] == sorted(blow.at_s for blow in blows)
    assert max(blow.until_s for blow in blows) <= 150 * LAST + 0.1
    inline = [blow for blow in blows if not FAULTS[blow.fault].aside]
    assert all(first.until_s < second.at_s for first, second in pairwise(inline))
    assert len(blows) > len(TIMED), "what can strike again does"


def test_the_plan_follows_from_the_seed() -> None:
    """The same for the same seed, in whatever order the faults are named; another one for another."""
    assert plan(3, 150, list(FAULTS)) == plan(3, 150, list(reversed(FAULTS)))
    assert plan(3, 150, list(FAULTS)) != plan(4, 150, list(FAULTS))
    assert fates(3, 500, list(FAULTS)) == fates(3, 500, list(FAULTS)) != fates(4, 500, list(FAULTS))


@pytest.mark.parametrize("fault", TIMED)
def test_each_can_be_run_alone(fault: str) -> None:
    """It strikes, nothing else does, and what lasts has an end."""
    blows = plan(1, 90, [fault])
    assert {blow.fault for blow in blows} == {fault}
    assert fault in _STRIKES
    assert (fault in _ENDS) == bool(FAULTS[fault].lasts_s)


def test_a_time_that_is_too_short_is_refused_with_the_least_that_does() -> None:
    """What the message says is enough."""
    with pytest.raises(TooShort, match=r"take \d+ s at least") as error:
        plan(1, 60, TIMED)
    least = int(str(error.value).split(" take ")[1].split()[0])
    assert plan(1, least + 1, TIMED)
    assert plan(1, 25, CHEAP), "the quick run of the tests has room for all that is cheap"


def test_the_site_hurts_as_many_as_the_issue_says() -> None:
    """20 % answer 5xx, 5 % hang, 5 % reset; hostile pages are few, and only where they are wanted."""
    found = [one.fate for one in fates(1, 20_000, ["site", "poison"])]
    share = {fate: found.count(fate) / len(found) for fate in Fate}
    assert share[Fate.BUSY] + share[Fate.ERROR] + share[Fate.BROKEN] == pytest.approx(0.20, abs=0.01)
    assert share[Fate.HANG] == pytest.approx(0.05, abs=0.005)
    assert share[Fate.RESET] == pytest.approx(0.05, abs=0.005)
    assert found.count(Fate.POISON) == HOSTILE_EACH
    assert found.count(Fate.ENDLESS) == 0
    assert {one.fate for one in fates(1, 500, ["redis-kill"])} == {Fate.GOOD}


def test_each_link_is_in_one_feed_and_says_what_no_other_does() -> None:
    """Else a duplicate would be an outcome, and no finding."""
    numbers = [number for feed in range(pages.FEEDS) for number in pages.listed(feed, 500)]
    assert sorted(numbers) == list(range(500))
    assert len({pages.page(number) for number in range(500)}) == 500
    assert len({pages.headline(number) for number in range(500)}) == 500
