"""Where sentences end: after a full stop that is none of an abbreviation, an initial or a German ordinal."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A mark, what closes after it, then white space and what a sentence can begin with; CJK marks need no space.
_END = re.compile(r"[.!?…؟۔।]+(?:[\"”’»“)\]]|\s»)*(?=\s+[\"“„«»‚‘'(\[¿¡–—-]*[^\W_])|[。！？]+[」』”）]*")
_LAST_WORD = re.compile(r"([^\W\d_][\w.’'-]*|\d+)\.$")
_FOLLOWING = re.compile(r"[ \t\"“„«»‚‘'(\[¿¡–—-]*([^ \t\"“„«»‚‘'(\[¿¡–—-])")
_ABBREVIATED = """
mr mrs ms dr prof st sr jr gen col lt sgt capt maj gov sen rep rev hon pres vs no nos inc ltd corp co
    bros     jan feb mar apr jun jul aug sep sept oct nov dec approx est dept fig al
u.s u.k u.n e.u u.s.a d.c a.m p.m e.g i.e
bzw z.b u.a d.h ca ggf usw evtl inkl exkl nr str mio mrd vgl hr fr dipl ing mag art abs
mm mme mlle me av bd env etc cf
sra srta dra ee.uu ud uds av avda núm núms pág gral lic
sig sig.ra dott avv on ing s.p.a pag
exmo exma sra art
"""
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
MAX_CHARS = 1_200
"""A longer “sentence” is a list or table that lost its marks."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence."""

    text: str
    start: int
    """Where it begins in the text, in characters."""
    paragraph: int
    """The paragraph's number, from 0."""


def sentences(text: str, language: str | None) -> tuple[Sentence, ...]:
    """The sentences of a text, in order; each line is a paragraph of its own, as far as they go."""
    found: list[Sentence] = []
    at = paragraph = 0
    for line in text.split("\n"):
        if line.strip():
            found += _of_line(line, at, paragraph, language)
            paragraph += 1
        at += len(line) + 1
    return tuple(found)


def _of_line(line: str, at: int, paragraph: int, language: str | None) -> list[Sentence]:
    found, start = [], 0
    for match in _END.finditer(line):
        if not _goes_on(line, match.end(), start, language):
            found.append(_sentence(line, start, match.end(), at, paragraph))
            start = match.end()
    if line[start:].strip():
        found.append(_sentence(line, start, len(line), at, paragraph))
    return found


def _sentence(line: str, start: int, end: int, at: int, paragraph: int) -> Sentence:
    raw = line[start:end]
    begin = start + len(raw) - len(raw.lstrip())
    return Sentence(raw.strip(), at + begin, paragraph)


def _goes_on(line: str, end: int, start: int, language: str | None) -> bool:
    """Is the full stop before `end` none that ends the sentence from `start`?"""
    following = _FOLLOWING.match(line, end)
    if following and following[1].islower():
        return True
    word = _LAST_WORD.search(line[max(start, end - 24) : end]) if line[end - 1] == "." else None
    if not word:
        return False
    last = word[1]
    if last.isdigit():  # “am 3. Mai”, “der 2. Weltkrieg”
        return language in ("de", "da", "no", "nb", "fi", "cs", "sk", "hu") and len(last) <= 2
    initial = len(last) == 1 and last.isupper()
    return initial or last.casefold() in _ABBREVIATIONS
