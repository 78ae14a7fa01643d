"""How much of one text another repeats, and what kind of copy that makes it (pure)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from jobs.copies.shingles import shingles, words


class Kind(StrEnum):
    """What a later article is to the one whose text it repeats."""

    EXACT = "exact"
    """The same text."""
    WIRE_COPY = "wire_copy"
    """The same text with another beginning or end, edited, or cut."""
    EXCERPT = "excerpt"
    """A part of it, such as its lead, and little else."""


EXACT, EXACT_WORDS = 0.95, 8
"""Share of either text that is in the other, and words that may differ: a dateline or a credit."""
WIRE = 0.4
"""Share of both texts together that is common."""
WIRE_OF_EACH = 0.55
"""Or share of each: a text that was cut and got another frame."""
EXCERPT = 0.6
"""Share of the later text that is the earlier one's."""
SAME_SITE = 0.7
"""A site's own articles share forms (the weather, results of a day): there it takes more to be a copy."""
LEAST_COMMON = 25
"""Shingles in common, at the least: some four lines."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What two texts have in common."""

    kind: Kind
    similarity: float
    """Share of the shingles of both that are common (Jaccard), 0 to 1; of an excerpt the share of the later
    text that is the earlier one's."""
    added_words: int
    """Words of the later text that the earlier one does not have there, about."""
    cut_words: int
    """Words of the earlier text that the later one left out, about."""


def likeness(earlier: str, later: str, *, same_site: bool = False, wire: float = WIRE) -> Likeness | None:
    """What kind of copy of `earlier` the text `later` is, if it is one.

    Args:
        same_site: both are from one site.
        wire: the share of both texts together that makes a copy; the other shares move with it.
    """
    before, after = (Counter(shingles(words(text))) for text in (earlier, later))
    common = (before & after).total()
    if common < LEAST_COMMON:
        return None
    of_both = common / (before | after).total()
    of_later, of_earlier = common / after.total(), common / before.total()
    added, cut = after.total() - common, before.total() - common
    kind = _kind(of_both, of_later, of_earlier, max(added, cut), wire / WIRE)
    if kind is None or (same_site and of_both < max(SAME_SITE, wire)):
        return None
    similarity = of_later if kind is Kind.EXCERPT else of_both
    return Likeness(kind, round(similarity, 3), added_words=added, cut_words=cut)


def _kind(
    of_both: float, of_later: float, of_earlier: float, differing: int, strictness: float
) -> Kind | None:
    if min(of_later, of_earlier) >= EXACT and differing <= EXACT_WORDS:
        return Kind.EXACT
    of_each = min(WIRE_OF_EACH * strictness, EXACT)
    if of_both >= WIRE * strictness or min(of_later, of_earlier) >= of_each:
        return Kind.WIRE_COPY
    if of_later >= min(EXCERPT * strictness, EXACT):
        return Kind.EXCERPT
    return None
