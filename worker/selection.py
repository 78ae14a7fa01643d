"""Many links at once: which of them are meant, read from the ledger a few hundred at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from redis import Redis

from jobs.keys import Keys

BATCH = 500
"""Links of one round trip."""


@dataclass(frozen=True, slots=True)
class Record:
    """A link in short: what the ledger knows of it, without its way."""

    link_id: str
    url: str
    host: str
    """Registrable domain where it stood last."""
    feeds: tuple[str, ...]
    """Ids of the feeds that listed it, first one first."""
    state: str
    """ready, leased, running, later or closed."""
    stage: str
    attempts: int
    revision: int
    """The newest revision on the stream, 0 when there is none."""
    first_seen_ms: int
    ended_ms: int
    """When it got its outcome, ms since the epoch; 0 while it is open."""
    outcome: str | None
    reason: str | None
    detail: str | None
    final_url: str | None


_FIELDS = ["url", "host", "feeds", "state", "stage", "n", "rev", "seen", "closed", "outcome"]
_FIELDS += ["reason", "detail", "final"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which links are meant: those for which all of this holds. Empty sets hold for every link."""

    reasons: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    """``published`` means articles that were found unchanged since, too."""
    hosts: frozenset[str] = frozenset()
    """Host names in lower case; what is below them is meant too."""
    feeds: frozenset[str] = frozenset()
    """Ids."""
    from_ms: int | None = None
    """Ended then or later, ms since the epoch."""
    to_ms: int | None = None
    """Ended then or earlier."""

    def takes(self, link: Record) -> bool:
        """Is this link meant?"""
        return (
            (not self.reasons or link.reason in self.reasons)
            and (not self.outcomes or not self.outcomes.isdisjoint(_outcomes(link)))
            and (not self.feeds or not self.feeds.isdisjoint(link.feeds))
            and (self.from_ms is None or link.ended_ms >= self.from_ms)
            and (self.to_ms is None or 0 < link.ended_ms <= self.to_ms)
            and (not self.hosts or self._is_there(link))
        )

    def _is_there(self, link: Record) -> bool:
        names = {link.host, _host(link.url), _host(link.final_url or "")}
        return any(name == host or name.endswith(f".{host}") for name in names for host in self.hosts)


def dead(redis: Redis, keys: Keys, selection: Selection) -> Iterator[Record]:
    """The dead letter, newest first. What has expired from it is dropped on the way."""
    newest = "+inf" if selection.to_ms is None else selection.to_ms
    oldest = "-inf" if selection.from_ms is None else selection.from_ms
    ids: Any = redis.zrevrangebyscore(keys.dead, newest, oldest)
    for some in chunks(link_id.decode() for link_id in ids):
        found = read(redis, keys, some)
        expired = [link_id for link_id, link in zip(some, found, strict=True) if link is None]
        if expired:
            redis.zrem(keys.dead, *expired)
        yield from (link for link in found if link and selection.takes(link))


def _outcomes(link: Record) -> tuple[str | None, ...]:
    stands = link.outcome == "unchanged" and link.revision
    return (link.outcome, "published") if stands else (link.outcome,)


def closed(redis: Redis, keys: Keys, selection: Selection) -> Iterator[Record]:
    """Every remembered link that has its outcome, in no order. The whole ledger is read for it."""
    prefix = keys.link("")
    names: Iterator[bytes] = redis.scan_iter(match=f"{prefix}*", count=2 * BATCH)
    for some in chunks(name.decode("utf-8", "replace").removeprefix(prefix) for name in names):
        found = read(redis, keys, some)
        yield from (link for link in found if link and link.state == "closed" and selection.takes(link))


def read(redis: Redis, keys: Keys, link_ids: Sequence[str]) -> list[Record | None]:
    """These links, in one round trip; None for what is not remembered."""
    with redis.pipeline(transaction=False) as pipe:
        for link_id in link_ids:
            pipe.hmget(keys.link(link_id), _FIELDS)
        rows = pipe.execute()
    return [_record(link_id, row) for link_id, row in zip(link_ids, rows, strict=True)]


def _record(link_id: str, row: Sequence[bytes | None]) -> Record | None:
    values = [None if value is None else value.decode("utf-8", "replace") for value in row]
    url, host, feeds, state, stage, attempts, revision, seen, ended, outcome, reason, detail, final = values
    if not state:
        return None
    return Record(
        link_id=link_id,
        url=url or "",
        host=host or "",
        feeds=tuple(feeds.split(",")) if feeds else (),
        state=state,
        stage=stage or "",
        attempts=int(attempts or 0),
        revision=int(revision or 0),
        first_seen_ms=int(seen or 0),
        ended_ms=int(ended or 0),
        outcome=outcome,
        reason=reason,
        detail=detail,
        final_url=final,
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """`ids` in lists of `BATCH`."""
    rest = iter(ids)
    while some := list(islice(rest, BATCH)):
        yield some
