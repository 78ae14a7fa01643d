"""What the ledger knows, for those who only look: nothing here changes a link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redis import Redis

from jobs.keys import ARTICLE, FETCH, STAGES, Keys
from jobs.link import OUTCOMES, Story, read_story


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
        totals = dict.fromkeys(("discovered", *OUTCOMES), 0)
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
            pipe.zscore(self.keys.later, link_id)
            pipe.zscore(self.keys.leases(FETCH), link_id)
            pipe.zscore(self.keys.leases(ARTICLE), link_id)
            raw, way, page, *clocks = pipe.execute()
        if not raw:
            return None
        due = next((int(c) for c in clocks if c is not None), None)
        fields = {_text(k): _text(v) for k, v in raw.items()}
        return read_story(link_id, fields, map(_text, way), due, page_kept=bool(page))

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


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
