"""When a feed that redirects for good gets its new address (pure)."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_POLLS = 3
LEAST_S = 86_400
"""A redirect called permanent must hold for this long: some sites undo theirs after an hour's mistake."""


@dataclass(frozen=True, slots=True)
class Move:
    """A permanent redirect (301, 308; RFC 9110, sections 15.4.2 and 15.4.9) as it was seen so far."""

    url: str = ""
    """Where it leads; empty when the feed does not move."""
    since_ms: int = 0
    polls: int = 0

    @property
    def text(self) -> str:
        """As it is kept in the feed's hash."""
        return f"{self.since_ms} {self.polls} {self.url}" if self.url else ""

    @classmethod
    def parse(cls, text: str) -> Move:
        """The inverse of `text`."""
        since_ms, _, rest = text.partition(" ")
        polls, _, url = rest.partition(" ")
        return cls(url, int(since_ms), int(polls)) if url else cls()


def seen(before: Move, target: str, now_ms: int) -> Move:
    """The move after a poll that was redirected for good to `target`, or to nowhere (``""``)."""
    if not target:
        return Move()
    if target != before.url:
        return Move(target, now_ms, 1)
    return Move(target, before.since_ms, before.polls + 1)


def has_held(move: Move, now_ms: int) -> bool:
    """True when the feed should be known by its new address from now on."""
    return bool(move.url) and move.polls >= LEAST_POLLS and now_ms - move.since_ms >= LEAST_S * 1000
