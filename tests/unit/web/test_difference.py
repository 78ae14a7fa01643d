"""What an article's page shows of a revision's changes."""

from __future__ import annotations

from typing import Any

from worker.web.difference import compared

TEXT = [f"Sentence number {number} says so." for number in range(9)]


def data(
    *sentences: str, headline: str = "Wells", revision: int = 1, kind: str | None = None
) -> dict[str, Any]:
    change = {"kind": kind} if kind else None
    return {
        "headline": headline,
        "text": " ".join(sentences),
        "language": "en",
        "revision": revision,
        "change": change,
    }


def test_a_change_is_shown_with_what_is_around_it() -> None:
    """Added and removed in words, not only by a colour; what stayed far from it is counted."""
    after = [*TEXT[:4], "Another sentence.", *TEXT[5:]]
    told = compared(data(*TEXT), data(*after, revision=2, kind="substantive"))
    assert told is not None
    assert (told.before, told.after, told.kind, told.headline) == (1, 2, "substantive", ())
    assert [(line.mark, line.label, line.text) for line in told.lines] == [
        ("…", "", "3 sentences"),
        ("=", "", TEXT[3]),
        ("-", "Removed", TEXT[4]),
        ("+", "Added", "Another sentence."),
        ("=", "", TEXT[5]),
        ("…", "", "3 sentences"),
    ]


def test_a_new_headline_stands_apart() -> None:
    """The text is not shown then, where it stayed."""
    told = compared(data(*TEXT), data(*TEXT, headline="Springs", revision=2, kind="headline"))
    assert told is not None
    assert [(line.mark, line.text) for line in told.headline] == [("-", "Wells"), ("+", "Springs")]
    assert told.lines == ()


def test_nothing_is_shown_where_nothing_changed() -> None:
    """An update of other fields, or one that an operator sent again."""
    assert compared(data(*TEXT), data(*TEXT, revision=2, kind="replayed")) is None


def test_odd_events_do_no_harm() -> None:
    """The stream may hold what another version wrote."""
    assert compared({}, {"text": 5, "change": "x", "revision": "two", "language": 3}) is not None
    assert compared({}, {}) is None
