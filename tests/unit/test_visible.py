"""What a reader sees of some markup."""

from __future__ import annotations

import pytest

from jobs.visible import title, visible_text, visible_words

SEEN = [
    ("<p>One <b>two</b></p><p>three</p>", "One two three"),
    ("a<script>var b = '<p>c</p>'</script>d", "a d"),
    ("a<STYLE>p{}</Style >b", "a b"),
    ("a<!-- <p>b</p> -->c", "a c"),
    ("a<svg><title>b</title></svg>c", "a c"),
    ("a<script>never closed <p>b</p>", "a"),
    ("a<!-- never closed", "a"),
    ("5 &lt; 6 &amp; 7", "5 < 6 & 7"),
    ("5 < 6 and 7 > 6", "5 < 6 and 7 > 6"),
    ("<noscript>Enable it</noscript>", "Enable it"),
    ("", ""),
]


@pytest.mark.parametrize(("markup", "text"), SEEN)
def test_visible_text(markup: str, text: str) -> None:
    """Scripts, styles, drawings and comments are not seen; what is never closed hides the rest."""
    assert visible_text(markup) == text


def test_words_of_any_script() -> None:
    """A Chinese, Japanese or Korean character counts as a word."""
    assert visible_words("<p>Paul's 3 boats</p><p>船は</p>") == 5


def test_title() -> None:
    """Of the page, on one line; none is none."""
    assert title("<html><head><TITLE lang=en>\n A &amp;\n B </TITLE>") == "A & B"
    assert title("<p>no title</p>") == ""
