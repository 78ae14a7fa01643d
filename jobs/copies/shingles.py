"""A text as the words in a row that it is made of (pure)."""

from __future__ import annotations

import re
import unicodedata

SIZE = 3
"""Words in a row. Two texts on one event share words; three in a row they share where one copied."""

# Scripts that are written without spaces: each character counts as a word.
_WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W_]+")


def words(text: str) -> list[str]:
    """The words of a text, without case, punctuation and the difference between forms of one letter."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def shingles(of: list[str]) -> list[str]:
    """Every three words in a row, repeats included; none of a shorter text."""
    return list(map(" ".join, zip(*(of[at:] for at in range(SIZE)), strict=False)))
