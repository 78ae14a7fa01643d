"""The history of polls: packed small, bounded, and readable whatever it holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import Reason
from worker.feeds import history
from worker.feeds.errors import FeedReason
from worker.feeds.history import KEPT, MAX_CHARS, Past, added, pack, parse
from worker.feeds.history_words import came_to, failures

START_S = 1_790_000_000
NUMBER = st.integers(0, 2**28 - 1)
WORDS = sorted({*map(str, Reason), *map(str, FeedReason)})


def poll(came: str, number: int) -> Past:
    """A poll of this kind, with a number in every place that it keeps."""
    at = Past(START_S, came, number)
    if came in (history.NEW, history.GAP):
        return replace(at, size_bytes=number, new=number, listed=number)
    if came == history.SAME_BODY:
        return replace(at, size_bytes=number)
    return replace(at, status=number) if at.failed else at


PASTS = st.lists(
    st.builds(
        lambda came, number, at_s: replace(poll(came, number), at_s=at_s),
        st.sampled_from([*history.STATUS, history.OWN_NETWORK, *WORDS]),
        NUMBER,
        st.integers(START_S, START_S + 2**27),
    ),
    max_size=KEPT,
)


@given(PASTS)
def test_what_is_packed_comes_back(pasts: list[Past]) -> None:
    """Every kind of poll with every reason word, over years."""
    ordered = sorted(pasts, key=lambda past: past.at_s)
    assert parse(pack(ordered)) == tuple(ordered)


@given(st.text(max_size=60) | st.text("1:,AZaz09+/=", max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    """What is broken, or of another version, is an empty history: never an error."""
    assert isinstance(parse(text), tuple)


@given(PASTS.filter(bool), st.integers(1, 400))
def test_a_cut_history_is_read_or_empty(pasts: list[Past], length: int) -> None:
    """A field that lost its end gives whole polls or none."""
    whole = pack(sorted(pasts, key=lambda past: past.at_s))
    assert set(parse(whole[:length])) <= set(parse(whole))


@given(st.lists(st.tuples(st.sampled_from([*history.STATUS, *WORDS]), NUMBER), min_size=1, max_size=60))
def test_it_never_grows_beyond_its_limit(polls: list[tuple[str, int]]) -> None:
    """Whatever comes, with numbers of any size: the newest poll is there, the oldest ones went."""
    text = ""
    for came, number in polls:
        text = added(text, poll(came, number))
        assert len(text) <= MAX_CHARS
    assert len(parse(text)) <= KEPT
    assert parse(text)[-1] == poll(*polls[-1])


@pytest.mark.parametrize(
    ("one", "most_chars"),
    [
        (Past(START_S, history.NOT_MODIFIED, 250), 150),
        (Past(START_S, history.NEW, 900, 0, 90_000, 9, 50), 300),
        (Past(START_S, Reason.TIMEOUT, 30_000), 220),
        (Past(START_S, Reason.SERVER_ERROR, 300, 503), 230),
    ],
)
def test_twenty_polls_are_small(one: Past, most_chars: int) -> None:
    """What usual feeds cost: part of the 1.5 KiB that a feed may take."""
    text = ""
    for number in range(30):
        text = added(text, replace(one, at_s=START_S + number * 3600))
    assert len(parse(text)) == KEPT
    assert len(text) <= most_chars


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    """Such a poll counts as one at the time of the last."""
    text = added(added("", Past(START_S, history.NEW)), Past(START_S - 60, history.NOT_MODIFIED))
    assert [past.at_s for past in parse(text)] == [START_S, START_S]


def test_a_word_of_any_kind_can_be_kept() -> None:
    """What would break the field is replaced in it."""
    (past,) = parse(added("", Past(START_S, "a,b:c" + "d" * 100)))
    assert past.came == "a_b_c" + "d" * 35


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (Past(0, history.NOT_MODIFIED), "304, not modified"),
        (Past(0, history.NEW, new=3, listed=1_000), "200, 3 new of 1,000 links"),
        (Past(0, history.GAP, new=3, listed=3), "200, 3 new of 3 links, a gap"),
        (Past(0, Reason.FORBIDDEN, status=403), "forbidden, status 403"),
        (Past(0, Reason.DNS), "dns"),
    ],
)
def test_polls_in_words(past: Past, words: str) -> None:
    """As `feeds show` prints them."""
    assert came_to(past) == words


def test_failures_are_counted_by_reason() -> None:
    """The most frequent first; what our own network did is no failure of the feed."""
    came = [history.NEW, Reason.DNS, Reason.TIMEOUT, Reason.TIMEOUT, history.OWN_NETWORK]
    pasts = [Past(0, word) for word in came]
    assert failures(pasts) == "3 of the last 5 polls: timeout 2, dns 1"
    assert failures(pasts[:1]) == ""
