"""What the site does to each link: a pure function of the seed, so that everybody knows whom it hurt."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from jobs.errors import Reason


class Fate(StrEnum):
    """What becomes of the requests for a page. The word is also in its URL."""

    GOOD = "good"
    """It is served."""
    BUSY = "busy"
    """503 with a Retry-After, once or twice; then it is served."""
    ERROR = "error"
    """A 5xx that says nothing more, once; then it is served."""
    BROKEN = "broken"
    """503 with a Retry-After, always."""
    HANG = "hang"
    """No answer to the first request."""
    RESET = "reset"
    """The first connection is reset, with or without the beginning of an answer."""
    POISON = "poison"
    """Its article worker dies of it."""
    MEMORY = "memory"
    """It takes all memory."""
    ENDLESS = "endless"
    """It is never done."""

    @property
    def failure(self) -> Reason | None:
        """The only reason for which such a link may fail, and must; None: it must be published."""
        return _FAILURES.get(self)


_FAILURES = {
    Fate.BROKEN: Reason.SERVER_ERROR,
    Fate.POISON: Reason.POISON,
    Fate.MEMORY: Reason.TOO_COMPLEX,
    Fate.ENDLESS: Reason.TOO_COMPLEX,
}
_SHARES: tuple[tuple[Fate, float], ...] = (
    (Fate.BUSY, 0.12),
    (Fate.ERROR, 0.06),
    (Fate.BROKEN, 0.02),
    (Fate.HANG, 0.05),
    (Fate.RESET, 0.05),
)
"""A fifth is 5xx."""
_HOSTILE = (Fate.POISON, Fate.MEMORY, Fate.ENDLESS)
HOSTILE_EACH = 2
"""Pages of each hostile kind. A poison page costs three processes, an endless one half a minute of one."""


@dataclass(frozen=True, slots=True)
class Sickness:
    """How a link's requests go."""

    fate: Fate
    times: int
    """So many requests are hurt."""
    status: int
    """Of its bad answers."""
    wait_s: int
    """Their Retry-After; 0: they have none."""


def fates(seed: int, links: int, faults: Collection[str]) -> tuple[Sickness, ...]:
    """What becomes of each link, by number."""
    rng = random.Random(f"links of {seed}")
    names, shares = [fate for fate, _ in _SHARES], [share for _, share in _SHARES]
    found = [Fate.GOOD] * links
    if "site" in faults:
        found = rng.choices([*names, Fate.GOOD], [*shares, 1 - sum(shares)], k=links)
    hostile = [fate for fate in _HOSTILE if fate in faults for _ in range(HOSTILE_EACH)]
    # In the first half: what they cost then has time to show.
    for number, fate in zip(
        rng.sample(range(max(links // 2, len(hostile))), len(hostile)), hostile, strict=True
    ):
        found[number] = fate
    return tuple(_sickness(rng, fate) for fate in found)


def _sickness(rng: random.Random, fate: Fate) -> Sickness:
    times = {Fate.BUSY: rng.choice((1, 1, 2)), Fate.BROKEN: 1_000, Fate.GOOD: 0}.get(fate, 1)
    if fate in _HOSTILE:
        times = 0
    status = 503 if fate in (Fate.BUSY, Fate.BROKEN) else rng.choice((500, 502, 504))
    wait_s = rng.randint(1, 2) if fate in (Fate.BUSY, Fate.BROKEN) else 0
    return Sickness(fate, times, status, wait_s)
