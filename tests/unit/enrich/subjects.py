"""Subjects for enrichers, and what they find."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jobs.article import Article, Enriched
from jobs.enrich.enricher import Enricher, Subject
from jobs.enrich.gazetteer import Gazetteer, gazetteer
from jobs.enrich.loading import Choice, load
from jobs.enrich.named import Named, named
from jobs.enrich.run import enrich
from jobs.extract.draft import Draft
from jobs.words import count_words
from worker.bench.enrich import article_of
from worker.bench.enrich_gold import Gold
from worker.config import load as load_settings
from worker.factory import enrichment


@cache
def choice() -> Choice:
    """As the commands have it: all enrichers, the gazetteer kept where they keep it."""
    return enrichment(load_settings({}, Path("no.env")).settings)


def places() -> Gazetteer:
    return gazetteer(choice().folders)


def subject(text: str, language: str = "en", headline: str | None = None) -> Subject:
    return Subject(Draft(headline=headline, text=text, word_count=count_words(text), language=language))


def names(text: str, language: str = "en") -> Named:
    return named(subject(text, language), places())


def enriched(text: str, language: str = "en", headline: str | None = None) -> Enriched:
    return enrich(subject(text, language, headline), load(choice()))


def of_gold(gold: Gold, enrichers: tuple[Enricher, ...]) -> Article:
    return article_of(gold, enrichers)
