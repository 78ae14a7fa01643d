"""What the feed says of an article's text: its content and its summary, weighed as evidence of what belongs.

A feed's content may be the article, its beginning, an advert or another article altogether. So it only ever
speaks for paragraphs of the page that it has, and against others only where it is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from jobs.entry import Entry
from jobs.extract.agreement import Opinion, overlap
from jobs.extract.blocks import Block
from jobs.feed_content import MAX_CHARS, is_whole, without_footer
from jobs.visible import visible_text

MIN_WORDS = 5
"""A shorter block may stand in any two texts."""
MIN_SAID = 8
"""Runs of words without which content or summary say nothing."""
MAX_LINKED = 0.5
"""A paragraph of more links than this is a pointer to other articles, in the feed as on the page."""
SAME = 0.5
"""Of the content, this share has to stand on the page: else it is about something else."""
HAS, LACKS = 0.8, 0.2
"""A block of which so much, or so little, is in the content is in it, or is not."""
BELONGS = 0.9
"""Probability, at least, of a paragraph that the content has."""
COVERS = 0.7
"""A whole content speaks against blocks if it has this share of those that are chosen without it."""
AGAINST = 1.5
"""Log odds that a block loses by not being in it: those in doubt go, the clear ones stay."""
CHOSEN, CLEAREST = 0.5, 0.98


@dataclass(frozen=True, slots=True)
class FeedText:
    """What one entry says, ready to be compared."""

    content: Opinion | None = None
    is_whole: bool = False
    """Does the content look like all of the article?"""
    summary: str | None = None

    def agreement(self, text: str) -> float | None:
        """How far a text is what the feed says, 0–1; None where it says too little.

        Of a whole content both ways, of a beginning or a summary how much of it the text has.
        """
        said = self.content or (Opinion.of(self.summary) if self.summary else None)
        if said is None or len(said.runs) < MIN_SAID:
            return None
        found = Opinion.of(text)
        if self.content and self.is_whole:
            return overlap(said, found)
        return len(said.runs & found.runs) / len(said.runs)


SAYS_NOTHING = FeedText()


def feed_text(entry: Entry | None) -> FeedText:
    """What an entry says; nothing where there is none."""
    if entry is None:
        return SAYS_NOTHING
    if not entry.content or len(entry.content) > MAX_CHARS:
        return FeedText(summary=entry.summary)
    content = Opinion.of(without_footer(visible_text(entry.content)))
    enough = len(content.runs) >= MIN_SAID
    return FeedText(content if enough else None, enough and is_whole(entry), entry.summary)


def supported(
    blocks: Sequence[Block], odds: Sequence[float], content: Opinion | None, *, is_whole: bool = False
) -> list[float]:
    """The blocks' probabilities after it was heard what the publisher gives as the article's text.

    Args:
        blocks: all of the page, in order.
        odds: their probabilities without it.
        content: the feed's, or JSON-LD's; None where there is none.
        is_whole: does it seem to be all of the article?
    """
    if content is None or not _is_of_page(content, blocks):
        return list(odds)
    chosen = [b for b, p in zip(blocks, odds, strict=True) if p >= CHOSEN]
    said = Opinion.of_lines(b.words for b in chosen)
    against = is_whole and _covers(content, chosen)

    def heard(block: Block, p: float) -> float:
        if len(block.words) < MIN_WORDS or block.link_chars > MAX_LINKED * len(block.text):
            return p
        share = content.share(block)
        # What a chosen paragraph has, too, is a quote set off from it, or a copy.
        if share >= HAS and (p >= CHOSEN or said.share(block) < HAS):
            return max(p, BELONGS)
        return _doubted(p) if against and share <= LACKS else p

    return [heard(block, p) for block, p in zip(blocks, odds, strict=True)]


def _is_of_page(content: Opinion, blocks: Sequence[Block]) -> bool:
    page = Opinion.of_lines(block.words for block in blocks)
    return len(content.runs & page.runs) >= SAME * len(content.runs)


def _covers(content: Opinion, chosen: Sequence[Block]) -> bool:
    words = sum(len(block.words) for block in chosen)
    return sum(content.share(block) * len(block.words) for block in chosen) >= COVERS * words


def _doubted(p: float) -> float:
    p = min(max(p, 1 - CLEAREST), CLEAREST)
    return 1 / (1 + exp(AGAINST - log(p / (1 - p))))
