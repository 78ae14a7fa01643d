"""A feed's past polls in words, for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from worker.feeds import history
from worker.feeds.history import Past

_WORDS = {
    history.NOT_MODIFIED: "304, not modified",
    history.SAME_BODY: "200, the same document",
    history.OWN_NETWORK: "nothing answered: our own network",
}


def came_to(past: Past) -> str:
    """What one poll came to: ``3 new of 40``, ``304, not modified``, ``forbidden, status 403``."""
    if past.came in (history.NEW, history.GAP):
        gap = ", a gap" if past.came == history.GAP else ""
        return f"200, {past.new:,} new of {past.listed:,} links{gap}"
    known = _WORDS.get(past.came)
    return known or (f"{past.came}, status {past.status}" if past.status else past.came)


def failures(pasts: Sequence[Past]) -> str:
    """How many of these polls failed, and with what: ``3 of the last 20 polls: timeout 2, dns 1``."""
    words: dict[str, int] = {}
    for past in pasts:
        if past.failed:
            words[past.came] = words.get(past.came, 0) + 1
    if not words:
        return ""
    counts = ", ".join(f"{word} {n}" for word, n in sorted(words.items(), key=lambda item: -item[1]))
    return f"{sum(words.values())} of the last {len(pasts)} polls: {counts}"
