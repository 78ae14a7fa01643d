"""What of an article may recur on its site: lines, credits glued to them, labels, parts of titles (pure).

All is compared by its letters and digits, case folded, so that a changed dash or space changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from jobs.extract.headline import segments
from jobs.extract.plain import letters
from jobs.recurring.memory import Place, digest
from jobs.words import count_words

MOST_LINES = 40
"""Looked at from the beginning of a text, and as many from its end."""
NEAR_HEAD, NEAR_TAIL = 3, 8
"""How many lines are the beginning and the end of a long text; of a short one it is a third."""
MAX_LABEL_WORDS = 4
MAX_AFFIX_WORDS = 6
MAX_TITLES = 12
MIN_GLUED_CHARS = 4

# A credit run into the paragraph that follows (“Getty ImagesThe ministers …”, “REUTERSThe …”): a capital
# without a space before it, in the first words. Words with a capital inside look the same, see `Glued`.
_BOUNDARY = re.compile(r"(?<=[a-z)\]])(?=[A-Z][a-z])|(?<=[A-Z][A-Z])(?=[A-Z][a-z])")
_NEXT_WORD = re.compile(r"\w+")
# A credit run onto the paragraph before it: “… on Monday.Getty Images”, or set off in brackets at its end.
_ENDING = re.compile(r"(?<=[.!?…”\"’])[A-Z][^.!?…]{2,40}$|(?<=\s)[(\[][^()\[\]]{2,40}[)\]]$")
_LABEL = re.compile(r"([^:|»]{3,40}?)\s?[:|»]\s+(\S.*)")


@dataclass(frozen=True, slots=True)
class Glued:
    """Words before a capital that follows without a space; a credit if other words follow it elsewhere."""

    text: str
    next_word: str

    def sign(self) -> bytes:
        """Its name in a memory."""
        return digest("glued", letters(self.text))

    def sign_with_next(self) -> bytes:
        """Its name together with the word that follows: a name such as “YouTube” always has the same one."""
        return digest("next", letters(self.text + self.next_word))


def line_sign(line: str) -> bytes | None:
    """The name of a line; None for one without letters."""
    spelled = letters(line)
    return digest("line", spelled) if spelled else None


def title_sign(title: str) -> bytes:
    """The name of an article's headline."""
    return digest("title", letters(title))


def heading_sign(title: str) -> bytes:
    """The name of a heading or title as a page has it."""
    return digest("heading", letters(title))


def affix_sign(segment: str) -> bytes:
    """The name of a title's first or last part."""
    return digest("affix", letters(segment))


def label_sign(label: str) -> bytes:
    """The name of what stands before a colon."""
    return digest("label", letters(label))


def ending_sign(ending: str) -> bytes:
    """The name of what was run onto a paragraph's end."""
    return digest("ending", letters(ending))


@dataclass(frozen=True, slots=True)
class Lines:
    """A text's lines, its paragraphs and each item of a list, with the names of those that are looked at."""

    all: tuple[str, ...]
    signs: dict[int, bytes]
    """By the line's place; lines without letters have none."""

    @classmethod
    def of(cls, text: str) -> Lines:
        """The lines of a text."""
        lines = tuple(line for line in text.split("\n") if line)
        signs = ((i, line_sign(lines[i])) for i in watched(len(lines)))
        return cls(lines, {i: sign for i, sign in signs if sign})


def labelled(line: str) -> tuple[str, str] | None:
    """(label, rest) of a line such as “Read more: …”."""
    match = _LABEL.match(line.removeprefix("- ")[:400])
    return (match[1], match[2]) if match and len(match[1].split()) <= MAX_LABEL_WORDS else None


def glued(line: str) -> Glued | None:
    """What may be a credit that was run into the beginning of a line."""
    for match in _BOUNDARY.finditer(line[:48]):
        before, following = line[: match.start()], _NEXT_WORD.match(line, match.start())
        if following and (len(before) >= MIN_GLUED_CHARS or before.isupper()):
            return Glued(before, following[0])
    return None


def ending(line: str) -> str | None:
    """What may be a credit that was run onto the end of a line."""
    match = _ENDING.search(line, max(0, len(line) - 60))
    return match[0] if match else None


def place(index: int, count: int) -> Place:
    """Where a line stands among `count`."""
    third = -(-count // 3)
    head = Place.HEAD if index < min(NEAR_HEAD, third) else Place.MIDDLE
    return head | (Place.TAIL if count - index <= min(NEAR_TAIL, third) else Place.MIDDLE)


def watched(count: int) -> Iterable[int]:
    """Which of a text's lines are looked at."""
    if count <= 2 * MOST_LINES:
        return range(count)
    return (*range(MOST_LINES), *range(count - MOST_LINES, count))


def text_signs(lines: Lines, is_title: Callable[[str], bool]) -> Iterator[tuple[bytes, Place]]:
    """All that may recur in a text, with where it stands.

    A label counts only before what `is_title` says is the title of another article of the site.
    """
    for index, sign in lines.signs.items():
        line, where = lines.all[index], place(index, len(lines.all))
        yield sign, where
        if credit := glued(line):
            yield credit.sign(), where
            yield credit.sign_with_next(), where
        if (end := ending(line)) and count_words(end) <= MAX_AFFIX_WORDS:
            yield ending_sign(end), where
        if (named := labelled(line)) and is_title(named[1]):
            yield label_sign(named[0]), where


def title_signs(headline: str | None, titles: Iterable[str]) -> Iterator[tuple[bytes, Place]]:
    """All that may recur in what a page calls itself."""
    if headline:
        yield title_sign(headline), Place.MIDDLE
    for title in list(titles)[:MAX_TITLES]:
        yield heading_sign(title), Place.MIDDLE
        for segment in segments(title):
            if count_words(segment) <= MAX_AFFIX_WORDS:
                yield affix_sign(segment), Place.MIDDLE
