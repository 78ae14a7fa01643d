"""How much of the gold enrichers find, and how much else (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.article import Article
from jobs.enrich.countries import country_names
from jobs.enrich.folding import fold
from jobs.enrich.topics import TOPICS
from jobs.enrich.words import stem
from worker.bench.enrich_gold import Gold

TOP = 5
"""So many keyphrases are looked at for precision: what a reader sees."""
WHAT = ("people", "organisations", "places", "topics", "keyphrases", "quotes", "speakers", "summary")


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one thing over some articles."""

    right: int = 0
    found: int = 0
    gold: int = 0
    hit: int = 0
    """Of `gold`, those found; more than one right answer may hit the same."""

    def __add__(self, other: Score) -> Score:
        return Score(
            self.right + other.right, self.found + other.found, self.gold + other.gold, self.hit + other.hit
        )

    @property
    def precision(self) -> float:
        """0 to 1; 1 where nothing was found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """0 to 1; 1 where there was nothing to find."""
        return self.hit / self.gold if self.gold else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def scores(gold: Gold, article: Article) -> dict[str, Score]:
    """Each thing's counts on one article."""
    people = [e.text for e in article.entities if e.type == "person"]
    organisations = [e.text for e in article.entities if e.type == "organisation"]
    return {
        "people": _sets(map(fold, gold.people), map(fold, people)),
        "organisations": _sets(map(fold, gold.organisations), map(fold, organisations)),
        "places": _sets(*_places(gold, article)),
        "topics": _sets((TOPICS[t][0] for t in gold.topics), (t.code for t in article.topics)),
        "keyphrases": _phrases(gold, article),
        "quotes": _quotes(gold, article),
        "speakers": _speakers(gold, article),
        "summary": _summary(gold, article),
    }


def _sets(gold: Iterable[object], found: Iterable[object]) -> Score:
    wanted, got = set(gold), set(found)
    both = len(wanted & got)
    return Score(both, len(got), len(wanted), both)


def _places(gold: Gold, article: Article) -> tuple[set[str], set[str]]:
    """Towns by name and country; countries by code, however they are called."""
    countries = country_names(gold.language)
    wanted = {code if countries.get(fold(name)) == code else fold(name) + code for name, code in gold.places}
    got = {
        p.country or "" if p.kind == "country" else fold(p.name) + (p.country or "") for p in article.places
    }
    return wanted, got


def _phrases(gold: Gold, article: Article) -> Score:
    """Right is what has the same stems as an accepted phrase, or all the stems of one and no two more."""
    accepted = [_stems(phrase, gold.language) for phrase in gold.keyphrases]
    top = [_stems(phrase, gold.language) for phrase in article.keyphrases[:TOP]]
    right = sum(any(_same(phrase, one) for one in accepted) for phrase in top)
    every = [_stems(phrase, gold.language) for phrase in article.keyphrases]
    hit = sum(any(_same(phrase, one) for phrase in every) for one in accepted)
    return Score(right, len(top), len(accepted), hit)


def _stems(phrase: str, language: str) -> frozenset[str]:
    words = phrase.replace("’", " ").replace("'", " ").casefold().split()
    return frozenset(stem(word, language) for word in words if len(word) > 2)


def _same(found: frozenset[str], accepted: frozenset[str]) -> bool:
    return found == accepted or (accepted < found and len(found - accepted) == 1)


def _quotes(gold: Gold, article: Article) -> Score:
    right = min(len(gold.speakers), len(article.quotes))
    return Score(right, len(article.quotes), len(gold.speakers), right)


def _speakers(gold: Gold, article: Article) -> Score:
    """Of quotes whose speaker is told: named rightly."""
    pairs = list(zip(gold.speakers, (quote.speaker for quote in article.quotes), strict=False))
    right = sum(bool(want and got and fold(want) == fold(got)) for want, got in pairs)
    return Score(right, sum(got is not None for _, got in pairs), sum(bool(s) for s in gold.speakers), right)


def _summary(gold: Gold, article: Article) -> Score:
    """The first three accepted phrases that the summary says: recall alone means something here."""
    said = _stems((article.summary or "").replace(",", " ").replace(".", " "), gold.language)
    central = [_stems(phrase, gold.language) for phrase in gold.keyphrases[:3]]
    hit = sum(bool(one) and one <= said for one in central)
    return Score(hit, hit, len(central), hit)
