"""Subjects for enrichers, and what they find."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jobs.article import Enriched
from jobs.enrich.enricher import Subject
from jobs.enrich.gazetteer import Gazetteer, gazetteer
from jobs.enrich.loading import Choice, load, warm
from jobs.enrich.named import Named, named
from jobs.enrich.run import enrich
from jobs.extract.draft import Draft
from jobs.words import count_words
from worker.config import load as load_settings
from worker.factory import enrichment

PATIENT_MS = 60_000.0
"""A budget that no loaded machine passes."""


@cache
def choice() -> Choice:
    """As the commands have it: all enrichers, warm, the gazetteer kept where they keep it."""
    made = enrichment(load_settings({}, Path("no.env")).settings)
    warm(made)
    return made


def places() -> Gazetteer:
    return gazetteer(choice().folders)


def subject(text: str, language: str = "en", headline: str | None = None) -> Subject:
    return Subject(Draft(headline=headline, text=text, word_count=count_words(text), language=language))


def names(text: str, language: str = "en") -> Named:
    return named(subject(text, language), places())


def enriched(text: str, language: str = "en", headline: str | None = None) -> Enriched:
    return enrich(subject(text, language, headline), load(choice()), PATIENT_MS)
