"""An article's text without what is its site's (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jobs.extract.clean import MAX_TEASER_CHARS, paragraphs
from jobs.extract.plain import letters
from jobs.recurring.memory import Evidence, Memory
from jobs.recurring.signs import (
    Lines,
    ending,
    ending_sign,
    glued,
    label_sign,
    labelled,
    place,
    title_sign,
)
from jobs.recurring.verdict import (
    AT_ITS_PLACE,
    FEW_WORDS,
    LEAST,
    Line,
    is_boilerplate,
    is_common,
    is_sentence,
    is_sure,
    named,
    same_subject,
)
from jobs.words import count_words

MAX_SHARE = 0.3
"""Of a text's words that may go …"""
MAX_SURE_SHARE = 0.6
"""… and of what half the site's articles have: a brief may be shorter than what stands under each."""
MIN_LETTERS = 40
"""What is left of a text has more letters than this, or nothing goes."""
MAX_TITLE_WORDS = 25
REPEATED = 0.7
"""A text of which this share of words was read before is an article that was published before."""
CREDIT_SHARE = 0.2
"""Of the site's articles that have a credit run into a paragraph, before it counts as one."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was left out of a text, and why."""

    index: int
    """Of the line."""
    text: str
    """All of the line, or what was glued to it."""
    evidence: Evidence
    sure: bool = False

    @property
    def words(self) -> int:
        """How many it has."""
        return count_words(self.text)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text without its site's boilerplate."""

    text: str
    removed: tuple[Removed, ...] = ()
    too_much: bool = False
    """More would have gone than may: the text is as it was."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of an article besides its text; nothing that it says of itself is boilerplate."""

    headline: str = ""
    summary: str = ""
    site: str = ""
    """The site's name and host."""


def cleaned(lines: Lines, memory: Memory, about: About) -> Cleaned:
    """The text without what recurs on its site, as far as that is certain and not too much."""
    found = _found(lines, memory, about)
    text = paragraphs(list(lines.all))
    if not found:
        return Cleaned(text)
    total = count_words(text)
    if _words(found) > MAX_SHARE * total:
        found = [one for one in found if one.sure]
    left = _without(lines.all, found)
    if not found or _words(found) > MAX_SURE_SHARE * total or len(letters(left)) < MIN_LETTERS:
        return Cleaned(text, too_much=True)
    return Cleaned(left, tuple(found))


def repeats(lines: Lines, memory: Memory) -> bool:
    """Was most of this read before? Then it is an article that counts already, under another address."""
    read = {i for i, sign in lines.signs.items() if memory.knows(sign)}
    site = {i for i in read if is_common(memory.evidence(lines.signs[i]))}
    known = sum(count_words(lines.all[i]) for i in read - site)
    return known > 0 and known >= REPEATED * sum(
        count_words(lines.all[i]) for i in lines.signs if i not in site
    )


def _found(lines: Lines, memory: Memory, about: About) -> list[Removed]:
    judged = _judged(lines, memory, about)
    found = {i: Removed(i, line.text, line.evidence, is_sure(line.evidence)) for i, line in _whole(judged)}
    found |= {one.index: one for one in _links(lines, memory) if one.index not in found}
    found |= {one.index: one for one in _related(lines.all, judged, memory)}
    found |= dict(_at_edges(len(lines.all), judged, found))
    others = (i for i in lines.signs if i not in found)
    glued_on = (one for i in others for one in _glued_on(i, lines.all[i], memory))
    return sorted([*found.values(), *glued_on], key=lambda one: one.index)


def _judged(lines: Lines, memory: Memory, about: About) -> dict[int, Line]:
    """The lines that recur, by their place, with what there is to judge them by."""
    seen = {i: memory.evidence(sign) for i, sign in lines.signs.items() if memory.knows(sign)}
    recurring = {i: evidence for i, evidence in seen.items() if evidence.articles >= LEAST}
    if not recurring:
        return {}
    own = [line for i, line in enumerate(lines.all) if i not in recurring]
    rest = named("\n".join((about.headline, about.summary, *own)))
    site = frozenset(about.site.casefold().replace(".", " ").split())
    said = letters(f"{about.headline} {about.summary}")
    return {
        i: Line(
            text := lines.all[i],
            evidence,
            place(i, len(lines.all)),
            count_words(text),
            same_subject(text, rest, site),
        )
        for i, evidence in recurring.items()
        if letters(lines.all[i]) not in said
    }


def _whole(judged: dict[int, Line]) -> Iterator[tuple[int, Line]]:
    return ((i, line) for i, line in judged.items() if is_boilerplate(line))


def _links(lines: Lines, memory: Memory) -> Iterator[Removed]:
    """“Read more: …” with the title of another article, after a label that is known to stand before such."""
    for i in lines.signs:
        if parts := labelled(lines.all[i]):
            label, rest = parts
            evidence = memory.evidence(label_sign(label))
            if evidence.articles >= LEAST and (memory.knows(title_sign(rest)) or _like_title(rest)):
                yield Removed(i, lines.all[i], evidence)


def _related(lines: tuple[str, ...], judged: dict[int, Line], memory: Memory) -> Iterator[Removed]:
    """A title that recurs with a list of the site's other articles after it, up to the end of the text."""
    for i, line in judged.items():
        rest = lines[i + 1 :]
        if line.same_subject or not rest or is_sentence(line.text):
            continue
        if all(_like_title(one) and len(one) <= MAX_TEASER_CHARS for one in rest):
            known = sum(memory.knows(title_sign(one.removeprefix("- "))) for one in rest)
            if 3 * known >= len(rest):
                yield from (Removed(i + n, one, line.evidence) for n, one in enumerate(lines[i:]))
                return


def _like_title(text: str) -> bool:
    return not is_sentence(text) and count_words(text) <= MAX_TITLE_WORDS


def _at_edges(
    count: int, judged: dict[int, Line], found: dict[int, Removed]
) -> Iterator[tuple[int, Removed]]:
    """Very short lines that recur (they may be headings) go only where all beyond them goes, too."""
    for order in (range(count), range(count - 1, -1, -1)):
        for i in order:
            if i in found:
                continue
            line = judged.get(i)
            if line is None or line.words >= FEW_WORDS or line.same_subject or not is_common(line.evidence):
                break
            placed = line.evidence.head if order.step > 0 else line.evidence.tail
            if placed < AT_ITS_PLACE:
                break
            yield i, Removed(i, line.text, line.evidence, is_sure(line.evidence))


def _glued_on(index: int, line: str, memory: Memory) -> Iterator[Removed]:
    """Credits run into the line's beginning or onto its end."""
    if start := glued(line):
        evidence = memory.evidence(start.sign())
        same_word = memory.evidence(start.sign_with_next()).articles
        if _is_credit(evidence) and 2 * same_word <= evidence.articles:
            yield Removed(index, start.text, evidence)
    if end := ending(line):
        evidence = memory.evidence(ending_sign(end))
        if _is_credit(evidence):
            yield Removed(index, end, evidence)


def _is_credit(evidence: Evidence) -> bool:
    return evidence.articles >= LEAST and evidence.share >= CREDIT_SHARE


def _without(lines: tuple[str, ...], removed: list[Removed]) -> str:
    left = dict(enumerate(lines))
    for one in removed:
        line = left[one.index]
        line = line.removeprefix(one.text) if line.startswith(one.text) else line.removesuffix(one.text)
        left[one.index] = line.strip()
    return paragraphs([line for line in left.values() if line])


def _words(removed: list[Removed]) -> int:
    return sum(one.words for one in removed)
