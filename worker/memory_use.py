"""What takes the room in Redis, by purpose: measured where there is one key, estimated where there are many.

Counting every key would take minutes on a large Redis, so some are drawn at random: with `DRAWN` of them, a
purpose that takes a tenth of the room is told to about a quarter of its size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from redis import Redis

from jobs.keys import Keys

DRAWN = 400
OTHER = "other"
_KINDS: Mapping[str, str] = {
    "ledger": "link way known alias open later rechecks leases lanes lane ready waiting totals counts dead "
    "day turn time wake name memory",
    "pages": "page",
    "stream": "articles edge",
    "stories": "stories stories-edge story gist posts rarity newest-stories",
    "copies": "bands copied",
    "feeds": "feeds feed listed polls websub",
    "hosts": "slot delay crawl asked kept robots site",
    "webhooks": "webhooks webhook webhook-state webhook-tries webhook-dead webhook-lease",
}
_PURPOSE = {kind: purpose for purpose, kinds in _KINDS.items() for kind in kinds.split()}
PURPOSES = (*_KINDS, "rq", OTHER)


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What Redis holds, in bytes."""

    by_purpose: Mapping[str, int]
    """Every one of `PURPOSES`; an estimate."""
    pages: int
    """How many pages are kept; an estimate."""
    used: int
    """By Redis's own account, with what no key takes."""
    limit: int
    """``maxmemory``; 0: none."""


def measure(redis: Redis, keys: Keys) -> MemoryUse:
    """Look at the memory: in three round trips, and as long as it takes to look at `DRAWN` keys."""
    single = _single(keys)
    with redis.pipeline(transaction=False) as pipe:
        pipe.info("memory")
        pipe.dbsize()
        for key in single:
            pipe.memory_usage(key)
        for _ in range(DRAWN):
            pipe.randomkey()
        info, size, *rest = pipe.execute()
    used_by = {key: int(n or 0) for key, n in zip(single, rest[: len(single)], strict=True)}
    drawn = [key.decode("utf-8", "replace") for key in rest[len(single) :] if key]
    with redis.pipeline(transaction=False) as pipe:
        for key in drawn:
            pipe.memory_usage(key)
        # A user of few rights is told nothing of the keys of others.
        each = [int(n) if isinstance(n, int) else 0 for n in pipe.execute(raise_on_error=False)]
    by, pages = estimate(keys, used_by, list(zip(drawn, each, strict=True)), int(size))
    return MemoryUse(by, pages, int(info["used_memory"]), int(info.get("maxmemory") or 0))


def estimate(
    keys: Keys, single: Mapping[str, int], drawn: list[tuple[str, int]], size: int
) -> tuple[dict[str, int], int]:
    """Bytes by purpose, and how many pages, of a Redis with `size` keys. Pure."""
    total = Counter[str](dict.fromkeys(PURPOSES, 0))
    for key, used in single.items():
        total[purpose_of(keys, key)] += used
    each = size / len(drawn) if drawn else 0.0
    for purpose in PURPOSES:
        among = [used for key, used in drawn if key not in single and purpose_of(keys, key) == purpose]
        total[purpose] += round(each * sum(among))
    kept = sum(key.startswith(keys.page("")) for key, _ in drawn)
    return dict(total), round(each * kept)


def purpose_of(keys: Keys, key: str) -> str:
    """Which of `PURPOSES` a key serves. Pure."""
    space, _, rest = key.partition(":")
    if space == keys.namespace:
        return _PURPOSE.get(rest.partition(":")[0], OTHER)
    return "rq" if space == "rq" else OTHER


def _single(keys: Keys) -> tuple[str, ...]:
    """What can grow large on its own: drawn at random, it would be missed, or count for thousands."""
    large = (keys.stream, keys.stories, keys.open, keys.later, keys.rechecks, keys.dead, keys.feeds)
    return (*large, keys.rq_failed)
