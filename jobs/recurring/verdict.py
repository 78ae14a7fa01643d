"""Is a line that recurs the site's boilerplate, or do some of its articles have a line in common? (pure)

Sites repeat sentences for two reasons. Boilerplate stands under articles on anything, mostly at the same
place. A quote, or the paragraph that sums up a long story, recurs too, but in articles on that story: the
names in it are named in the rest of the article. So a line that speaks of what its article speaks of needs
much more evidence, and nothing goes that fewer than three articles have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobs.recurring.memory import Evidence, Place
from jobs.words import count_words

LEAST = 3
"""Articles that must have a line before it goes."""
AT_ITS_PLACE = 0.8
"""Share of the sightings in which what belongs to the beginning or the end stood there."""
FEW_WORDS, SHORT_WORDS, TELLING_WORDS, LONG_WORDS = 4, 8, 12, 60
SHARED_NAMES, SHARED_PART = 2, 0.3
"""So many of a line's names, and this part of them, stand in the article's rest: it speaks of the same."""
NAMED_MOST = 40

_WORD = re.compile(r"\w+")
# Bounded repeats: of long runs of punctuation every part would be tried.
_STARTS_SENTENCE = re.compile(r"(?:^|[.!?:…]\W{0,3}\s|[“\"„«]|- )\W{0,3}\w+")
_SENTENCE_ENDS = re.compile(r"[.!?…。！？؟।][\W_]{0,9}$")
_QUOTE = re.compile(r"[“”„«»「」『』]|(?<!\w)\"")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text with what is to be judged."""

    text: str
    evidence: Evidence
    place: Place
    words: int
    same_subject: bool
    """It names what the rest of the article names."""

    @property
    def recurs(self) -> bool:
        """Do enough articles have it to look closer?"""
        return self.evidence.articles >= LEAST


def is_boilerplate(line: Line) -> bool:
    """Is the line the site's, whatever stands around it?"""
    if not line.recurs or line.words < FEW_WORDS:
        return False
    if line.same_subject or _QUOTE.search(line.text):
        return line.evidence.articles >= 8 and line.evidence.share >= 0.6
    if line.words > LONG_WORDS:
        return is_sure(line.evidence) or (at_its_place(line) and _has(line.evidence, 5, 0.1))
    if line.words >= TELLING_WORDS and at_its_place(line):
        return _has(line.evidence, 3, 0.1)
    if line.words < SHORT_WORDS and not at_its_place(line) and not is_sentence(line.text):
        return _has(line.evidence, 5, 0.5)  # it may be a heading inside the articles
    return is_common(line.evidence)


def is_common(evidence: Evidence) -> bool:
    """Do many of the site's articles have it, as far as so many of them say anything?"""
    return _has(evidence, 3, 0.5) or _has(evidence, 6, 0.3)


def is_sure(evidence: Evidence) -> bool:
    """Does half the site have it?"""
    return _has(evidence, 6, 0.5)


def _has(evidence: Evidence, articles: int, share: float) -> bool:
    return evidence.articles >= articles and evidence.share >= share


def at_its_place(line: Line) -> bool:
    """Does it stand where it always stands, at the beginning or at the end?"""
    at_head = Place.HEAD in line.place and line.evidence.head >= AT_ITS_PLACE
    return at_head or (Place.TAIL in line.place and line.evidence.tail >= AT_ITS_PLACE)


def is_sentence(text: str) -> bool:
    """Does it end as sentences do?"""
    return bool(_SENTENCE_ENDS.search(text, max(0, len(text) - 10)))


def same_subject(line: str, rest: frozenset[str], site: frozenset[str]) -> bool:
    """Does a line name what the rest of its article names?

    Args:
        line: the line.
        rest: `named` of the lines that do not recur, and of what the article is called.
        site: words of the site's own name, which say nothing.
    """
    names = named(line) - site
    common = len(names & rest)
    return common >= min(SHARED_NAMES, len(names)) > 0 and common >= SHARED_PART * len(names)


def named(text: str) -> frozenset[str]:
    """What a text names: words with a capital inside sentences, and numbers.

    In scripts without capitals its longer words, or each three letters where words are not separated.
    """
    if text.upper() != text.lower():
        starts = {match.end() for match in _STARTS_SENTENCE.finditer(text)}
        words = (m for m in _WORD.finditer(text) if m.end() not in starts)
        return frozenset(m[0].casefold() for m in words if _is_name(m[0]))
    found = _WORD.findall(text)
    if count_words(text) > 2 * len(found):
        return frozenset(word[i : i + 3] for word in found for i in range(len(word) - 2))
    return frozenset(word for word in found if len(word) > 3)


def _is_name(word: str) -> bool:
    return (len(word) > 2 and word[0].isupper()) or (len(word) > 1 and word.isdecimal())
