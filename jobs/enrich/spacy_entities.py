"""People, organisations and places by spaCy models that the operator has installed and named.

Only models named in PALMYRA_SPACY_MODELS are loaded, never one that happens to be there: on package
registries some names of spaCy's models are not spaCy's. The languages without a model keep the lighter way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from jobs.article import Entity
from jobs.enrich.enricher import Enricher, Findings, Subject
from jobs.enrich.entities import MOST

MAX_CHARS = 10_000
"""A model takes some 10 ms for 1,000 characters."""
TYPES = {
    "PERSON": "person", "PER": "person", "ORG": "organisation", "NORP": "other", "GPE": "place",
    "LOC": "place", "FAC": "place",
}  # fmt: skip
"""Label of OntoNotes and of WikiNER models → our type; others are left out."""


class NoSpacy(Exception):
    """spaCy, or one of the models named in PALMYRA_SPACY_MODELS, is not installed."""


def with_models(enrichers: Iterable[Enricher], models: Mapping[str, str]) -> list[Enricher]:
    """The enrichers, with the one for entities asking the model of a text's language first.

    Args:
        enrichers: all that run.
        models: ISO 639-1 code → name or folder of a model.
    """
    return [_with(one, models) if one.name == "entities" else one for one in enrichers]


def _with(lighter: Enricher, models: Mapping[str, str]) -> Enricher:
    def entities(subject: Subject) -> Findings:
        name = models.get(subject.language or "")
        if name is None:
            return lighter.enrich(subject)
        found = _entities(_model(name)(subject.text[:MAX_CHARS]))
        return {"entities": ("model", found)} if found else {}

    def warm() -> None:
        lighter.warm()
        for name in models.values():
            _model(name)

    return replace(
        lighter, enrich=entities, warm=warm, summary=f"{lighter.summary}; by models: {', '.join(models)}"
    )


def _entities(doc: Any) -> tuple[Entity, ...]:
    """The document's entities, each once; a person's surname alone counts for the person."""
    counts: dict[tuple[str, str], int] = {}
    for span in doc.ents:
        kind = TYPES.get(span.label_)
        text = " ".join(span.text.split()).removesuffix("’s").removesuffix("'s")
        if kind and text:
            whole = next((t for t, k in counts if k == kind == "person" and t.endswith(f" {text}")), text)
            counts[whole, kind] = counts.get((whole, kind), 0) + 1
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return tuple(Entity(text=text, type=kind, count=count) for (text, kind), count in ranked[:MOST])


@cache
def _model(name: str) -> Any:
    """The model, loaded once.

    Raises:
        NoSpacy: spaCy or the model can't be loaded; the message says what to do.
    """
    try:
        import spacy
    except ImportError as error:
        raise NoSpacy('spaCy is not installed: pip install "palmyra[entities]"') from error
    try:
        return spacy.load(name, exclude=["lemmatizer", "textcat"])
    except OSError as error:
        raise NoSpacy(f"the spaCy model {name} can't be loaded: {error}") from error
