"""Which enrichers there are, and which of them are wanted: by name, without loading any."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

GROUP = "palmyra.enrichers"
BUILT_IN = {
    "rights": "jobs.enrich.rights:ENRICHER",
    "reading_time": "jobs.enrich.reading_time:ENRICHER",
    "summary": "jobs.enrich.summary:ENRICHER",
    "entities": "jobs.enrich.entities:enricher",
    "places": "jobs.enrich.places:enricher",
    "keyphrases": "jobs.enrich.keyphrases:enricher",
    "topics": "jobs.enrich.topics:ENRICHER",
    "quotes": "jobs.enrich.quotes:enricher",
}
"""Ours, in the order in which they run: later ones may use what earlier ones found."""


def known() -> dict[str, EntryPoint]:
    """Every enricher that is there by name: ours first, then those of other packages by name.

    A package that names one like ours replaces it.
    """
    found = {name: EntryPoint(name, value, GROUP) for name, value in BUILT_IN.items()}
    others = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return found | {point.name: point for point in others}


def chosen(names: Iterable[str], there: Iterable[str]) -> tuple[str, ...]:
    """Which of the enricher names in `there` a choice leaves, in their order.

    Raises:
        ValueError: a name that is not there; the message lists those that are.
    """
    listed, order = list(names), list(there)
    unknown = [bare for name in listed if (bare := name.removeprefix("-")) not in order]
    if unknown:
        raise ValueError(f"no enricher is called {', '.join(unknown)}; there are {', '.join(order)}")
    out = {name[1:] for name in listed if name.startswith("-")}
    wanted = {name for name in listed if not name.startswith("-")} or set(order)
    return tuple(name for name in order if name in wanted - out)
