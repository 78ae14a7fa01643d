"""The summary: the publisher's own where there is one, else the best sentences of the text.

Which sentences: those that share most words with the others (a step of TextRank: Mihalcea, Tarau, “TextRank:
Bringing Order into Texts”, 2004) and with the headline, with a bias to the beginning, since news is written
with the news first.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from math import log

from jobs.enrich.enricher import Enricher, Findings, Subject
from jobs.enrich.sentences import Sentence
from jobs.enrich.words import stopwords

MAX_CHARS = 300
MIN_CHARS, MAX_SENTENCE_CHARS = 40, 300
LOOKED_AT = 40
"""Sentences; what comes later is background."""
LEAD = 0.25
"""What a sentence's score falls by for each one before it, at the beginning."""
HEADLINE_WEIGHT = 0.6
QUOTED = 0.5
"""What is left of the score of a sentence that is mostly speech: out of its place it says little."""

_WORD = re.compile(r"[^\W_]{2,}")
_DATELINE = re.compile(
    r"^(?:[^.!?()\n]{2,60}?\s\([^()]{2,40}\)\s*[-–—:]?\s+|[A-ZÀ-Þ][A-ZÀ-Þ .,'’/-]{2,40}\s[-–—]\s+)"
)
_QUOTES = '"“”„«»‟'
# A sentence that leans on the one before says nothing alone.
_LEANING = """
he she it they this these that those but and however his her their meanwhile
er sie es dies diese dieser aber und doch sein ihre dabei zudem
il elle ils elles ce cet cette ces mais et son sa leur cela
él ella ellos ellas este esta esto ese esa eso pero y su sus además
lui lei essi questo questa ma e inoltre ele ela eles elas isso isto mas
"""
_LEANS = frozenset(_LEANING.split())


def summary(subject: Subject) -> Findings:
    """The best sentences, up to 300 characters, in their order; nothing if the publisher has a summary."""
    if subject.draft.summary or not subject.text:
        return {}
    chosen = best(subject.sentences[:LOOKED_AT], subject.draft.headline, subject.language)
    text = " ".join(_bare(sentence) for sentence in chosen)
    return {"summary": ("text", text)} if text else {}


def best(sentences: tuple[Sentence, ...], headline: str | None, language: str | None) -> list[Sentence]:
    """The sentences to show, by score as long as they fit, in the order of the text."""
    usable = [
        s for s in sentences if MIN_CHARS <= len(s.text) <= MAX_SENTENCE_CHARS and s.text[-1] not in ":;,"
    ]
    scores = _scores(usable, headline, language)
    chosen: list[Sentence] = []
    room = MAX_CHARS
    for sentence in sorted(usable, key=lambda s: -scores[s]):
        alone = not chosen or sentence.start > min(s.start for s in chosen)
        if alone and len(_bare(sentence)) <= room:
            chosen.append(sentence)
            room -= len(_bare(sentence)) + 1
    return sorted(chosen[:3], key=lambda s: s.start)


def _scores(usable: list[Sentence], headline: str | None, language: str | None) -> dict[Sentence, float]:
    stop = stopwords(language)
    words = [_words(s.text) - stop for s in usable]
    often = Counter(chain.from_iterable(words))
    title = _words(headline or "") - stop
    scores = {}
    for place, (sentence, own) in enumerate(zip(usable, words, strict=True)):
        central = (sum(map(often.__getitem__, own)) - len(own)) / (log(len(own) + 2) * 4)
        score = central / (len(usable) or 1) + HEADLINE_WEIGHT * len(own & title) / (len(title) or 1)
        score += 1 / (1 + LEAD * place)
        scores[sentence] = score * _weight(sentence, place)
    return scores


def _words(text: str) -> set[str]:
    return set(map(str.casefold, _WORD.findall(text)))


def _weight(sentence: Sentence, place: int) -> float:
    first = _WORD.search(sentence.text)
    leans = place > 0 and first is not None and first[0].casefold() in _LEANS
    spoken = sentence.text[0] in _QUOTES and sum(map(sentence.text.count, _QUOTES)) >= 2
    return (0.5 if leans else 1.0) * (QUOTED if spoken else 1.0)


def _bare(sentence: Sentence) -> str:
    """The sentence without the dateline before it or the dash of a list."""
    return _DATELINE.sub("", sentence.text.removeprefix("- ")) if sentence.paragraph == 0 else sentence.text


ENRICHER = Enricher("summary", ("summary",), 0.6, summary, summary="the best sentences, where none is given")
