"""What `palmyra why` makes of a link's way."""

from __future__ import annotations

from jobs.link import Step
from worker.commands.why import Attempt, attempts, length

WAY = (
    Step(1_000, "seen in feed feedaaaaaa"),
    Step(2_000, "fetch attempt 1 began on w1"),
    Step(2_500, "listed by feed feedbbbbbb"),
    Step(32_000, "timeout (one.test: not done after 30 s), again in 62 s"),
    Step(94_000, "fetch attempt 2 began on w2"),
    Step(95_000, "fetched 200, 11008 bytes in 2 ms from 192.0.2.1"),
    Step(95_100, "article attempt 3 began on w3"),
)


def test_each_attempt_is_told_with_what_came_of_it() -> None:
    """Its number, stage and worker, how long it took; what falls between is not its result."""
    first, second, third = attempts(WAY)
    assert first == Attempt(1, "fetch", "w1", 2_000, 30_000, WAY[3].text)
    assert second == Attempt(2, "fetch", "w2", 94_000, 1_000, WAY[5].text)
    assert third == Attempt(3, "article", "w3", 95_100, None, None)


def test_a_way_without_attempts_has_none() -> None:
    """Also one that was cut at its beginning."""
    assert list(attempts(())) == list(attempts(WAY[5:6])) == []


def test_lengths_are_exact_where_that_matters() -> None:
    """Milliseconds for what a person waits for, hours for a back-off."""
    assert [length(ms) for ms in (12, 599_999, 61_200_000)] == ["0.012 s", "599.999 s", "17 h"]
