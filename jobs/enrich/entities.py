"""People, organisations and places that the text names, most named first."""

from __future__ import annotations

from jobs.article import Entity
from jobs.enrich.enricher import Enricher, Findings, Subject
from jobs.enrich.gazetteer import gazetteer
from jobs.enrich.loading import Choice
from jobs.enrich.named import Named, named
from jobs.extract.draft import Draft

MOST = 30
WARM = ("en", "de", "fr", "es", "it", "pt", "nl")


def enricher(choice: Choice) -> Enricher:
    """The enricher, with the gazetteer that tells places from other names."""

    def entities(subject: Subject) -> Findings:
        found = as_entities(named(subject, gazetteer(choice.folders)))
        return {"entities": ("text", found)} if found else {}

    def warm() -> None:
        for language in WARM:  # names of countries and months: 50 ms a language, the first time
            named(Subject(Draft(text="Berlin.", language=language)), gazetteer(choice.folders))

    return Enricher(
        "entities", ("entities",), 3.2, entities, warm, "people, organisations and places named in the text"
    )


def as_entities(found: Named) -> tuple[Entity, ...]:
    """The most named, in the order of their first mention where they are named as often."""
    rows = [(t.count, t.start, Entity(text=t.text, type=t.kind, count=t.count)) for t in found.things]
    for place in found.places:
        if place.mentions:
            count, start = len(place.mentions), place.mentions[0].start
            rows.append((count, start, Entity(text=place.text, type="place", count=count)))
    rows.sort(key=lambda row: (-row[0], row[1]))
    return tuple(entity for _, _, entity in rows[:MOST])
