"""The article's text: the blocks that are the article's, or what an extractor found, then the line rules."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

from jobs.extract.blocks import Block
from jobs.extract.choice import Chosen, Read, choose, read
from jobs.extract.clean import clean, paragraphs
from jobs.extract.feed_text import SAYS_NOTHING, FeedText
from jobs.extract.listing import is_listing
from jobs.extract.page import Parsed
from jobs.extract.plain import plain_lines

MIN_LETTERS = 40
"""With fewer there is no article: a caption, a cookie notice, an error."""
MAX_CREDIT_CHARS = 60
MIN_REPEATED_WORDS = 8
"""A paragraph with more words that comes twice is a copy: hidden, or made for another size of screen."""
COVERED = 0.5
"""Blocks with less than this share of an extractor's text miss the article: it was in the page's data."""
PROSE_CHARS, PROSE_LINKED = 80, 0.3
"""A block as long, with no more links, is prose: in whatever language, most of it is somebody's article."""
CONFIRMED = 0.9
"""A text as near to the feed's whole content is right."""
CLEARLY = 0.25
"""So much nearer to what the feed says is clearly nearer."""
UNSURE = 0.5
"""With less certainty about a page's blocks the extractor's own choice is the better one."""

# A short inline element that its own class calls a credit: not the paragraph's text.
_CREDITS = (
    ".//p//*[self::span or self::em or self::i or self::small or self::cite or self::b or self::strong]"
    "[contains(@class, 'credit') or contains(@class, 'caption') or contains(@class, 'copyright')]"
)
_TABLE_ROW = re.compile(r"\|(.*)\|")

# It logs each page without text as an error; here that is an outcome, and told as one.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class ArticleText:
    """A text and how it was come by."""

    text: str
    """Paragraphs separated by a blank line; ``""`` if there is none."""
    agreement: float = 0.0
    """Overlap of two extractors' texts, 0–1."""
    certainty: float = 0.0
    """How sure the choice of blocks was, 0–1."""
    from_blocks: bool = True
    """False where the blocks missed the article and an extractor's text stands in."""
    linked: float = 0.0
    """Share of the chosen blocks' characters that are links, 0–1; 0 where the page describes its article."""
    taken: float = 1.0
    """Share of the page's prose that is in the text, 0–1."""
    says_article: bool = False
    """Does the page say of itself that it is an article?"""
    is_listing: bool = False
    """Is it a list of articles?"""
    confirmed: bool = False
    """Is it what the feed has as the whole article?"""


def article_text(
    page: Parsed, url: str | None, headline: str | None, feed: FeedText = SAYS_NOTHING
) -> ArticleText:
    """The article's text. Removes credits from the page's tree, so call it last."""
    for credit in page.tree.xpath(_CREDITS):
        if len(credit.text_content()) <= MAX_CREDIT_CHARS:
            credit.drop_tree()
    found = read(page, url, headline, feed)
    chosen = choose(found)
    text, from_blocks = weighed(found, chosen, headline)
    enough = len(text) >= 10 * MIN_LETTERS or sum(c.isalpha() for c in text) >= MIN_LETTERS
    linked = _linked(chosen.blocks) if from_blocks and not page.ld.own_article else 0.0
    confirmed = feed.is_whole and (feed.agreement(text) or 0.0) >= CONFIRMED
    return ArticleText(
        text if enough else "",
        found.agreement,
        chosen.certainty,
        from_blocks,
        linked,
        _taken(found.blocks, chosen.blocks) if from_blocks else 1.0,
        _says_article(page),
        not confirmed and is_listing(page, url, found.blocks),
        confirmed,
    )


def _taken(found: list[Block], chosen: list[Block]) -> float:
    prose = sum(len(block.text) for block in found if _is_prose(block))
    return sum(len(block.text) for block in chosen if _is_prose(block)) / prose if prose else 1.0


def _is_prose(block: Block) -> bool:
    return len(block.text) >= PROSE_CHARS and block.link_chars <= PROSE_LINKED * len(block.text)


def _says_article(page: Parsed) -> bool:
    kind = (page.first("og:type") or "").casefold()
    return bool(page.ld.article) or kind.startswith("article") or "article:published_time" in page.meta


def _linked(blocks: list[Block]) -> float:
    return sum(b.link_chars for b in blocks) / (sum(len(b.text) for b in blocks) or 1)


def weighed(found: Read, chosen: Chosen, headline: str | None) -> tuple[str, bool]:
    """The text of the blocks, or of the extractor that stands in for them; and whether it is the blocks'.

    Where one of them is clearly nearer to what the feed says, it is that one.
    """
    text = _cleaned(_lines(chosen.blocks), headline)
    sure = chosen.certainty >= UNSURE and len(text) >= COVERED * len(_stand_in(found))
    if sure and found.feed.content is None:
        return text, True
    other = _cleaned(_extracted_lines(_stand_in(found)), headline)
    ours, theirs = found.feed.agreement(text), found.feed.agreement(other)
    if ours is not None and theirs is not None and abs(ours - theirs) >= CLEARLY:
        sure = ours > theirs
    return (text, True) if sure or not other else (other, False)


def _stand_in(found: Read) -> str:
    """The text of the extractor that stands in: the third, where it was asked, since it looks further."""
    first, _, *third = found.texts
    return third[0] if third else first


def _cleaned(lines: list[str], headline: str | None) -> str:
    return paragraphs(clean(list(_once(lines)), headline))


def _once(lines: list[str]) -> Iterator[str]:
    seen = set()
    for line in lines:
        if line.count(" ") < MIN_REPEATED_WORDS or line not in seen:
            seen.add(line)
            yield line


def _lines(blocks: list[Block]) -> list[str]:
    """A line for each block, ``- `` before the first of a list's item."""
    lines, item = [], None
    for block in blocks:
        first_of_item = block.item is not None and block.item is not item
        item = block.item
        lines += [f"- {line}" if first_of_item else line for line in plain_lines(block.text)]
    return lines


def _extracted_lines(text: str) -> list[str]:
    return [_without_bars(line) for line in plain_lines(text) if not _is_rule(line)]


def _is_rule(line: str) -> bool:
    """``|---|---|``: the line under a table's head. (A regex takes quadratic time on a line of dashes.)"""
    return "---" in line and set(line) <= set("|-: ")


def _without_bars(line: str) -> str:
    """``| a | b |`` → ``a | b``: the row of a table."""
    row = _TABLE_ROW.fullmatch(line)
    return row[1].strip() if row else line
