"""Each property that chaos claims is found broken when it is."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.keys import Keys
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


def test_every_key_is_known_to_be_there_at_rest_or_not() -> None:
    """Each name of jobs/keys.py stands in one of the lists: a new one has to be thought about."""
    keys = Keys("n")
    own = {name for name in vars(Keys) if not name.startswith("_")} - {
        "namespace", "stream", "queue", "job", "dead_job", "lua",
    }  # fmt: skip
    found = {"n:articles"}
    for name in own:
        method = getattr(keys, name)
        found.add(method if isinstance(method, str) else _named(method))
    listed = [f"n:{name}" for name in (*rest.KEPT, *rest.PASSING, *rest.WORKING)]
    assert len(listed) == len(set(listed))
    assert set(listed) == {name for name in found if name.startswith("n:")}, "RQ's names are told there, too"


def _named(method: Any) -> str:
    count = method.__code__.co_argcount - 1
    return str(method(*["*"] * count)).replace("*:*", "*")
