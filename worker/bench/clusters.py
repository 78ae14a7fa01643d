"""How well groups that were found agree with the true ones (pure).

B-cubed (Bagga and Baldwin 1998): for each item, how much of its group is of its class (precision), and how
much of its class is in its group (recall), averaged over items. V-measure (Rosenberg and Hirschberg 2007):
the harmonic mean of homogeneity and completeness, which compare entropies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was put into a group."""

    true: str
    found: str
    language: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """All from 0 to 1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def b_cubed(items: Sequence[Item]) -> Agreement:
    """Of all items, each counted with itself."""
    return _agreement(items, lambda one, other: True)


def b_cubed_same_language(items: Sequence[Item]) -> Agreement:
    """As if there were nothing but the item's own language."""
    return _agreement(items, lambda one, other: one.language == other.language)


def b_cubed_cross_language(items: Sequence[Item]) -> Agreement:
    """Of what an item has with other languages only, over the items that have anything there."""
    return _agreement(items, lambda one, other: one.language != other.language)


def v_measure(items: Sequence[Item]) -> float:
    """Harmonic mean of homogeneity and completeness."""
    true, found = Counter(one.true for one in items), Counter(one.found for one in items)
    both = Counter((one.true, one.found) for one in items)
    of_true, of_found, of_both = (_entropy(one, len(items)) for one in (true, found, both))
    homogeneity = 1 - (of_both - of_found) / of_true if of_true else 1.0
    completeness = 1 - (of_both - of_true) / of_found if of_found else 1.0
    return (
        2 * homogeneity * completeness / (homogeneity + completeness) if homogeneity + completeness else 0.0
    )


def _agreement(items: Sequence[Item], counts: Callable[[Item, Item], bool]) -> Agreement:
    precisions, recalls = [], []
    for one in items:
        others = [other for other in items if counts(one, other)]
        found = [other for other in others if other.found == one.found]
        true = [other for other in others if other.true == one.true]
        right = sum(other.true == one.true for other in found)
        if found:
            precisions.append(right / len(found))
        if true:
            recalls.append(right / len(true))
    return Agreement(_mean(precisions), _mean(recalls))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 1.0


def _entropy(counts: Counter[str] | Counter[tuple[str, str]], total: int) -> float:
    return -sum(count / total * log(count / total) for count in counts.values())
