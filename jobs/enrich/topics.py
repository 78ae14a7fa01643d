"""Which of the 17 IPTC Media Topics an article belongs to, and how sure that is.

A weighted lexicon for each language (``data/topics.<language>.tsv``), matched by stems, over headline and
text; the publisher's section, tags and address are evidence too. A word belongs to a topic or two, so
the words vote, and what is outvoted or too little is left out.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import cache, lru_cache
from importlib.resources import files
from math import log
from urllib.parse import urlsplit

from jobs.article import Topic
from jobs.enrich.enricher import Enricher, Findings, Subject
from jobs.enrich.folding import fold
from jobs.enrich.words import stem

TOPICS = {
    "arts": ("medtop:01000000", "arts, culture, entertainment and media"),
    "crime": ("medtop:02000000", "crime, law and justice"),
    "disaster": ("medtop:03000000", "disaster, accident and emergency incident"),
    "economy": ("medtop:04000000", "economy, business and finance"),
    "education": ("medtop:05000000", "education"),
    "environment": ("medtop:06000000", "environment"),
    "health": ("medtop:07000000", "health"),
    "human": ("medtop:08000000", "human interest"),
    "labour": ("medtop:09000000", "labour"),
    "lifestyle": ("medtop:10000000", "lifestyle and leisure"),
    "politics": ("medtop:11000000", "politics and government"),
    "religion": ("medtop:12000000", "religion"),
    "science": ("medtop:13000000", "science and technology"),
    "society": ("medtop:14000000", "society"),
    "sport": ("medtop:15000000", "sport"),
    "conflict": ("medtop:16000000", "conflict, war and peace"),
    "weather": ("medtop:17000000", "weather"),
}
"""Our short word → code and name at https://cv.iptc.org/newscodes/mediatopic/."""
LANGUAGES = ("en", "de", "fr", "es")
MOST = 3
STRONG = 2.5
"""Weight of a word marked with ``+``: it is hardly used otherwise."""
HEADLINE, SECTION = 2.0, 4.0
MIN_SCORE, MIN_SHARE, SECOND = 5.0, 0.22, 0.55
"""Least score; least share of all votes; least part of the first topic's score for another one."""
MIN_CONFIDENCE = 0.3
"""Under this a topic is wrong as often as right; above, nothing false is left in the development gold."""
LEAST_WORDS = 3
"""Different words that speak for a topic: gold and bronze alone are no sport. A section speaks for itself."""
LOOKED_AT = 6_000
"""Characters of the text."""
_WORD = re.compile(r"[^\W\d_]{3,}")


def topics(subject: Subject) -> Findings:
    """The topics, surest first; nothing where the text's language has no lexicon or nothing is sure."""
    scores = _scores(subject)
    if not scores:
        return {}
    total = sum(scores.values())
    first = max(scores.values())
    found = [
        Topic(code=TOPICS[name][0], name=TOPICS[name][1], confidence=_confidence(score, score / total))
        for name, score in sorted(scores.items(), key=lambda item: -item[1])[:MOST]
        if score >= MIN_SCORE and score / total >= MIN_SHARE and score >= SECOND * first
    ]
    found = [topic for topic in found if topic.confidence >= MIN_CONFIDENCE]
    return {"topics": ("text", tuple(found))} if found else {}


def _confidence(score: float, share: float) -> float:
    """0 to 1: most of the votes, of many, are sure."""
    return round(min(1.0, share * 1.2) * (1 - 1 / (1 + score / 5)), 2)


def _scores(subject: Subject) -> dict[str, float]:
    language = subject.language
    scores: dict[str, float] = defaultdict(float)
    if language not in LANGUAGES:
        return scores
    lexicon = _lexicon(language)
    speaking: Counter[str] = Counter()
    said = _said(subject.text[:LOOKED_AT], language)
    title = _said(subject.draft.headline or "", language)
    for word, count in said.items():
        for topic, weight in lexicon[word]:
            scores[topic] += weight * (1 + log(count)) * (HEADLINE if word in title else 1.0)
            speaking[topic] += 1
    for word in title.keys() - said.keys():
        for topic, weight in lexicon[word]:
            scores[topic] += weight * HEADLINE / 2
            speaking[topic] += 1
    for topic, count in speaking.items():
        if count < LEAST_WORDS:
            scores[topic] = min(scores[topic], MIN_SCORE / 2)
    for topic in _sections(subject):
        scores[topic] += SECTION
    return scores


def _said(text: str, language: str) -> dict[str, int]:
    """Stems of the lexicon → how often the text has them, in the order in which they come."""
    found: dict[str, int] = {}
    for word, count in Counter(_WORD.findall(text)).items():
        if known := _in_lexicon(word, language):
            found[known] = found.get(known, 0) + count
    return found


@lru_cache(maxsize=32_768)
def _in_lexicon(word: str, language: str) -> str | None:
    """The word's stem, if the lexicon has it."""
    stemmed = _stem(word, language)
    return stemmed if stemmed in _lexicon(language) else None


def _stem(word: str, language: str) -> str:
    return fold(stem(word.casefold(), language))


@lru_cache(maxsize=16_384)
def is_topical(stemmed: str, language: str | None) -> bool:
    """Is this stem one that hardly any text uses but on its topic?"""
    topics = _lexicon(language).get(fold(stemmed), ()) if language in LANGUAGES else ()
    return any(weight >= STRONG for _, weight in topics)


@cache
def _lexicon(language: str) -> dict[str, tuple[tuple[str, float], ...]]:
    """Stem → its topics with weights."""
    found: dict[str, dict[str, float]] = {}
    for line in (files("jobs.enrich") / "data" / f"topics.{language}.tsv").read_text("utf-8").splitlines():
        topic, _, words = line.partition("\t")
        if topic in TOPICS:
            for word in words.split():
                weight = STRONG if word.startswith("+") else 1.0
                found.setdefault(_stem(word.lstrip("+"), language), {})[topic] = weight
    return {word: tuple(topics.items()) for word, topics in found.items()}


def _sections(subject: Subject) -> list[str]:
    """The topics that the publisher's section, tags and address name."""
    words = [subject.draft.section or "", *subject.draft.tags[:5]]
    path = [part for part in urlsplit(subject.url or "").path.split("/")[1:4] if len(part) < 25]
    known = _section_words()
    named = (known.get(fold(word)) for word in [*words, *path])
    return list(dict.fromkeys(topic for topic in named if topic))


@cache
def _section_words() -> dict[str, str]:
    lines = (files("jobs.enrich") / "data" / "sections.tsv").read_text("utf-8").splitlines()
    rows = (line.partition("\t") for line in lines)
    return {fold(word): topic for topic, _, words in rows if topic in TOPICS for word in words.split(",")}


def _warm() -> None:
    for language in LANGUAGES:
        _lexicon(language)
    _section_words()


ENRICHER = Enricher("topics", ("topics",), 0.6, topics, _warm, "IPTC Media Topics at top level")
