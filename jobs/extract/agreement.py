"""Votes: how much of a block is in a text that an extractor, or the publisher, gives for the article."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.extract.blocks import Block, shingles, words_of

AGREED = 0.5
"""A block of which this share is in a text is taken for in it."""
MAX_CHARS = 500_000
"""Of a text: no article is longer, and each word takes a good hundred bytes."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """A text, ready to be asked whether a block is in it."""

    shingles: frozenset[tuple[str, ...]]
    lines: frozenset[tuple[str, ...]]

    @classmethod
    def of(cls, text: str | None) -> Opinion:
        """Of a text whose paragraphs are lines."""
        lines = [tuple(words_of(line)) for line in (text or "")[:MAX_CHARS].split("\n")]
        words = [word for line in lines for word in line]
        return cls(frozenset(shingles(words)), frozenset(lines))

    def share(self, block: Block) -> float:
        """Share of the block's runs of four words that the text has; of a shorter block: is it a line?"""
        if len(block.words) < 4:
            return float(block.words in self.lines)
        return sum(map(self.shingles.__contains__, shingles(block.words))) / (len(block.words) - 3)


def overlap(one: Opinion, other: Opinion) -> float:
    """F1 of the runs of words of two texts, 0–1."""
    both = len(one.shingles) + len(other.shingles)
    return 2 * len(one.shingles & other.shingles) / both if both else 1.0
