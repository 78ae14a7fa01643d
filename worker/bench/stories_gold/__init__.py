"""Short articles on known events, written for this: see docs/stories.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from jobs.errors import PalmyraError

SETS = ("tuned", "held_out")
_HEAD = re.compile(r"## (\S+) ([a-z]{2}) (\d+(?:\.\d+)?) (\S+)")


class BadStoriesGold(PalmyraError):
    """A gold file can't be read."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One article and the event that it is on."""

    set_name: str
    event: str
    """Unique to the article where no other is on its event."""
    language: str
    hour: float
    """When it appeared, in hours since the first."""
    outlet: str
    headline: str
    text: str

    @property
    def url(self) -> str:
        """An address of its own."""
        return f"https://{self.outlet}/{self.event}/{self.language}/{self.hour:g}"


def read() -> list[Dispatch]:
    """All dispatches in the order in which they appeared.

    Raises:
        BadStoriesGold: a file is not as it should be; the message says where.
    """
    found = [dispatch for name in SETS for dispatch in _file(name)]
    return sorted(found, key=lambda one: (one.hour, one.url))


def _file(set_name: str) -> list[Dispatch]:
    text = (files("worker.bench.stories_gold") / f"{set_name}.txt").read_text("utf-8")
    return [_dispatch(set_name, number, block) for number, block in enumerate(text.strip().split("\n\n"))]


def _dispatch(set_name: str, number: int, block: str) -> Dispatch:
    lines = block.split("\n")
    head = _HEAD.fullmatch(lines[0])
    if head is None or len(lines) != 3:
        raise BadStoriesGold(f"{set_name}.txt, article {number + 1}: {lines[0]!r} and two lines expected")
    event = f"single-{set_name}-{number}" if head[1] == "-" else head[1]
    return Dispatch(set_name, event, head[2], float(head[3]), head[4], lines[1], lines[2])
