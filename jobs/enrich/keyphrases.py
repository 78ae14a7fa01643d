"""Phrases that say what a text is about: what a person would underline.

Candidates are names, and what stands between stop words, up to three words. They count by how often they
come, how early, and whether the headline has them; names and words of a topic count more. Of two that say the
same, by their stems, one is shown.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from math import log

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
    phrases = _phrases(subject)
    for key, phrase in phrases.items():
        if any(is_topical(word, subject.language) for word in key.split()):
            phrase.weight = TOPICAL
    _add_names(phrases, names, subject)
    ranked = sorted(phrases.items(), key=lambda item: -_score(item[1]))
    chosen: list[tuple[frozenset[str], str]] = []
    for stems, phrase in ranked:
        own = frozenset(stems.split())
        if _score(phrase) <= 0 or any(own <= other or other <= own for other, _ in chosen):
            continue
        chosen.append(
            (own, max(phrase.forms, key=lambda f: (phrase.forms[f], f)) if phrase.forms else phrase.text)
        )
        if len(chosen) == MOST:
            break
    return tuple(text for _, text in chosen)


@cache
def _stops(language: str | None) -> frozenset[str]:
    """What ends a phrase, case folded."""
    said = cues(language).said | calendar(language)
    return stopwords(language) | said | raw_word_list("not_keyphrases.txt")


def _phrases(subject: Subject) -> dict[str, _Phrase]:
    language = subject.language
    stop = _stops(language)
    found: dict[str, _Phrase] = {}
    title = sentences(subject.draft.headline or "", language)
    own = [(-1, s, tokens(s, split_elisions=language in ELIDING)) for s in title]
    numbered = enumerate(zip(subject.sentences[:SENTENCES], subject.tokens, strict=False))
    own += [(number, sentence, words) for number, (sentence, words) in numbered]
    for number, sentence, words in own:
        for chunk in _chunks(sentence.text, sentence.start, words, stop):
            for first, last in _windows(len(chunk)):
                if _may_be_one(chunk[first:last], language):
                    _count(found, chunk[first:last], number, language)
        for first, last in _of_pairs(words, stop, language):
            _count(found, words[first : last + 1], number, language)
    return found


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
        apart = chunk and text[chunk[-1].end - offset : word.start - offset] != " "
        lower = word.lower
        lettered = (lower.isalpha() and len(lower) > 2) or _HAS_LETTER.search(lower)
        outside = lower in stop or not lettered
        if (apart or outside or (chunk and chunk[-1].possessive)) and chunk:
            yield chunk
            chunk = []
        if not outside:
            chunk.append(word)
    if chunk:
        yield chunk


def _windows(size: int) -> Iterator[tuple[int, int]]:
    for first in range(size):
        for last in range(first + 1, min(first + MAX_WORDS, size) + 1):
            yield first, last


def _count(found: dict[str, _Phrase], words: list[Token], number: int, language: str | None) -> None:
    key = " ".join(stem(word.lower, language) for word in words)
    phrase = found.get(key)
    text = " ".join(word.text for word in words)
    if phrase is None:
        phrase = found[key] = _Phrase(text, len(words), max(number, 0))
    phrase.headline = phrase.headline or number < 0
    if number >= 0:
        phrase.count += 1
        shown = text if not words[0].opens or words[0].text.isupper() else text[0].lower() + text[1:]
        phrase.forms[shown] = phrase.forms.get(shown, 0) + 1


def _add_names(found: dict[str, _Phrase], names: Named, subject: Subject) -> None:
    """Names as phrases of their own: they may hold stop words, and are whole."""
    language, total = subject.language, len(subject.text) or 1
    rows = [(t.text, t.count, t.start, ONCE_PERSON if t.kind == PERSON else 1.0) for t in names.things]
    rows += [(p.text, p.weight, p.mentions[0].start, ONCE_PLACE) for p in names.places if p.mentions]
    title = fold(subject.draft.headline or "")
    for text, count, start, once in rows:
        key = " ".join(stem(word.casefold(), language) for word in text.split())
        early = int(start / total * min(len(subject.sentences), SENTENCES))
        headline = fold(text) in title or (len(text.split()) > 1 and fold(text.split()[-1]) in title)
        weight = once if count < 2 and not headline else 1.0
        size = min(len(text.split()), 3)
        found[key] = _Phrase(text, size, early, count, name=True, headline=headline, weight=weight)


def _score(phrase: _Phrase) -> float:
    once = phrase.count < 2 and not phrase.headline
    if (once and not phrase.name) or not phrase.count:
        return 0.0
    score = log(1 + phrase.count) * LENGTHS[min(phrase.words, MAX_WORDS)] / (1 + 0.12 * phrase.first)
    score *= phrase.weight * (NAME if phrase.name else 1.0)
    score *= IN_HEADLINE if phrase.headline else 1.0
    if phrase.words == 1 and not phrase.name:
        score *= ONE_WORD
    return score
