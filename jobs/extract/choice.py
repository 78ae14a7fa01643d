"""Which of a page's blocks are the article: each has a probability, by its form, its place, and the votes."""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lxml.etree import strip_elements
from trafilatura import bare_extraction

from jobs.extract.agreement import Opinion, overlap
from jobs.extract.blocks import Block, blocks, words_of
from jobs.extract.features import LD, MAX_BLOCKS, NAMES, SUMMARY, Evidence, features
from jobs.extract.feed_text import SAYS_NOTHING, FeedText, supported
from jobs.extract.opinion import second_opinion
from jobs.extract.page import Parsed
from jobs.extract.plain import plain_lines
from jobs.extract.trees import Trees, load

AGREE = 0.75
"""Two extractors whose texts overlap less than this disagree: a third is asked."""
FEW_WORDS = 100
"""The same if the first found fewer."""
MIN_LD_WORDS = 100
"""A shorter `articleBody` is a summary."""
CHOSEN, CHOSEN_BETWEEN = 0.5, 0.3
_DROPPED = (
    *(
        "aside",
        "audio",
        "button",
        "canvas",
        "footer",
        "head",
        "iframe",
        "input",
        "label",
        "link",
        "meta",
        "nav",
    ),
    *("noscript", "object", "picture", "script", "select", "style", "svg", "template", "video"),
)
_MODEL = Path(__file__).with_name("blocks.json")


@dataclass(frozen=True, slots=True)
class Read:
    """A page as blocks, with what is known of each."""

    blocks: list[Block]
    rows: list[list[float] | None]
    """See `features`."""
    texts: tuple[str, ...]
    """Of the extractors asked, the first first."""
    agreement: float
    """Overlap of the first two, 0–1."""
    body: Opinion | None = None
    """The article's text as the page gives it to machines (JSON-LD), if it does."""
    feed: FeedText = SAYS_NOTHING


@dataclass(frozen=True, slots=True)
class Chosen:
    """The article's blocks."""

    blocks: list[Block]
    certainty: float
    """How far the blocks' probabilities are from even, by words, 0–1."""


def read(page: Parsed, url: str | None, headline: str | None, feed: FeedText = SAYS_NOTHING) -> Read:
    """Ask the extractors, and look at each block. `headline` may be None."""
    texts = [extracted(_slim(page.tree), url, precise=True, fast=True), second_opinion(page.source)]
    first, second = Opinion.of(texts[0]), Opinion.of(texts[1])
    agreement = overlap(first, second)
    few_words = first.words < FEW_WORDS
    if not texts[0]:
        first = second  # who found nothing has no opinion
    third = first
    found = blocks(page.tree)
    disagree = agreement < AGREE or few_words
    if disagree and len(found) <= MAX_BLOCKS:
        texts.append(extracted(page.tree, url, precise=False, fast=False))
        third = Opinion.of(texts[-1]) if texts[-1] else third
    votes = {"extractor": first, "second": second, "third": third} | _publisher(page, feed)
    title = frozenset(word.casefold() for word in words_of(headline or ""))
    return Read(found, features(found, Evidence(votes, title)), tuple(texts), agreement, votes.get(LD), feed)


def choose(page: Read) -> Chosen:
    """The blocks that are more likely the article's than not, in the page's order."""
    model = _model()
    alone = [model.probability(row) if row else 0.0 for row in page.rows]
    heard = supported(page.blocks, alone, page.body)
    heard = supported(page.blocks, heard, page.feed.content, is_whole=page.feed.is_whole)
    odds = _together(page.blocks, heard)
    chosen = [block for block, p in zip(page.blocks, odds, strict=True) if p >= CHOSEN]
    asked = [(len(b.words), p) for b, p, row in zip(page.blocks, odds, page.rows, strict=True) if row]
    sure = sum(words * abs(2 * p - 1) for words, p in asked)
    return Chosen(chosen, sure / (sum(words for words, _ in asked) or 1))


def extracted(tree: Any, url: str | None, *, precise: bool, fast: bool) -> str:
    """Trafilatura's text of a page; ``""`` if it finds none. The tree stays as it is."""
    found: Any = bare_extraction(
        tree, url=url, fast=fast, favor_precision=precise, include_comments=False, with_metadata=False
    )
    return (found.text or "") if found else ""


def _slim(tree: Any) -> Any:
    """A copy without what the extractor would drop in its first step: its many passes are then shorter."""
    slim = copy(tree)
    strip_elements(slim, *_DROPPED, with_tail=False)
    return slim


def _publisher(page: Parsed, feed: FeedText) -> dict[str, Opinion]:
    """What the publisher itself gives as the article's text and summary."""
    votes = {}
    body = page.ld.body
    if len(body.split()) >= MIN_LD_WORDS:
        votes[LD] = Opinion.of("\n".join(plain_lines(body)))
    if summary := page.first("og:description", "description") or feed.summary:
        votes[SUMMARY] = Opinion.of(summary)
    return votes


def _together(blocks: list[Block], odds: list[float]) -> list[float]:
    """Rows of one table, and items of one list, stay or go together: each gets the mean of them, by words.

    Between two chosen blocks less is enough: an article is seldom interrupted.
    """
    groups: dict[Any, list[int]] = defaultdict(list)
    for i, block in enumerate(blocks):
        if (whole := _whole(block)) is not None:
            groups[whole].append(i)
    joined = list(odds)
    for members in groups.values():
        words = sum(len(blocks[i].words) for i in members)
        mean = sum(odds[i] * len(blocks[i].words) for i in members) / words
        if mean >= CHOSEN_BETWEEN and _is_between(members, odds):
            mean = max(mean, CHOSEN)
        for i in members:
            joined[i] = mean
    return joined


def _is_between(members: list[int], odds: list[float]) -> bool:
    before, after = members[0] - 1, members[-1] + 1
    return before >= 0 and after < len(odds) and min(odds[before], odds[after]) >= CHOSEN


def _whole(block: Block) -> Any:
    """The table or list that a block is a part of, if any."""
    if block.row is not None:
        return next(block.row.iterancestors("table"), None)
    return block.item.getparent() if block.item is not None else None


@cache
def _model() -> Trees:
    model = load(_MODEL)
    if model.names != NAMES:
        raise AssertionError(f"{_MODEL.name} was trained on other features: run worker.bench.quality_train")
    return model
