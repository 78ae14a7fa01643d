"""How near an extracted article comes to the gold one: text, title, date, authors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from jobs.extract.plain import letters

SHINGLE_WORDS = 4
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class TextScore:
    """Of one page's text, or the mean of many pages'."""

    precision: float
    """Share of what was found that belongs there, 0–1."""
    recall: float
    """Share of what belongs there that was found, 0–1."""

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def text_score(gold: str, found: str) -> TextScore:
    """Precision and recall of four-word shingles, repeats counted.

    As in https://github.com/scrapinghub/article-extraction-benchmark, so that figures can be compared.
    """
    wanted, got = _shingles(gold), _shingles(found)
    if not wanted and not got:
        return TextScore(1.0, 1.0)
    common = sum((wanted & got).values())
    return TextScore(
        common / got.total() if got else 0.0,
        common / wanted.total() if wanted else 0.0,
    )


def mean_score(scores: Sequence[TextScore]) -> TextScore:
    """Precision and recall averaged over pages; its F1 is that of the averages."""
    if not scores:
        return TextScore(0.0, 0.0)
    return TextScore(fmean(s.precision for s in scores), fmean(s.recall for s in scores))


def same_title(gold: str, found: str | None) -> bool:
    """Equal in letters and digits."""
    return letters(gold) == letters(found or "")


def same_day(gold: str, found: str | None) -> bool:
    """Equal as days, each as its publisher's clock has it."""
    return gold[:10] == (found or "")[:10]


def names_f1(gold: Iterable[str], found: Iterable[str]) -> float:
    """F1 of two sets of names."""
    wanted, got = {letters(n) for n in gold} - {""}, {letters(n) for n in found} - {""}
    if not wanted and not got:
        return 1.0
    return 2 * len(wanted & got) / (len(wanted) + len(got))


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text)
    count = max(1, len(words) - SHINGLE_WORDS + 1) if words else 0
    return Counter(tuple(words[i : i + SHINGLE_WORDS]) for i in range(count))
