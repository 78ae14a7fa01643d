"""What is remembered of a site: bounded, decaying, each article once."""

from __future__ import annotations

import math
import os

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.recurring.memory import (
    HALF_LIFE,
    MAX_BYTES,
    MOST_COUNTED,
    MOST_OFTEN,
    MOST_ONCE,
    MOST_RECENT,
    Memory,
    Place,
    digest,
    unpack,
)

SIGN, OTHER = digest("line", "sign"), digest("line", "other")
PLACES = st.sampled_from([Place.MIDDLE, Place.HEAD, Place.TAIL])
ARTICLES = st.lists(
    st.tuples(st.integers(0, 30), st.dictionaries(st.integers(0, 12), PLACES, max_size=8)), max_size=60
)


def after(count: int, *, of: int | None = None, memory: Memory | None = None) -> Memory:
    """A memory of some articles, the last `count` of which have the sign."""
    memory = memory or Memory()
    total = count if of is None else of
    for number in range(total):
        has = number >= total - count
        memory = memory.learn(os.urandom(8).hex(), {SIGN if has else OTHER: Place.TAIL})
    return memory


def test_an_article_counts_itself() -> None:
    """What the one at hand has is in one article, whatever is remembered."""
    assert Memory().evidence(SIGN).articles == 1
    assert Memory().evidence(SIGN).share == 1
    third = after(2).evidence(SIGN)
    assert (third.articles, third.tail, third.head) == (3, 1, 0)
    assert math.isclose(third.share, 1, abs_tol=1e-3)
    assert math.isclose(after(2, of=9).evidence(SIGN).share, 0.3, abs_tol=0.01)


def test_an_article_counts_once() -> None:
    """An attempt that is made again teaches nothing more, nor does one without anything to learn."""
    memory = Memory().learn("a", {SIGN: Place.MIDDLE}).learn("b", {SIGN: Place.MIDDLE})
    assert memory.learn("a", {SIGN: Place.MIDDLE}) is memory
    assert memory.learn("c", {}) is memory
    assert (memory.articles, memory.evidence(SIGN).articles) == (2, 3)


def test_what_a_site_no_longer_does_is_forgotten() -> None:
    """A sighting counts half after so many articles without, and leaves when others need its room."""
    memory = after(10)
    memory = after(0, of=HALF_LIFE, memory=memory)
    weight = memory.evidence(SIGN).share * sum(0.5 ** (n / HALF_LIFE) for n in range(HALF_LIFE + 11))
    assert math.isclose(weight, 1 + 10 / 2, rel_tol=0.05)
    for number in range(2 * MOST_OFTEN):
        signs = {digest("line", str(number // 2)): Place.MIDDLE}
        memory = memory.learn(f"more {number}", signs)
    assert not memory.knows(digest("line", "1")), "the lightest and oldest goes first"
    assert len(memory.often) == MOST_OFTEN


def test_counting_ends_somewhere() -> None:
    """Counts fit a byte for ever, and keep their proportions."""
    evidence = after(3 * MOST_COUNTED).evidence(SIGN)
    assert MOST_COUNTED / 2 < evidence.articles <= MOST_COUNTED + 1
    assert evidence.tail > 0.98


def test_a_memory_is_bounded() -> None:
    """Whatever a site sends, it takes no more than `MAX_BYTES`."""
    memory = Memory()
    for number in range(60):
        shared = {digest("line", f"{number // 2} {n}"): Place.MIDDLE for n in range(40)}
        own = {digest("line", f"{number} own {n}"): Place.MIDDLE for n in range(100)}
        memory = memory.learn(str(number), shared | own)
    assert (len(memory.once), len(memory.often), len(memory.recent)) == (MOST_ONCE, MOST_OFTEN, MOST_RECENT)
    assert len(memory.pack()) == MAX_BYTES < 10_000


@given(ARTICLES)
@settings(max_examples=60, deadline=None)
def test_packed_and_unpacked_it_is_the_same(articles: list[tuple[int, dict[int, Place]]]) -> None:
    """Nothing is lost on the way through Redis but digits of weights; no count is over the articles."""
    memory = Memory()
    had: dict[bytes, set[int]] = {}
    for name, signs in articles:
        named = {digest("line", str(sign)): place for sign, place in signs.items()}
        memory = memory.learn(str(name), named)
        for sign in named:
            had.setdefault(sign, set()).add(name)
    again = unpack(memory.pack())
    assert (again.articles, again.recent, list(again.once)) == (
        memory.articles,
        memory.recent,
        list(memory.once),
    )
    for sign, names in had.items():
        one, other = memory.evidence(sign), again.evidence(sign)
        assert (one.articles, one.head, one.tail) == (other.articles, other.head, other.tail)
        assert math.isclose(one.share, other.share, rel_tol=1e-5)
        assert 0 < one.share <= 1
        if len(articles) <= MOST_RECENT:
            assert one.articles <= len(names) + 1


@given(st.binary(max_size=300))
def test_what_is_no_memory_is_an_empty_one(packed: bytes) -> None:
    """A damaged or foreign value makes the site be learned anew, and never an error."""
    found = unpack(packed)
    assert found.pack() == packed or found == Memory()


def test_a_cut_memory_is_an_empty_one() -> None:
    """Not half of one."""
    packed = after(3, of=6).pack()
    assert unpack(packed) != Memory()
    assert unpack(packed[:-1]) == unpack(packed + b"x") == Memory()
