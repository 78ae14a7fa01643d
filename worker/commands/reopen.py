"""What `failed requeue`, `refetch` and `replay` share: opening closed links again, and telling of it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from redis import Redis

from jobs.ledger import Ledger
from jobs.reopening import How, Reopened, Status
from worker import selection
from worker.commands import table
from worker.commands.selecting import confirm, identify
from worker.dead import open_again
from worker.selection import Record

EXAMPLES = 10
"""Links that a dry run names."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done with the links."""

    how: How
    note: str
    """For the links' way."""
    done: str
    """What is said of those that were opened: ``fetched again``."""

    def says(self, one: Reopened) -> str:
        """What became of one link, in words."""
        words = {
            Status.OPENED: f"is {self.done}",
            Status.OPEN_ALREADY: "is on its way already",
            Status.UNKNOWN: "is not remembered: `palmyra feeds check URL` shows what a feed lists",
            Status.WITHDRAWN: "was withdrawn, and stays so: `palmyra refetch --force` publishes it again",
            Status.NO_PAGE: "has no kept page any more: `palmyra refetch` fetches it again",
            Status.NO_EVENT: "is no longer on the stream: `palmyra replay` extracts its kept page again",
        }
        return f"{one.link_id} {words[one.status]}"


def named(ledger: Ledger, urls: Sequence[str]) -> list[str]:
    """The ids of the links that URLs and ids mean, each once. Raises PalmyraError for what is neither."""
    return list(dict.fromkeys(ledger.owner(identify(url)) for url in urls))


def open_named(
    ledger: Ledger, redis: Redis, link_ids: Sequence[str], wish: Wish, *, dry_run: bool
) -> list[Reopened]:
    """Open links that somebody names, and so waits for: ahead of what is new."""
    if dry_run:
        _rehearse([link for link in selection.read(redis, ledger.keys, link_ids) if link], wish)
        return []
    return open_again(ledger, redis, link_ids, wish.note, how=wish.how)


def open_selected(
    ledger: Ledger, redis: Redis, links: Sequence[Record], wish: Wish, *, dry_run: bool, yes: bool
) -> list[Reopened]:
    """Open many links, behind what is new; on a terminal it asks first."""
    if dry_run:
        _rehearse(links, wish)
        return []
    if links:
        confirm(f"{_count(links)} ({_kinds(links)}) will be {wish.done}. Go on?", yes=yes)
    ids = [link.link_id for link in links]
    return open_again(ledger, redis, ids, wish.note, how=wish.how, ahead=False)


def opened(done: Sequence[Reopened]) -> int:
    """How many of them were opened."""
    return sum(one.status is Status.OPENED for one in done)


def _rehearse(links: Sequence[Record], wish: Wish) -> None:
    """Say what would be done."""
    kinds = f" ({_kinds(links)})" if links else ""
    sys.stdout.write(f"{_count(links)}{kinds} would be {wish.done}\n")
    rows = [(link.link_id, link.outcome or link.state, link.reason or "", link.url) for link in links]
    if rows:
        table.show(("link", "outcome", "reason", "url"), rows[:EXAMPLES])
    if len(rows) > EXAMPLES:
        sys.stdout.write(f"and {len(rows) - EXAMPLES:,} more\n")


def _count(links: Sequence[Record]) -> str:
    return "1 link" if len(links) == 1 else f"{len(links):,} links"


def _kinds(links: Sequence[Record]) -> str:
    """What they ended as: ``timeout 12, dns 3``."""
    counts = Counter(link.reason or link.outcome or link.state for link in links)
    return ", ".join(f"{word} {count:,}" for word, count in counts.most_common())
