"""What readers see at the headline: the short pieces of text after it, up to the text, and before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml.etree import iterwalk

MAX_LINE_WORDS = 14
"""A line with a date or a name is short; what is longer is text."""
MAX_LINE_CHARS = 120
MAX_PIECES = 60
LONG_PIECES = 2
"""So many pieces of running text in paragraphs after the headline: the article has begun."""
LONG_ELSEWHERE = 0.5
"""What such a piece in another element counts: it may be a standfirst."""
MAX_BEFORE = 4
"""Pieces of text before the headline that are looked at."""
MAX_LEVELS = 3
"""How far above the headline its block may begin."""

_SILENT = frozenset({"script", "style", "noscript", "template", "option", "textarea"})
_ASIDE = frozenset({"nav", "aside", "footer", "form", "figcaption"})


@dataclass(frozen=True, slots=True)
class Piece:
    """One run of text without an element in it."""

    text: str
    """White space collapsed; never empty."""
    element: Any
    """The element (lxml) that it stands in."""


def is_line(text: str) -> bool:
    """Short enough for a line of its own: a date, a byline, a label."""
    return len(text) <= MAX_LINE_CHARS and len(text.split()) <= MAX_LINE_WORDS


def after(heading: Any) -> Iterator[Piece]:
    """The pieces of text after an element, in order, as far as the article's text has not begun."""
    long_ones = 0.0
    for number, piece in enumerate(_after(heading)):
        if number >= MAX_PIECES or long_ones >= LONG_PIECES:
            return
        if not is_line(piece.text):
            long_ones += 1 if _in_paragraph(piece.element) else LONG_ELSEWHERE
        yield piece


def _in_paragraph(element: Any) -> bool:
    return element is not None and "p" in (element.tag, getattr(element.getparent(), "tag", None))


def before(heading: Any) -> list[Piece]:
    """The last pieces of text before an element, the nearest first, in the block that it heads."""
    block = heading
    for _ in range(MAX_LEVELS):
        above = block.getparent()
        if above is None or above.tag in ("body", "html"):
            break
        block = above
    found: deque[Piece] = deque(maxlen=MAX_BEFORE)
    for piece in _within(block, until=heading):
        found.append(piece)
    return list(found)[::-1]


def _after(element: Any) -> Iterator[Piece]:
    node = element
    while node is not None and node.tag not in ("body", "html"):
        parent = node.getparent()
        yield from _piece(node.tail, parent)
        for sibling in node.itersiblings():
            yield from _within(sibling)
            yield from _piece(sibling.tail, parent)
        node = parent


def _within(element: Any, until: Any = None) -> Iterator[Piece]:
    # Not by recursion: a page may be nested deeper than Python goes.
    walk = iterwalk(element, events=("start", "end"))
    for event, node in walk:
        if node is until:
            return
        if event == "end":
            yield from _piece(node.tail if node is not element else None, node.getparent())
        elif node.tag in _SILENT or node.tag in _ASIDE:
            walk.skip_subtree()
        else:
            yield from _piece(node.text, node)


def _piece(text: str | None, element: Any) -> Iterator[Piece]:
    if text and (words := " ".join(text.split())):
        yield Piece(words, element)
