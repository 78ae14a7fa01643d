"""Finding the enrichers: ours, and those that installed packages name by entry points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint

import structlog

from jobs.enrich.enricher import EXTRA, FILLABLE, Enricher, Findings, Subject
from jobs.enrich.names import chosen, known
from jobs.enrich.run import Contained

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which enrichers run, and with what (PALMYRA_ENRICHERS, PALMYRA_SPACY_MODELS)."""

    names: tuple[str, ...] = ()
    """Names of enrichers; ``-name`` leaves one out. Without a plain name: all but those."""
    spacy_models: tuple[tuple[str, str], ...] = ()
    """ISO 639-1 code and the name or folder of its spaCy model."""
    folders: tuple[str, ...] = ()
    """Where what is computed once may be kept: the first that can be written to."""


ALL = Choice()


def load_all(choice: Choice = ALL) -> tuple[Enricher, ...]:
    """Every enricher that there is, chosen or not."""
    return tuple(_loaded(name, point, choice) for name, point in known().items())


@cache
def load(choice: Choice = ALL) -> tuple[Enricher, ...]:
    """The chosen enrichers, loaded. One that can't be loaded stays, and fails on each article, loudly."""
    there = known()
    loaded = [_loaded(name, there[name], choice) for name in chosen(choice.names, there)]
    if choice.spacy_models:
        from jobs.enrich.spacy_entities import with_models

        return tuple(with_models(loaded, dict(choice.spacy_models)))
    return tuple(loaded)


def warm(choice: Choice = ALL) -> None:
    """Load and warm the chosen enrichers: once, before forking, so that all children share what they load."""
    for enricher in load(choice):
        with Contained() as outcome:
            enricher.warm()
        if outcome.error:  # then it fails on its articles as well, which says so there
            log.error("enricher_not_warm", enricher=enricher.name, error=str(outcome.error)[:300])


def _loaded(name: str, point: EntryPoint, choice: Choice) -> Enricher:
    with Contained() as outcome:
        target = point.load()
        enricher = target if isinstance(target, Enricher) else target(choice)
        _check(name, enricher)
        return enricher
    log.error("enricher_not_loaded", enricher=name, entry_point=point.value, error=str(outcome.error)[:300])
    return broken(name, f"it could not be loaded: {outcome.error}")


def broken(name: str, why: str) -> Enricher:
    """An enricher that fails on each article, and says why."""

    def refuse(subject: Subject) -> Findings:
        raise RuntimeError(why)

    return Enricher(name, (), 0.0, refuse, summary=why)


def _check(name: str, enricher: object) -> None:
    """Raises ValueError: not an enricher of this name, or one of fields that are not an enricher's."""
    if not isinstance(enricher, Enricher) or enricher.name != name:
        raise ValueError(f"the entry point {name} names no Enricher of that name")
    wrong = [f for f in enricher.fields if f not in FILLABLE and not f.startswith(EXTRA)]
    if wrong:
        raise ValueError(
            f"it fills {', '.join(wrong)}; an enricher fills {', '.join(sorted(FILLABLE))} or {EXTRA}<name>"
        )
