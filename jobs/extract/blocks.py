"""The text blocks of a page, in its order: paragraphs, headings, items of lists, rows of tables, captions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

RUN_WORDS = 4
_WORDS = re.compile(r"\w+")
# What is inside these is never shown as text.
# fmt: off
_UNSEEN = frozenset((
    "script", "style", "noscript", "template", "svg", "iframe", "select", "option", "textarea",
    "input", "head", "object", "canvas", "audio", "video", "math", "datalist",
))
_INLINE = frozenset((
    "a", "abbr", "acronym", "amp-img", "b", "bdi", "bdo", "big", "br", "cite", "code", "data",
    "del", "dfn", "em", "font", "i", "img", "ins", "kbd", "label", "mark", "picture", "q", "rb", "rp",
    "rt", "rtc", "ruby", "s", "samp", "small", "source", "span", "strike", "strong", "sub", "sup", "time",
    "tt", "u", "var", "wbr",
))
# fmt: on
_BOLD = ("b", "strong")
_CHANGING = frozenset(("a", "li", "tr", *_BOLD))
"""What else than a block changes what a text stands in."""
_CELLS = ("td", "th")
MAX_COMPARED_CHARS = 50_000
"""Of one block, whose words are compared."""
MAX_ROW_CHARS = 1_000
"""A longer row is layout: its cells are not cells but columns of text."""


@dataclass(frozen=True, slots=True)
class Block:
    """A run of text between two borders of blocks; a line break is such a border."""

    text: str
    """White space collapsed."""
    words: tuple[str, ...]
    """Of its beginning, where it is very long."""
    runs: tuple[int, ...]
    """See `runs_of`."""
    element: Any
    """The innermost block element around it."""
    item: Any
    """The ``li`` around it, if any."""
    row: Any
    """The ``tr`` that it is, if it is one: a row of a table of data is one block, ``|`` between its cells."""
    link_chars: int
    """How many of the characters are in links."""
    bold_chars: int


def words_of(text: str) -> list[str]:
    """The words of a text, as blocks are compared by."""
    return _WORDS.findall(text)


def runs_of(words: tuple[str, ...] | list[str]) -> Iterator[int]:
    """Each four words in a row, as a number: each is looked for in several texts."""
    return map(hash, zip(words, words[1:], words[2:], words[3:], strict=False))


def blocks(tree: Any) -> list[Block]:
    """All text blocks of a page's body."""
    body = tree.find("body")
    reader = _Reader()
    reader.read(tree if body is None else body)
    return reader.found


@dataclass(frozen=True, slots=True)
class _Around:
    """What a piece of text stands in."""

    block: Any
    item: Any
    row: Any
    linked: bool
    bold: bool


class _Reader:
    """Walks a tree without recursion: pages may be nested as deep as the parser goes."""

    def __init__(self) -> None:
        self.found: list[Block] = []
        self._texts: list[str] = []
        self._at: _Around | None = None
        self._link_chars = self._bold_chars = 0

    def read(self, root: Any) -> None:
        inside = self._entered(root, root.tag, _Around(root, None, None, False, False))
        stack = [(root, root.tag, inside, iter(root))]
        while stack:
            element, tag, inside, children = stack[-1]
            for child in children:
                name = child.tag
                if name in _UNSEEN or not isinstance(name, str) or _is_control(name, child):
                    self._add(child.tail, inside)
                    continue
                within = self._entered(child, name, inside)
                if len(child):
                    stack.append((child, name, within, iter(child)))
                    break
                self._left(child, name, inside)
            else:
                stack.pop()
                if stack:
                    self._left(element, tag, stack[-1][2])
        self._end()

    def _entered(self, element: Any, tag: str, outer: _Around) -> _Around:
        is_inline = tag in _INLINE
        if outer.row is not None:
            self._border_in_row(tag)
        elif not is_inline or tag == "br":
            self._end()
        if tag in _CHANGING or not (is_inline or outer.row is not None):
            outer = _Around(
                outer.block if is_inline or outer.row is not None else element,
                element if tag == "li" else outer.item,
                element if tag == "tr" and _is_row(element) else outer.row,
                outer.linked or tag == "a",
                outer.bold or tag in _BOLD,
            )
        self._add(element.text, outer)
        return outer

    def _left(self, element: Any, tag: str, outer: _Around) -> None:
        if outer.row is None and tag not in _INLINE:
            self._end()
        self._add(element.tail, outer)

    def _border_in_row(self, tag: str) -> None:
        if self._at is not None:
            if tag in _CELLS:
                self._texts.append(" | ")
            elif tag not in _INLINE or tag == "br":
                self._texts.append(" ")

    def _add(self, text: str | None, at: _Around) -> None:
        if not text:
            return
        if self._at is None:
            if text.isspace():
                return
            self._at = at
        self._texts.append(text)
        if at.linked or at.bold:
            chars = len(text.strip())
            self._link_chars += chars if at.linked else 0
            self._bold_chars += chars if at.bold else 0

    def _end(self) -> None:
        at = self._at
        if at is not None:
            text = " ".join("".join(self._texts).split())
            if words := tuple(words_of(text[:MAX_COMPARED_CHARS])):
                runs = tuple(runs_of(words))
                chars = (self._link_chars, self._bold_chars)
                self.found.append(Block(text, words, runs, at.block, at.item, at.row, *chars))
            self._texts.clear()
            self._at = None
            self._link_chars = self._bold_chars = 0


def _is_control(tag: str, element: Any) -> bool:
    """A button; one that was never closed may hold the whole page, and is none."""
    return tag == "button" and element.find(".//p") is None


def _is_row(element: Any) -> bool:
    """Is a ``tr`` one of a table of data?"""
    cells = sum(1 for child in element if child.tag in _CELLS)
    return cells > 1 and element.find(".//table") is None and len(element.text_content()) <= MAX_ROW_CHARS
