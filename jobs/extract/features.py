"""What can be told of a text block: its form, its place on the page, and who takes it for the article's."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log1p
from typing import Any

from jobs.extract.agreement import AGREED, Opinion
from jobs.extract.blocks import Block
from jobs.extract.hints import HINTS, hints

TAGS = ("p", "h1", "h2", "h3", "h4", "li", "tr", "td", "figcaption", "blockquote", "div", "dd", "section")
AROUND = (
    "article",
    "main",
    "aside",
    "nav",
    "footer",
    "header",
    "form",
    "figure",
    "ul",
    "ol",
    "table",
    "blockquote",
)
VOTES = ("extractor", "second", "third")
LD, SUMMARY = "json-ld", "summary"
MIN_WORDS = 8
"""Blocks that an extractor takes and that have fewer words do not mark where the article begins or ends."""
REACH = 20
"""Distances in blocks are cut at this."""
MAX_BLOCKS = 6_000
"""Of some 750 real pages the longest has 1,418; each takes 0.1 ms."""
PLAUSIBLE = 8
"""So many blocks before and after what extractors take may still be the article's."""
_SENTENCE_END = re.compile(r"[.!?。！？…][\"”»’')\]]*$")
_AT_START = re.compile(
    r"\W*(?:photo|image|picture|video|credit|source|copyright|©|\(c\)|read|also read|related|see also|more:"
    r"|watch|listen|follow|share|subscribe|sign up|click here|by |von |par |por |published|updated|posted"
    r"|advertisement|lire|mehr|foto|bild|quelle|lesen)",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"[0-9]")
NEAR = (-2, -1, 1, 2)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a page beside its blocks."""

    votes: Mapping[str, Opinion]
    """`VOTES` → text of that extractor; and under `LD` and `SUMMARY` what the publisher gives, if any."""
    title_words: frozenset[str]
    """Of the headline, case folded."""


def features(blocks: Sequence[Block], evidence: Evidence) -> list[list[float] | None]:
    """A row of `NAMES` for each block, where -1 stands for “not known”; None where nothing speaks for it.

    That is a block that no extractor takes, far from all that one does: most of a page. All are None where
    there are more than `MAX_BLOCKS`.
    """
    if not 0 < len(blocks) <= MAX_BLOCKS:
        return [None] * len(blocks)
    page = _Page(blocks, evidence)
    return [
        _form(block) + page.place(i) + page.neighbours(i) if page.is_plausible(i) else None
        for i, block in enumerate(blocks)
    ]


def _form(block: Block) -> list[float]:
    text, words = block.text, block.words
    chars, count = len(text), len(words)
    tag = block.element.tag
    return [
        log1p(count),
        chars / count,
        block.link_chars / chars,
        block.bold_chars / chars,
        bool(_SENTENCE_END.search(text[-8:])),
        text.count(",") / count,
        _digits(text[:200]) / min(200, chars),
        text.isupper(),
        text[0].islower(),
        sum(map(str.isupper, [word[0] for word in words])) / count,
        text.count(". ") + text.count("。"),
        "@" in text,
        "|" in text,
        "http" in text or "www." in text,
        bool(_AT_START.match(text)),
        text.endswith(":"),
        "©" in text,
        text.endswith("?"),
        any(quote in text for quote in '"“„«'),
        *_IS_TAG.get(tag, _NO_TAG),
    ]


def _digits(text: str) -> int:
    return len(_DIGIT.findall(text)) if text.isascii() else sum(map(str.isdigit, text))


_NO_TAG = (0,) * len(TAGS)
_IS_TAG = {tag: tuple(int(tag == one) for one in TAGS) for tag in TAGS}
FORM = (
    *("words", "word_chars", "linked", "bold", "sentence_end", "commas", "digits", "upper", "starts_lower"),
    *(
        "capitals",
        "sentences",
        "at",
        "bar",
        "address",
        "starts_odd",
        "colon",
        "copyright",
        "question",
        "quoted",
    ),
    *(f"is_{tag}" for tag in TAGS),
)


@dataclass(frozen=True, slots=True)
class Line:
    """The way from the root down to an element."""

    around: int
    """Bits, one for each of `AROUND` that is on it."""
    depth: int
    named: tuple[int, ...]
    """Hints of the element and of the five above it."""


_TOP = Line(0, 0, ())
_AROUND_BITS = {tag: 1 << bit for bit, tag in enumerate(AROUND)}


@lru_cache(maxsize=4096)
def _spread(bits: int, count: int) -> tuple[int, ...]:
    return tuple(bits >> bit & 1 for bit in range(count))


class _Page:
    """What blocks say of one another."""

    def __init__(self, blocks: Sequence[Block], evidence: Evidence) -> None:
        self.blocks, self.evidence = blocks, evidence
        self.votes = self._votes()
        self.support = [sum(votes) / len(votes) for votes in self.votes]
        self.count = [len(block.words) for block in blocks]
        self.total = sum(self.count)
        taken = [i for i, s in enumerate(self.support) if s >= AGREED and self.count[i] >= MIN_WORDS] or [0]
        self.first, self.last, self.taken = taken[0], taken[-1], taken
        self.taken_words = sum(self.count[i] for i in taken)
        self.h1 = next((i for i, b in enumerate(blocks) if _in_h1(b.element)), None)
        self.repeated = Counter(block.text for block in blocks)
        self.before = self._words_before()
        self._inside: dict[Any, int] = {}
        self._lines: dict[Any, Line] = {}
        self._shares()
        self._cores()

    def _votes(self) -> list[list[float]]:
        by_opinion = {o: [o.share(b) for b in self.blocks] for o in map(self.evidence.votes.get, VOTES) if o}
        columns = [by_opinion[self.evidence.votes[name]] for name in VOTES]  # the third is often the first
        return [list(votes) for votes in zip(*columns, strict=True)]

    def _words_before(self) -> list[int]:
        before, total = [], 0
        for count in self.count:
            before.append(total)
            total += count
        return before

    def _shares(self) -> None:
        """Of each element that holds blocks, and of each kind of element, the supported and all words."""
        self.kinds: list[tuple[Any, Any, Any]] = []
        self.sums: dict[Any, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for block, support, count in zip(self.blocks, self.support, self.count, strict=True):
            element = block.element
            parent = _parent(element)
            kind = (element.tag, element.get("class"), parent.tag, parent.get("class"))
            keys = (("in", parent), ("in2", _parent(parent)), kind)
            self.kinds.append(keys)
            for key in keys:
                self.sums[key][0] += support * count
                self.sums[key][1] += count

    def _cores(self) -> None:
        """The innermost elements that hold half, and nearly all, of the taken words."""
        held: dict[Any, int] = defaultdict(int)
        for i in self.taken:
            held[self.blocks[i].element] += self.count[i]
            self.line(self.blocks[i].element)
        for element in sorted(self._lines, key=lambda e: -self._lines[e].depth):
            if (parent := element.getparent()) is not None:
                held[parent] += held[element]
        self.cores = []
        for share in (0.5, 0.8, 0.95):
            holding = (e for e, words in held.items() if words >= share * self.taken_words)
            self.cores.append(max(holding, key=lambda e: self.line(e).depth))

    def inside(self, element: Any) -> int:
        """Bits, one for each of the cores that the element is, or is in."""
        if element not in self._inside:
            parent = element.getparent()
            around = 0 if parent is None else self.inside(parent)
            own = (1 << n for n, core in enumerate(self.cores) if core is element)
            self._inside[element] = around | (sum(own) if element in self.cores else 0)
        return self._inside[element]

    def line(self, element: Any) -> Line:
        """What is above an element."""
        if element not in self._lines:
            parent = element.getparent()
            above = self.line(parent) if parent is not None else _TOP
            named = 0 if element.tag in ("body", "html") else hints(element)
            bit = _AROUND_BITS.get(element.tag, 0)
            self._lines[element] = Line(above.around | bit, above.depth + 1, (named, *above.named[:5]))
        return self._lines[element]

    def is_plausible(self, i: int) -> bool:
        """Does any text have a part of it, or is it near the article?"""
        if self.support[i] or (i >= self.first - PLAUSIBLE and i <= self.last + PLAUSIBLE):
            return True
        votes, block = self.evidence.votes, self.blocks[i]
        return LD in votes and votes[LD].share(block) > 0

    def place(self, i: int) -> list[float]:
        block, evidence = self.blocks[i], self.evidence
        line = self.line(block.element)
        depth, named = line.depth, line.named
        row: list[float] = [*_spread(line.around, len(AROUND)), *_spread(named[0], len(HINTS))]
        row += _spread(_union(named[1:3]), len(HINTS))
        row += _spread(_union(named[3:]), len(HINTS))
        row += self.votes[i]
        row += [
            evidence.votes[name].share(block) if name in evidence.votes else -1.0 for name in (LD, SUMMARY)
        ]
        row.append(self._like_title(block))
        row += (self.repeated[block.text] > 1, i / len(self.blocks), self.before[i] / self.total)
        row += (-1.0, -REACH - 10) if self.h1 is None else (i > self.h1, _cut(i - self.h1))
        row += (_cut(i - self.first), _cut(i - self.last), self.first <= i <= self.last, depth)
        for key in self.kinds[i]:
            row += self._share_without(key, i)
        inside = self.inside(block.element)
        row += (inside & 1, inside >> 1 & 1, inside >> 2 & 1)
        row.append(depth - self.line(self.cores[1]).depth)
        row += (len(self.taken), log1p(self.taken_words), self.taken_words / self.total)
        return row

    def neighbours(self, i: int) -> list[float]:
        row: list[float] = []
        for j in (i + step for step in NEAR):
            if 0 <= j < len(self.blocks):
                block = self.blocks[j]
                alike = block.element.tag == self.blocks[i].element.tag
                row += (self.support[j], log1p(self.count[j]), block.link_chars / len(block.text), alike)
            else:
                row += (-1.0, -1.0, -1.0, -1.0)
        return row

    def _like_title(self, block: Block) -> float:
        words = set(" ".join(block.words[:40]).casefold().split())
        title = self.evidence.title_words
        both = len(words & title)
        return both / (len(words) + len(title) - both)

    def _share_without(self, key: Any, i: int) -> tuple[float, float]:
        """Of the other blocks there: supported among their words, and among the page's supported words."""
        supported, words = self.sums[key]
        supported -= self.support[i] * self.count[i]
        words -= self.count[i]
        return supported / words if words else -1.0, supported / self.taken_words


PLACE = (
    *(f"in_{tag}" for tag in AROUND),
    *(f"{where}_{hint}" for where in ("own", "upper", "far") for hint in HINTS),
    *(f"vote_{name}" for name in (*VOTES, LD, SUMMARY)),
    *(
        "like_title",
        "repeated",
        "position",
        "words_before",
        "after_h1",
        "from_h1",
        "from_first",
        "from_last",
        "between",
    ),
    *("depth", "share_in", "weight_in", "share_in2", "weight_in2", "share_kind", "weight_kind"),
    *("in_half", "in_most", "in_nearly_all", "below_core", "taken", "taken_words", "taken_share"),
)
NEIGHBOURS = tuple(f"{name}{step:+d}" for step in NEAR for name in ("support", "words", "linked", "alike"))
NAMES = (*FORM, *PLACE, *NEIGHBOURS)
"""Of the columns."""


def _in_h1(element: Any) -> bool:
    return "h1" in (element.tag, _parent(element).tag)


def _parent(element: Any) -> Any:
    parent = element.getparent()
    return element if parent is None else parent


def _union(bits: Sequence[int]) -> int:
    found = 0
    for one in bits:
        found |= one
    return found


def _cut(distance: int) -> int:
    return max(-REACH, min(REACH, distance))
