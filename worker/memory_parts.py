"""What takes Redis's memory, by purpose: exact in a small Redis, estimated from a sample in a large one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from redis import Redis

from jobs.keys import Keys
from worker import stream

SAMPLE = 500
"""Keys that are looked at; where there are fewer, all of them."""
PURPOSES: Mapping[str, tuple[str, ...]] = {
    "pages": ("page",),
    "links": (
        "link", "way", "known", "alias", "open", "later", "leases", "ready", "lane", "lanes",
        "dead", "rechecks",
    ),
    "feeds": ("feed", "feeds", "listed", "websub", "polls"),
    "copies and stories": (
        "bands", "copied", "story", "gist", "posts", "rarity", "newest-stories", "stories",
    ),
}  # fmt: skip
"""Purpose → second parts of the keys' names; what is in none is ``other``; events and RQ's are told apart."""
EVENTS, RQ, OTHER = "events", "rq", "other"


def by_purpose(redis: Redis, keys: Keys) -> dict[str, int]:
    """Bytes by purpose, the largest first; four round trips however many keys there are."""
    count: Any = redis.dbsize()
    names = list(redis.scan_iter(count=2 * SAMPLE)) if count <= SAMPLE else _some(redis)
    with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.memory_usage(name)
        sizes = pipe.execute()
    found = estimated(zip(names, sizes, strict=True), keys, count)
    found[EVENTS] = stream.size_bytes(redis, keys)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _some(redis: Redis) -> list[bytes]:
    with redis.pipeline(transaction=False) as pipe:
        for _ in range(SAMPLE):
            pipe.randomkey()
        return [name for name in pipe.execute() if name]


def estimated(sampled: Iterable[tuple[bytes, int | None]], keys: Keys, count: int) -> dict[str, int]:
    """Bytes by purpose of `count` keys, from some of them with their sizes; without the stream's. Pure."""
    found = dict.fromkeys((*PURPOSES, EVENTS, RQ, OTHER), 0)
    looked = 0
    for name, size in sampled:
        looked += 1
        text = name.decode("utf-8", "replace")
        if text != keys.stream:
            found[purpose(text, keys)] += size or 0
    return {what: size * max(count, looked) // looked if looked else 0 for what, size in found.items()}


def purpose(key: str, keys: Keys) -> str:
    """What a key is for."""
    if key.startswith("rq:"):
        return RQ
    space, _, rest = key.partition(":")
    part = rest.split(":")[0]
    if space != keys.namespace:
        return OTHER
    return next((what for what, parts in PURPOSES.items() if part in parts), OTHER)
