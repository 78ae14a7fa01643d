"""What an article is told apart by: words of its language, and names that all languages share (pure).

A feature is six bytes, the hash of a word's stem or of a name, with how much it counts here. How rare it is
elsewhere is known in Redis only (`jobs/lua/stories.lua`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import log

from jobs.article import Article, Entity, Place
from jobs.enrich.folding import fold
from jobs.enrich.words import stem, stopwords

LEAD_WORDS = 200
"""What comes later is background, which other stories share."""
HEADLINE = 3
"""A word of the headline counts as one that comes so often."""
MOST_TERMS, MOST_NAMES = 160, 60
"""Features of each kind that are sent."""
LEAST_LETTERS = 3
FEATURE_BYTES = 6
UNIT = 16
"""A feature's count is sent as a byte of sixteenths."""
CITY, COUNTRY, COUNTRY_OF_CITY, REGION, PART, NUMBER = 1.2, 0.5, 0.3, 1.0, 1.0, 0.6
"""What a name of each kind counts."""

TOPIC = 0.8
"""What a topic counts: two languages say what an event is by nothing else that can be compared."""

_WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]{1,2}|[^\W_]+")
_GROUPED = r"\d{1,3}(?:[.,\u00a0\u202f ’']\d{3})+"
_NUMBER = re.compile(rf"(?<![\w.,:])(?:{_GROUPED}(?![\w:])|\d+(?:[.,]\d{{1,2}})?)(?![\w:]|[.,]\d)")
_ACRONYM = re.compile(r"\b[A-Z]{3,6}\b")


@dataclass(frozen=True, slots=True)
class Features:
    """What one article is told apart by."""

    terms: bytes
    """Words of its language: `FEATURE_BYTES` and a count, one after another, those that count most first."""
    names: bytes
    """The same of what all languages share."""


def features(article: Article) -> Features:
    """The features of an article, as they are sent."""
    terms = words_of(article.headline or "", article.text, article.language)
    space = f"{article.language or '?'}:"
    return Features(
        _packed({space + word: weight for word, weight in terms.items()}, MOST_TERMS),
        _packed(names_of(article), MOST_NAMES),
    )


def words_of(headline: str, text: str, language: str | None) -> dict[str, float]:
    """Stems of the words that say something, with how much they count: more for more often, never much."""
    stop = stopwords(language)
    lead = _WORD.findall(text[: LEAD_WORDS * 12].casefold())[:LEAD_WORDS]
    counts: Counter[str] = Counter()
    for words, each in ((_WORD.findall(headline.casefold()), HEADLINE), (lead, 1)):
        for word in words:
            if (
                word not in stop
                and (len(word) >= LEAST_LETTERS or not word.isascii())
                and not word.isdecimal()
            ):
                counts[stem(word, language)] += each
    return {word: 1 + log(count) for word, count in counts.items()}


def names_of(article: Article) -> dict[str, float]:
    """What all languages share: places, parts of people's and organisations' names, numbers, topics."""
    found: dict[str, float] = {}
    counts = {fold(one.text): one.count for one in article.entities}
    named = (
        *_places(article.places, counts),
        *_parts(article.entities),
        *_figures(article),
        *((f"t:{topic.code}", TOPIC) for topic in article.topics),
    )
    for name, weight in named:
        found[name] = max(weight, found.get(name, 0.0))
    return found


def _places(places: Iterable[Place], counts: Mapping[str, int]) -> Iterator[tuple[str, float]]:
    for place in places:
        often = 1 + log(counts.get(fold(place.name), 1))
        if place.kind == "country" and place.country:
            yield f"c:{place.country}", COUNTRY * often
            continue
        if place.geoname_id:
            yield f"g:{place.geoname_id}", CITY * often
        elif place.kind == "region":
            yield f"r:{fold(place.name)}", REGION * often
        if place.country:
            yield f"c:{place.country}", COUNTRY_OF_CITY


def _parts(entities: Iterable[Entity]) -> Iterator[tuple[str, float]]:
    """Parts of names: a surname is written alike everywhere, a first name or a title may be left out."""
    for entity in entities:
        if entity.type == "place":
            continue
        often = 1 + log(entity.count)
        words = [fold(word) for word in entity.text.split()]
        words = words[-1:] if entity.type == "person" else words
        for word in words:
            if len(word) >= LEAST_LETTERS and not word.isdecimal():
                yield f"n:{word}", PART * often


def _figures(article: Article) -> Iterator[tuple[str, float]]:
    """Acronyms and numbers of headline and lead."""
    shown = f"{article.headline or ''}\n{article.text[: LEAD_WORDS * 8]}"
    for acronym in _ACRONYM.findall(shown):
        yield f"n:{fold(acronym)}", PART
    for number in _NUMBER.findall(shown):
        if (figure := _figure(number)) is not None:
            yield f"#{figure}", NUMBER


def _figure(text: str) -> str | None:
    """A number as all languages would write it: ``1.200``, ``1 200`` → ``1200``; ``7,1`` → ``7.1``."""
    whole = re.fullmatch(_GROUPED, text)
    plain = re.sub(r"\D", "", text) if whole else text.replace(",", ".")
    if "." not in plain and (int(plain) < 13 or 1900 <= int(plain) <= 2100):
        return None  # so small is anything, and this is a year
    return plain[:12]


def _packed(weights: Mapping[str, float], most: int) -> bytes:
    best = sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:most]
    return b"".join(feature(name) + bytes((min(255, max(1, round(weight * UNIT))),)) for name, weight in best)


@lru_cache(maxsize=50_000)
def feature(name: str) -> bytes:
    """Six bytes that stand for a word or a name."""
    return blake2b(name.encode("utf-8", "replace"), digest_size=FEATURE_BYTES).digest()
