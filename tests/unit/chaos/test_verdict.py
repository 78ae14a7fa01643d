"""Each property that chaos claims is found broken when it is."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.link import Story, read_story
from worker.chaos import rest, verdict
from worker.chaos.fate import Fate
from worker.chaos.verdict import Seen

FATES = {"a": Fate.GOOD, "b": Fate.BROKEN, "c": Fate.POISON}


def story(link: str, **fields: str) -> Story:
    """A link's record with these fields."""
    return read_story(link, fields, [], None, page_kept=False)


def good() -> dict[str, Story | None]:
    """As it should end."""
    return {
        "a": story("a", outcome="published"),
        "b": story("b", outcome="failed", reason="server_error"),
        "c": story("c", outcome="failed", reason="poison"),
    }


def test_nothing_is_found_where_all_is_well() -> None:
    """Every link has the outcome that its fate allows, every event is there once and was given to one."""
    seen = Seen({"e": ["1-0"]}, {"e": ["1-0"]}, {"e"})
    findings = [
        verdict.links_lost(FATES, good()),
        verdict.failures_explained(FATES, good()),
        verdict.published_twice(seen, may_lose=False),
        verdict.events_kept(seen),
        verdict.consumers_saw(seen),
    ]
    assert all(finding.holds for finding in findings)


@pytest.mark.parametrize("bad", [None, story("a")])
def test_a_link_that_is_unknown_or_has_no_outcome_is_lost(bad: Story | None) -> None:
    """Whether its record is gone or it never ended."""
    assert not verdict.links_lost(FATES, good() | {"a": bad}).holds


@pytest.mark.parametrize(
    "bad",
    [
        {"a": story("a", outcome="failed", reason="poison")},
        {"a": story("a", outcome="skipped", reason="no_text")},
        {"b": story("b", outcome="failed", reason="timeout")},
        {"b": story("b", outcome="published")},
    ],
)
def test_an_outcome_that_nobody_did_anything_for_is_not_explained(bad: dict[str, Any]) -> None:
    """A good link that failed, a bad one with another reason, a broken one that was published."""
    finding = verdict.failures_explained(FATES, good() | bad)
    assert finding.links == tuple(bad)


def test_an_event_that_is_twice_on_the_stream_was_published_twice() -> None:
    """Whatever Redis may lose."""
    assert not verdict.published_twice(Seen({}, {"e": ["1-0", "2-0"]}), may_lose=True).holds


def test_an_event_that_was_lost_and_came_anew_is_no_second_one_if_redis_may_lose() -> None:
    """With `always` nothing may be lost, so it was published twice then."""
    seen = Seen({"e": ["1-0", "2-0"]}, {"e": ["2-0"]})
    assert seen.repeats == {"e": ["1-0"]}
    assert verdict.published_twice(seen, may_lose=True).holds
    assert not verdict.published_twice(seen, may_lose=False).holds


def test_an_event_that_was_lost_and_never_came_again_is_missed() -> None:
    """Be it that only a consumer had seen it."""
    assert not verdict.events_kept(Seen({"e": ["1-0"]}, {})).holds
    assert not verdict.events_kept(Seen({}, {}, {"e"})).holds
    assert not verdict.consumers_saw(Seen({}, {"e": ["1-0"]}, set())).holds


def test_keys_of_work_and_passing_ones_are_names_that_there_are() -> None:
    """Spelled as jobs/keys.py spells them: a name that was changed there would be looked for in vain."""
    names = rest.names()
    assert {*rest.WORKING, *rest.PASSING} <= names
    assert {"link:*", "articles", "feeds", "totals"} <= names
    assert not [name for name in names if name in ("*", "") or name.startswith("rq:")]
