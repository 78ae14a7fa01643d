"""Golden events: a few that show what can come, for consumers' own tests.

`published` and `updated` are two revisions of one article and `withdrawn` takes it down; `full` has every
field filled, `minimal` only what is always there. They are made from `worker.golden.articles`, and are as
stable as the contract. ``python -m worker.golden`` writes the files.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jobs.event import Event

FOLDER = Path(__file__).parent
NAMES = ("published", "full", "updated", "minimal", "withdrawn")
"""In the order in which they came."""


def golden_event(name: str) -> Event:
    """One of `NAMES`."""
    return Event.model_validate_json((FOLDER / f"{name}.json").read_bytes())


@cache
def golden_events() -> tuple[Event, ...]:
    """All of them, in the order of `NAMES`."""
    return tuple(map(golden_event, NAMES))
