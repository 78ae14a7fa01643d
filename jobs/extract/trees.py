"""A model made of decision trees, read from a file: a row of numbers in, a probability out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Any

EARLY, CLEAR = 30, 1.5
"""After so many trees, log odds beyond this are as good as certain: the others turned none of 10,000 rows."""


@dataclass(frozen=True, slots=True)
class Trees:
    """Gradient-boosted trees; their leaves add up to log odds."""

    names: tuple[str, ...]
    """Of the columns that it was trained on."""
    base: float
    """Log odds before any tree."""
    trees: tuple[Any, ...]
    """Each a leaf (a number), or (column, threshold, tree up to it, tree above it)."""

    def probability(self, row: Sequence[float]) -> float:
        """0–1, for the columns of `names`."""
        total = self.base
        for number, node in enumerate(self.trees):
            if number == EARLY and abs(total) > CLEAR:
                return float(total > 0)
            while type(node) is tuple:  # isinstance takes twice the time, in the innermost loop of all
                column, threshold, low, high = node
                node = low if row[column] <= threshold else high
            total += node
        return 1 / (1 + exp(-total))


def load(file: Path) -> Trees:
    """Read a model as `worker.bench.quality_train` writes it."""
    read = json.loads(file.read_text("utf-8"))
    return Trees(tuple(read["names"]), read["base"], tuple(_tree(tree) for tree in read["trees"]))


def _tree(read: Any) -> Any:
    if not isinstance(read, list):
        return float(read)
    column, threshold, low, high = read
    return (column, threshold, _tree(low), _tree(high))
