"""When a failed attempt is worth another one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import Reason, Retry
from jobs.retries import LONGEST_RETRY_AFTER_S, SHORT_STEPS_S, STEPS_S, wait_before_next

REASONS = st.sampled_from(list(Reason))
TRIES = st.integers(1, 50)
JITTER = st.floats(0, 1)
BUSY = Retry(Reason.SERVER_ERROR)


def test_the_waits_grow_and_then_it_ends() -> None:
    """A minute, ten, an hour, four, twelve; the sixth failure is the last."""
    assert [wait_before_next(BUSY, n, 0) for n in range(1, 7)] == [60, 600, 3600, 14_400, 43_200, None]


def test_answers_that_rarely_change_are_asked_for_less_often() -> None:
    """An empty page, a name that does not exist, a bad certificate: two more attempts."""
    for reason in (Reason.EMPTY, Reason.DNS, Reason.TLS):
        assert [wait_before_next(Retry(reason), n, 0) for n in range(1, 4)] == [60, 3600, None]


def test_challenges_are_met_again_rarely() -> None:
    """After an hour, six and eighteen: asking often is what keeps a wall up."""
    waits = [wait_before_next(Retry(Reason.BOT_CHALLENGE), n, 0) for n in range(1, 5)]
    assert waits == [3600, 21_600, 64_800, None]


def test_retry_after_replaces_the_step() -> None:
    """The site knows best, in both directions, within a second and a day; it does not buy more attempts."""
    waits = {0.0: 1, 5.0: 5, 7200.0: 7200, 1e9: LONGEST_RETRY_AFTER_S}
    for asked, wait in waits.items():
        assert wait_before_next(Retry(Reason.RATE_LIMITED, after_s=asked), 1, 1.0) == wait
    assert wait_before_next(Retry(Reason.RATE_LIMITED, after_s=5), len(STEPS_S) + 1, 0) is None


@given(REASONS, TRIES, JITTER, st.none() | st.floats(0, 1e12))
def test_every_wait_is_bounded(reason: Reason, tries: int, jitter: float, after_s: float | None) -> None:
    """Whatever the answer: at least a second, at most a day, and never for ever."""
    wait_s = wait_before_next(Retry(reason, after_s=after_s), tries, jitter)
    if tries > len(STEPS_S):
        assert wait_s is None
    if tries <= len(SHORT_STEPS_S):
        assert wait_s is not None
    assert wait_s is None or 1 <= wait_s <= LONGEST_RETRY_AFTER_S


@given(st.integers(1, len(STEPS_S)), JITTER)
def test_links_that_failed_together_do_not_come_back_together(tries: int, jitter: float) -> None:
    """Jitter spreads them over a fifth of the step, never below it."""
    step = STEPS_S[tries - 1]
    wait_s = wait_before_next(BUSY, tries, jitter)
    assert wait_s is not None
    assert step <= wait_s <= step * 1.2
    assert wait_before_next(BUSY, tries, 1) == step * 1.2
