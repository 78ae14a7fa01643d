"""Votes: how much of a block is in a text that an extractor, or the publisher, gives for the article."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from jobs.extract.blocks import RUN_WORDS, Block, runs_of, words_of

AGREED = 0.5
"""A block of which this share is in a text is taken for in it."""
MAX_CHARS = 500_000
"""Of a text: no article is longer, and each word takes a good hundred bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """A text, ready to be asked whether a block is in it."""

    words: int
    """How many it has."""
    runs: frozenset[int]
    lines: frozenset[tuple[str, ...]]
    """Those that are shorter than a run."""

    @classmethod
    def of(cls, text: str | None) -> Opinion:
        """Of a text whose paragraphs are lines."""
        return cls.of_lines(map(words_of, (text or "")[:MAX_CHARS].split("\n")))

    @classmethod
    def of_lines(cls, lines: Iterable[Sequence[str]]) -> Opinion:
        """Of a text whose paragraphs are given by their words."""
        lines = list(lines)
        words = list(chain.from_iterable(lines))
        short = frozenset(tuple(line) for line in lines if len(line) < RUN_WORDS)
        return cls(len(words), frozenset(runs_of(words)), short)

    def share(self, block: Block) -> float:
        """Share of the block's runs of four words that the text has; of a shorter block: is it a line?"""
        if not block.runs:
            return float(block.words in self.lines)
        if self.runs.isdisjoint(block.runs):  # most of a page, and told in a third of the time
            return 0.0
        return sum(map(self.runs.__contains__, block.runs)) / len(block.runs)


def overlap(one: Opinion, other: Opinion) -> float:
    """F1 of the runs of words of two texts, 0–1."""
    both = len(one.runs) + len(other.runs)
    return 2 * len(one.runs & other.runs) / both if both else 1.0
