"""Phrases that say what a text is about: what a person would underline.

Candidates are names, and what stands between stop words, up to three words. They count by how often they
come, how early, and whether the headline has them; names and words of a topic count more. Of two that say the
same, by their stems, one is shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator, Set
from dataclasses import dataclass, field
from functools import cache, lru_cache
from math import log
from typing import NamedTuple

from jobs.enrich.cues import calendar, cues, raw_word_list
from jobs.enrich.enricher import ELIDING, Enricher, Findings, Subject
from jobs.enrich.folding import fold
from jobs.enrich.gazetteer import gazetteer
from jobs.enrich.loading import Choice
from jobs.enrich.mentions import PERSON
from jobs.enrich.named import Named, named
from jobs.enrich.runs import Token, tokens
from jobs.enrich.sentences import sentences
from jobs.enrich.topics import is_topical
from jobs.enrich.words import stem, stopwords

MOST = 10
MAX_WORDS = 3
SENTENCES = 40
"""What comes later says no more about it."""
NAME, IN_HEADLINE, ONE_WORD, TOPICAL = 1.6, 2.2, 0.6, 1.5
ONCE_PERSON, ONCE_PLACE = 0.3, 0.4
"""What a name counts that comes once, and not in the headline: whoever is quoted, where somebody spoke."""
LENGTHS = {1: 1.0, 2: 1.5, 3: 1.35}
_HAS_LETTER = re.compile(r"[^\W\d_]{3,}")


@dataclass(slots=True)
class _Phrase:
    text: str
    words: int
    first: int
    """Number of its first sentence; the headline is -1."""
    count: int = 0
    name: bool = False
    headline: bool = False
    weight: float = 1.0
    forms: dict[str, int] = field(default_factory=dict)


def enricher(choice: Choice) -> Enricher:
    """The enricher; it knows the names that the entities' enricher finds."""

    def keyphrases(subject: Subject) -> Findings:
        found = best(subject, named(subject, gazetteer(choice.folders)))
        return {"keyphrases": ("text", found)} if found else {}

    return Enricher(
        "keyphrases", ("keyphrases",), 1.7, keyphrases, summary="phrases that say what it is about"
    )


def best(subject: Subject, names: Named) -> tuple[str, ...]:
    """The phrases, best first."""
    own = _name_phrases(names, subject)
    phrases = _phrases(subject, {word for key, _ in own for word in key.split()})
    for key, phrase in phrases.items():
        if _may_count(phrase) and any(is_topical(word, subject.language) for word in key.split()):
            phrase.weight = TOPICAL
    phrases.update(own)
    scored = [(_score(phrase), stems, phrase) for stems, phrase in phrases.items() if _may_count(phrase)]
    chosen: list[tuple[frozenset[str], str]] = []
    for _, stems, phrase in sorted(scored, key=lambda row: -row[0]):
        words = frozenset(stems.split())
        if any(words <= other or other <= words for other, _ in chosen):
            continue
        chosen.append(
            (words, max(phrase.forms, key=lambda f: (phrase.forms[f], f)) if phrase.forms else phrase.text)
        )
        if len(chosen) == MOST:
            break
    return tuple(text for _, text in chosen)


@cache
def _stops(language: str | None) -> frozenset[str]:
    """What ends a phrase, case folded."""
    said = cues(language).said | calendar(language)
    return stopwords(language) | said | raw_word_list("not_keyphrases.txt")


def _phrases(subject: Subject, in_names: Set[str]) -> dict[str, _Phrase]:
    """The phrases by their stems, in order; without most of those that come once, and so count nothing.

    `in_names`: stems of the words in names.
    """
    chunks = list(_all_chunks(subject))
    often = Counter(one for chunk in chunks for one in chunk.stems)
    pairs = (chunk.stems for chunk in chunks if chunk.whole)
    alive = {one for one, count in often.items() if count > 1}.union(in_names, *pairs)
    found: dict[str, _Phrase] = {}
    for chunk in chunks:
        windows = [(0, len(chunk.words))] if chunk.whole else _windows(chunk.stems, alive)
        for first, last in windows:
            words = chunk.words[first:last]
            if chunk.whole or _may_be_one(words, subject.language):
                _count(found, " ".join(chunk.stems[first:last]), words, chunk.number)
    return found


class _Chunk(NamedTuple):
    """Words that phrases are made of."""

    number: int
    """Of the sentence; the headline is -1."""
    words: list[Token]
    stems: list[str]
    whole: bool
    """Only all of it is a phrase."""


def _all_chunks(subject: Subject) -> Iterator[_Chunk]:
    """Those of the headline and of the first sentences."""
    language = subject.language
    stop = _stops(language)
    title = sentences(subject.draft.headline or "", language)
    own = [(-1, s, tokens(s, split_elisions=language in ELIDING)) for s in title]
    numbered = enumerate(zip(subject.sentences[:SENTENCES], subject.tokens, strict=False))
    own += [(number, sentence, words) for number, (sentence, words) in numbered]
    for number, sentence, words in own:
        for chunk in _chunks(sentence.text, sentence.start, words, stop):
            yield _Chunk(number, chunk, [stem(word.lower, language) for word in chunk], whole=False)
        for first, last in _of_pairs(words, stop, language):
            pair = words[first : last + 1]
            yield _Chunk(number, pair, [stem(word.lower, language) for word in pair], whole=True)


# Endings of verbs, in languages whose writing does not tell nouns.
_VERB = {
    "en": re.compile(r".{3,}(?:ed|[^aeiou]ly)"),
    "fr": re.compile(r".{2,}(?:é|ée|és|ées|ait|aient|eront|iront|era|ment)"),
    "es": re.compile(
        r".{2,}(?:ó|aron|ieron|ará|erá|irá|aba|aban|ía|ían|ado|ada|ados|adas|ido|idos|idas|mente|ar|er|ir)"
    ),
}
_OF = frozenset({"de", "du", "des", "d", "del", "la", "las", "los", "l"})


def _may_be_one(words: list[Token], language: str | None) -> bool:
    """Can these words be a phrase, as far as their form tells?"""
    if (
        language == "de"
    ):  # a noun is capitalised, and ends its phrase; a sentence's first word may be anything
        return words[-1].capital and not words[-1].opens
    first, last = words[0], words[-1]
    verb = (not first.capital and _is_verb(first.lower, language)) or (
        not last.capital and _is_verb(last.lower, language)
    )
    return not verb


@lru_cache(maxsize=20_000)
def _is_verb(lower: str, language: str | None) -> bool:
    verb = _VERB.get(language or "")
    return bool(verb and verb.fullmatch(lower))


def _of_pairs(words: list[Token], stop: Container[str], language: str | None) -> Iterator[tuple[int, int]]:
    """“motion de censure”, “aceite de oliva”: two nouns and what joins them."""
    if language not in ("fr", "es", "it", "pt"):
        return
    for at in range(1, len(words) - 1):
        if words[at].lower not in _OF or words[at - 1].lower in stop:
            continue
        last = at + 1
        while last < len(words) - 1 and words[last].lower in _OF:
            last += 1
        pair = [words[at - 1], words[last]]
        plain = not any(w.lower in stop or w.capital or not _HAS_LETTER.search(w.text) for w in pair)
        if (
            plain
            and last - at <= 2
            and words[last].start - words[at - 1].end <= 7
            and _may_be_one(pair, language)
        ):
            yield at - 1, last


def _chunks(text: str, offset: int, words: list[Token], stop: Container[str]) -> Iterator[list[Token]]:
    """The words between stop words, figures and punctuation."""
    chunk: list[Token] = []
    for word in words:
        lower = word.lower
        if lower in stop or not ((lower.isalpha() and len(lower) > 2) or _HAS_LETTER.search(lower)):
            if chunk:
                yield chunk
                chunk = []
            continue
        if chunk and (chunk[-1].possessive or text[chunk[-1].end - offset : word.start - offset] != " "):
            yield chunk
            chunk = []
        chunk.append(word)
    if chunk:
        yield chunk


def _windows(stems: list[str], alive: Container[str]) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) of up to three words in a row that are all alive."""
    for first in range(len(stems)):
        for last in range(first, min(first + MAX_WORDS, len(stems))):
            if stems[last] not in alive:
                break
            yield first, last + 1


def _count(found: dict[str, _Phrase], key: str, words: list[Token], number: int) -> None:
    phrase = found.get(key)
    text = " ".join(word.text for word in words)
    if phrase is None:
        phrase = found[key] = _Phrase(text, len(words), max(number, 0))
    phrase.headline = phrase.headline or number < 0
    if number >= 0:
        phrase.count += 1
        shown = text if not words[0].opens or words[0].text.isupper() else text[0].lower() + text[1:]
        phrase.forms[shown] = phrase.forms.get(shown, 0) + 1


def _name_phrases(names: Named, subject: Subject) -> list[tuple[str, _Phrase]]:
    """Names as phrases of their own, by stems: they may hold stop words, and are whole."""
    language, total = subject.language, len(subject.text) or 1
    rows = [(t.text, t.count, t.start, ONCE_PERSON if t.kind == PERSON else 1.0) for t in names.things]
    rows += [(p.text, p.weight, p.mentions[0].start, ONCE_PLACE) for p in names.places if p.mentions]
    title = fold(subject.draft.headline or "")
    found = []
    for text, count, start, once in rows:
        words = text.split()
        key = " ".join(stem(word.casefold(), language) for word in words)
        early = int(start / total * min(len(subject.sentences), SENTENCES))
        headline = fold(text) in title or (len(words) > 1 and fold(words[-1]) in title)
        weight = once if count < 2 and not headline else 1.0
        size = min(len(words), 3)
        found.append((key, _Phrase(text, size, early, count, name=True, headline=headline, weight=weight)))
    return found


def _may_count(phrase: _Phrase) -> bool:
    """Does it come twice, or in the headline as well, or is it a name?"""
    return phrase.count > 1 or bool(phrase.count and (phrase.headline or phrase.name))


def _score(phrase: _Phrase) -> float:
    score = log(1 + phrase.count) * LENGTHS[min(phrase.words, MAX_WORDS)] / (1 + 0.12 * phrase.first)
    score *= phrase.weight * (NAME if phrase.name else 1.0)
    score *= IN_HEADLINE if phrase.headline else 1.0
    if phrase.words == 1 and not phrase.name:
        score *= ONE_WORD
    return score
