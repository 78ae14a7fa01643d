"""The capitalised runs of a text: where names are, as far as writing shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from jobs.enrich.sentences import Sentence

# Elisions are words of their own (l’Iran, d’Alep), and so are hyphens’ and apostrophes’ parts not.
_TOKEN = re.compile(
    r"((?:U\.S\.A?|U\.K\.|U\.N\.|EE\.\s?UU)\.?|(?:[LDJNSMCTldjnsmct]|[Qq]u|[Dd]ell|[Dd]all|[Nn]ell|[Ss]ull|[Aa]ll)[’'](?=[^\W\d_])"
    r"|[^\W_]+(?:[’'.&-][^\W_]+)*)"
)
_POSSESSIVE = frozenset({"’s", "'s"})
MAX_RUN = 12
"""Words; what is longer is a line in capitals, and no name."""
_ARABIC_ARTICLE = re.compile(r"^(?:al|el|ad|as|ash|ibn)-[A-ZÀ-Þ]")


class Token(NamedTuple):
    """One word. (A tuple: a text has hundreds, and a frozen dataclass takes four times as long to make.)"""

    text: str
    """Without a possessive ’s."""
    lower: str
    """The same, case folded."""
    start: int
    """In the text."""
    end: int
    """In the text, possessive included."""
    capital: bool
    opens: bool
    """It begins its sentence: its capital says nothing."""
    possessive: bool = False


def tokens(sentence: Sentence, *, split_elisions: bool) -> list[Token]:
    """The words of a sentence."""
    found: list[Token] = []
    end = sentence.start
    pieces = iter(_TOKEN.split(sentence.text))  # gap, word, gap, …: cheaper than matches
    for between, word in zip(pieces, pieces, strict=False):
        start = end + len(between)
        end = start + len(word)
        if split_elisions and word[-1] in "’'":
            continue
        possessive = word[-1] == "s" and word[-2:] in _POSSESSIVE and not split_elisions
        bare = word[:-2] if possessive else word
        capital = bare[0].isupper() or ("-" in bare and _ARABIC_ARTICLE.match(bare) is not None)
        found.append(_token(Token, (bare, bare.casefold(), start, end, capital, not found, possessive)))
    return found


_token = tuple.__new__
"""Without the function in between that a named tuple's own has."""


def adjacent(text: str, left: Token, right: Token) -> bool:
    """Do two tokens stand side by side with nothing but a space (or an elision) between?"""
    between = text[left.end : right.start]
    return between == " " or (len(between) <= 4 and between[:1] == " " and between[-1:] in "’'")


def runs(text: str, words: list[Token]) -> Iterator[tuple[int, int]]:
    """First and last (inclusive) index of each run of capitalised words side by side."""
    after = 0
    for at in [at for at, word in enumerate(words) if word.capital]:
        if at < after:
            continue
        last = at
        while (
            last + 1 < min(len(words), at + MAX_RUN)
            and words[last + 1].capital
            and not words[last].possessive
            and text[words[last].end : words[last + 1].start] == " "
        ):
            last += 1
        yield at, last
        after = last + 1
