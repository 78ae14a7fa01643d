"""A feed's entries as links for the ledger. Pure but for the time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from jobs.entry import Entry
from jobs.errors import Outcome
from jobs.link import Found
from jobs.urls import domain, link_id


def links_of(entries: Iterable[Entry], now_ms: int | None = None) -> list[Found]:
    """The links of a feed's entries, ready for the ledger. Entries with an unusable URL are left out."""
    now = now_ms or int(time.time() * 1000)
    found: dict[str, Found] = {}
    for entry in entries:
        try:
            link, host = link_id(entry.url), domain(entry.url)
        except Outcome:
            continue
        found.setdefault(link, Found(link, entry.url, host, fresh_ms(entry, now), entry))
    return list(found.values())


def fresh_ms(entry: Entry, now_ms: int) -> int:
    """When an entry was published, as far as its feed says, and never in the future."""
    for text in (entry.published, entry.updated):
        if text:
            at = datetime.fromisoformat(text)
            return min(int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000), now_ms)
    return now_ms
