"""`palmyra failed list --by`: how many links failed, by reason, host or feed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jobs.errors import MEANING
from worker.commands import table
from worker.commands.context import print_json
from worker.selection import Record


class By(StrEnum):
    """What failed links are counted by."""

    REASON = "reason"
    HOST = "host"
    FEED = "feed"


@dataclass(slots=True)
class Group:
    """Failed links that have something in common."""

    count: int = 0
    newest_ms: int = 0
    oldest_ms: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, link: Record) -> None:
        """Count one more."""
        self.count += 1
        self.newest_ms = max(self.newest_ms, link.ended_ms)
        self.oldest_ms = min(self.oldest_ms or link.ended_ms, link.ended_ms)
        self.reasons[link.reason or ""] += 1

    @property
    def words(self) -> str:
        """Its reasons, the most frequent first: ``timeout 12, dns 3``."""
        return ", ".join(f"{reason} {count:,}" for reason, count in self.reasons.most_common())


_NAMES: dict[By, Callable[[Record], Iterable[str]]] = {
    By.REASON: lambda link: (link.reason or "",),
    By.HOST: lambda link: (link.host,),
    By.FEED: lambda link: link.feeds,
}
_MEANING = {str(reason): meaning for reason, meaning in MEANING.items()}


def groups(by: By, links: Iterable[Record]) -> list[tuple[str, Group]]:
    """The links in groups, the largest first. By feed, a link that several feeds list is in several."""
    found: dict[str, Group] = defaultdict(Group)
    for link in links:
        for name in _NAMES[by](link):
            found[name].add(link)
    return sorted(found.items(), key=lambda item: (-item[1].count, item[0]))


def print_counts(by: By, links: Iterable[Record], limit: int, *, as_json: bool) -> None:
    """Print the largest groups."""
    largest = groups(by, links)[:limit]
    if as_json:
        for name, group in largest:
            print_json(_data(by, name, group))
        return
    last = "meaning" if by is By.REASON else "reasons"
    rows = [
        (
            name,
            group.count,
            table.when(group.newest_ms),
            _MEANING.get(name, "") if by is By.REASON else group.words,
        )
        for name, group in largest
    ]
    table.show((by, "count", "newest (UTC)", last), rows, numbers=["count"])


def _data(by: By, name: str, group: Group) -> dict[str, Any]:
    times = {"newest_ms": group.newest_ms, "oldest_ms": group.oldest_ms}
    return {str(by): name, "count": group.count, **times, "reasons": dict(group.reasons.most_common())}
