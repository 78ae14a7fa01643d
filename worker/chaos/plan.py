"""Which fault strikes when: a pure function of the seed, printed before anything happens."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobs.errors import PalmyraError
from worker.chaos.faults import FAULTS

FIRST_S = 4.0
"""Before the first one: there shall be work to break."""
REST_S = 2.0
"""After each one, at least."""
EACH_S = 9.0
"""One strike more for so much time."""
LAST = 0.9
"""Part of the time after which nothing new strikes."""


class TooShort(PalmyraError):
    """There is no time for all of these faults."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One strike of one fault."""

    number: int
    """From 1, in the order of time."""
    fault: str
    at_s: float
    """Seconds after the load began."""
    lasts_s: float
    chance: float
    """Which of several processes it hits: a number in [0, 1)."""

    @property
    def until_s(self) -> float:
        """When it is over."""
        return self.at_s + self.lasts_s


def plan(seed: int, seconds: float, faults: Sequence[str]) -> tuple[Blow, ...]:
    """The blows of a run, by time.

    Each fault strikes once; those that may strike again do so as long as there is time. Only what goes on
    aside overlaps with others.

    Raises:
        TooShort: the message says how long it takes at least.
    """
    rng = random.Random(f"blows of {seed}")
    timed = sorted(name for name in faults if not FAULTS[name].every_link)
    aside = [name for name in timed if FAULTS[name].aside]
    inline = _inline(rng, [name for name in timed if name not in aside], seconds)
    found = [*inline, *_beside(rng, aside, seconds)]
    found.sort()
    return tuple(
        Blow(number, name, round(at_s, 1), FAULTS[name].lasts_s, round(rng.random(), 3))
        for number, (at_s, name) in enumerate(found, 1)
    )


def _inline(rng: random.Random, names: list[str], seconds: float) -> Iterator[tuple[float, str]]:
    """One after the other, with what time is left spread between them at random."""
    repeatable = [name for name in names if FAULTS[name].again]
    room_s = seconds * LAST - FIRST_S
    left_s = room_s - sum(FAULTS[name].lasts_s + REST_S for name in names)
    if left_s < 0:
        least = (room_s - left_s + FIRST_S) / LAST
        raise TooShort(f"These faults take {least:.0f} s at least, not {seconds:.0f}: give --seconds.")
    more = rng.choices(repeatable, k=int(left_s / EACH_S)) if repeatable else []
    order = [*names, *more]
    rng.shuffle(order)
    left_s = max(0.0, left_s - sum(FAULTS[name].lasts_s + REST_S for name in more))
    gaps = sorted(rng.uniform(0, left_s) for _ in order)
    at_s = FIRST_S
    for name, gap_s in zip(order, gaps, strict=True):
        yield at_s + gap_s, name
        at_s += FAULTS[name].lasts_s + REST_S


def _beside(rng: random.Random, names: list[str], seconds: float) -> Iterator[tuple[float, str]]:
    for name in names:
        last_s = seconds * LAST - FAULTS[name].lasts_s
        if last_s < FIRST_S:
            least = (FIRST_S + FAULTS[name].lasts_s) / LAST
            raise TooShort(f"{name} takes {least:.0f} s at least, not {seconds:.0f}: give --seconds.")
        yield rng.uniform(FIRST_S, last_s), name
