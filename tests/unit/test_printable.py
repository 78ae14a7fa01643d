"""Third-party text on terminals and in logs: nothing in it is obeyed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.printable import printable

ANYTHING = st.text(st.characters(), max_size=40)
NASTY = st.sampled_from("\x00\x07\x1b\x7f\x85\x9b\r\u2028\u2029\u202e\u2066\u200f\ud800\udfff")
MIXED = st.lists(NASTY | st.characters(), max_size=40).map("".join)
ORDERING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def controls(text: str) -> set[str]:
    """What a terminal may obey: controls, line separators, half characters, and marks that reorder."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in ORDERING}


@given(MIXED)
def test_no_control_character_gets_through(text: str) -> None:
    """Whatever a publisher writes; and the result can be encoded."""
    assert controls(printable(text)) == set()
    printable(text).encode()


@given(MIXED)
def test_line_ends_are_kept_only_on_request(text: str) -> None:
    """Tracebacks need theirs; the carriage return, which overwrites a line, never is."""
    assert controls(printable(text, newlines=True)) <= {"\n", "\t"}


@given(MIXED)
def test_nothing_else_is_changed(text: str) -> None:
    """Every other character stays, in its place, and cleaning twice is cleaning once."""
    kept = [c for c in text if not controls(c)]
    shown = printable(text)
    assert [c for c in shown if c in kept or not c.isascii()] == [c for c in shown if c in kept]
    assert printable(shown) == shown
    if not controls(text):
        assert shown == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b2J", "\\x9b2J"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x00\x7f", "\\x00\\x7f"),
        ("moc.evil\u202e", "moc.evil\\u202e"),
        ("line\u2028end", "line\\u2028end"),
        ("\ud83d", "\\ud83d"),
        ("日本 — “quoted” é ñ 👩‍👩‍👧 soft\xadhyphen", "日本 — “quoted” é ñ 👩‍👩‍👧 soft\xadhyphen"),
        ("", ""),
    ],
)
def test_controls_are_shown_as_escapes(text: str, shown: str) -> None:
    """What was there can be seen, and words in any script stay as they are."""
    assert printable(text) == shown
