"""What the ledger knows, for those who only look: nothing here changes a link."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from redis import Redis

from jobs.entry import Entry
from jobs.keys import ARTICLE, FETCH, STAGES, Keys
from jobs.link import OUTCOMES, Begun, Story, read_story
from jobs.validators import Validators

_WITHDRAWN = b"news.article.withdrawn.v1"  # jobs.event.Kind, whose import is not cheap


class LedgerView:
    """The reading half of `jobs.ledger.Ledger`. `redis` must not decode responses."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis = redis
        self.keys = keys

    def totals(self) -> dict[str, int]:
        """Counters since the beginning, with ``in_flight`` counted on its own.

        The invariant: discovered = published + duplicate + unchanged + skipped + failed + in_flight.
        """
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self.keys.totals)
            pipe.zcard(self.keys.open)
            counted, in_flight = pipe.execute()
        totals = dict.fromkeys(("discovered", *OUTCOMES, "rechecks", "rechecks_published"), 0)
        totals |= {_text(k): int(v) for k, v in counted.items()}
        return totals | {"in_flight": int(in_flight)}

    def in_stages(self) -> dict[str, int]:
        """How many open links are ready, handed out, or wait for a time, by stage; for people and metrics."""
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.hmget(self.keys.waiting, list(STAGES))
            for stage in STAGES:
                pipe.zcard(self.keys.leases(stage))
            pipe.zcard(self.keys.later)
            waiting, fetching, extracting, later = pipe.execute()
        ready = [int(v or 0) for v in waiting]
        return {
            "fetch_ready": ready[0], "fetch_leased": fetching,
            "article_ready": ready[1], "article_leased": extracting, "later": later,
        }  # fmt: skip

    def story(self, link_id: str) -> Story | None:
        """One link's whole way, or None when it is not remembered."""
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self.keys.link(link_id))
            pipe.lrange(self.keys.way(link_id), 0, -1)
            pipe.exists(self.keys.page(link_id))
            pipe.zscore(self.keys.rechecks, link_id)
            pipe.zscore(self.keys.later, link_id)
            pipe.zscore(self.keys.leases(FETCH), link_id)
            pipe.zscore(self.keys.leases(ARTICLE), link_id)
            raw, way, page, recheck, *clocks = pipe.execute()
        if not raw:
            return None
        due = next((int(c) for c in clocks if c is not None), None)
        fields = {_text(k): _text(v) for k, v in raw.items()}
        again = None if recheck is None else int(recheck)
        return read_story(link_id, fields, map(_text, way), due, page_kept=bool(page), recheck_ms=again)

    def newest_event(self, link_id: str) -> str | None:
        """The newest event of an article as JSON, while it is on the stream; None for a withdrawal."""
        entry: Any = self.redis.hget(self.keys.link(link_id), "entry")
        found: Any = self.redis.xrange(self.keys.stream, entry, entry) if entry else []
        fields = found[0][1] if found else {}
        return None if fields.get(b"type") in (None, _WITHDRAWN) else _text(fields[b"event"])

    def as_if_begun(self, link_id: str, redo: str) -> Begun | None:
        """What a job would be told that began to replay a link now, for a rehearsal; None: not remembered."""
        raw: Any = self.redis.hmget(self.keys.link(link_id), _BEGUN)
        return replace(read_begun(link_id, 0, raw), redo=redo) if raw[0] else None

    def owner(self, link_id: str) -> str:
        """The link that was published from this link's URL: itself, unless it is another's final URL."""
        alias = self.redis.get(self.keys.alias(link_id))
        return _text(alias) if alias and not self.redis.exists(self.keys.link(link_id)) else link_id

    def dead(self, newest: int = 100) -> Iterator[Story]:
        """The dead letter, newest first."""
        ids: list[Any] = self.redis.zrevrange(self.keys.dead, 0, newest - 1)
        for link_id in map(_text, ids):
            story = self.story(link_id)
            if story:
                yield story
            else:
                self.redis.zrem(self.keys.dead, link_id)


_BEGUN = [
    "url",
    "next",
    "host",
    "feeds",
    "seen",
    "ev",
    "tries",
    "rev",
    "hops",
    "final",
    "sums",
    "val",
    "redo",
]


def read_begun(link_id: str, attempt: int, raw: Sequence[bytes | None]) -> Begun:
    """What a job learns when it starts, from the fields that ``jobs/lua/begin.lua`` returns."""
    values = [_text(value or b"") for value in raw]
    url, next_url, host, feeds, seen, evidence, tries, revision, hops, final, digests, val, redo = values
    return Begun(
        link_id=link_id,
        attempt=attempt,
        url=url,
        next_url=next_url or url,
        host=host,
        feeds=tuple(feeds.split(",")) if feeds else (),
        first_seen_ms=int(seen or 0),
        entry=Entry.from_json(evidence) if evidence else None,
        tries=int(tries or 0),
        revision=int(revision or 0),
        hops=int(hops or 0),
        final_url=final or url,
        digests=digests,
        validators=Validators.read(final or url, val),
        redo=redo,
    )


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
