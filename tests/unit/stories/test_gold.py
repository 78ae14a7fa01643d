"""The gold of stories, and how agreement with it is measured."""

from __future__ import annotations

import pytest

from jobs.words import count_words
from worker.bench.clusters import Item, b_cubed, b_cubed_cross_language, b_cubed_same_language, v_measure
from worker.bench.stories_gold import SETS, read


def items(*rows: str) -> list[Item]:
    """``"a1 en"``: true group a, found group 1, English."""
    return [Item(row[0], row[1], row[3:]) for row in rows]


def test_the_same_groups_agree_wholly() -> None:
    """Whatever the groups are called."""
    same = items("a1 en", "a1 de", "b2 en")
    assert (b_cubed(same).f1, v_measure(same)) == (1, 1)


def test_one_group_of_all_costs_precision() -> None:
    """Each of two finds a half of its group right, and all of its own there."""
    mixed = items("a1 en", "b1 en")
    assert (b_cubed(mixed).precision, b_cubed(mixed).recall) == (0.5, 1)
    assert v_measure(mixed) == 0


def test_a_group_that_fell_apart_costs_recall() -> None:
    """The worked example of Bagga and Baldwin's kind: three of one, two and one."""
    apart = items("a1 en", "a1 en", "a2 en")
    assert b_cubed(apart).precision == 1
    assert b_cubed(apart).recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3) / 3)


def test_languages_are_measured_apart() -> None:
    """Found together within English only: nothing is missing there, and all across."""
    apart = items("a1 en", "a1 en", "a2 de")
    assert b_cubed_same_language(apart).f1 == 1
    across = b_cubed_cross_language(apart)
    assert (across.precision, across.recall) == (1, 0)


def test_the_gold_is_what_the_documentation_says() -> None:
    """Events of two to five articles of several outlets and languages, and articles alone; two sets."""
    gold = read()
    assert len({one.url for one in gold}) == len(gold)
    events: dict[str, list[str]] = {}
    for one in gold:
        events.setdefault(one.event, []).append(one.outlet)
        assert 40 <= count_words(one.text) <= 120, one.url
    told = [outlets for outlets in events.values() if len(outlets) > 1]
    assert (len(gold), len(told), len(events) - len(told)) == (139, 36, 20)
    assert all(len(set(outlets)) >= min(len(outlets), 2) for outlets in told)
    for name in SETS:
        assert {one.language for one in gold if one.set_name == name} >= {"en", "de", "fr", "es"}
    assert not {o.event for o in gold if o.set_name == SETS[0]} & {
        o.event for o in gold if o.set_name == SETS[1]
    }
