"""What may be in Redis when nothing is in flight and no process runs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from redis import Redis

from jobs.keys import FETCH, STAGES, Keys

# Names after the namespace, as jobs/keys.py has them.
PASSING = ("slot:*", "asked:*", "kept:*", "name:*", "webhook-lease:*")
"""These go by themselves, in seconds or minutes."""
WORKING = ("open", "later", "leases:*", "lanes", "lane:*", "ready:*")
"""Where links stand that are not closed: none at rest. Everything else is kept on purpose: memory, pages, the
stream, feeds, counters; each bounded, or with an end of its own (jobs/keys.py says which)."""
# RQ's names of our queues, and the failed jobs that stand for dead links.
_KEPT_BY_RQ = (
    "rq:queues",
    "rq:workers",
    "rq:workers:{ns}-*",
    "rq:failed:{fetch}",
    "rq:job:{ns}-*-dead-*",
    "rq:results:{ns}-*-dead-*",
)
_PASSING_OF_RQ = (
    "rq:job:{ns}-*",
    "rq:results:{ns}-*",
    "rq:worker:{ns}-*",
    "rq:finished:{ns}-*",
    "rq:suspended",
)


TRACES_S = 180
"""A killed worker's job shows as started for 105 s at most (its limit and a minute), then until a dispatcher
tidies up, which each does every minute."""


def left_over(redis: Redis, keys: Keys) -> Iterator[str]:
    """Every key that should not be there at rest, with what is wrong with it."""
    own = tuple(sorted(names() - {*PASSING, *WORKING}))
    kept, passing = _patterns(keys, own, _KEPT_BY_RQ), _patterns(keys, PASSING, _PASSING_OF_RQ)
    traces = _traces(redis, keys)
    for raw in redis.scan_iter(count=1000):
        key = raw.decode("utf-8", "replace")
        if kept.fullmatch(key) or _is_trace(key, traces):
            continue
        if not passing.fullmatch(key):
            yield f"{key} ({_kind(redis, key)}) is left over"
        elif redis.ttl(key) == -1 and not _is_registry(key):
            yield f"{key} never expires"


def names() -> set[str]:
    """Every name in jobs/keys.py after its namespace, with ``*`` for what varies; but those of RQ."""
    keys, found = Keys("n"), {"n:articles", "n:stories-edge"}  # the edge of the stories' own stream
    for name in vars(Keys):
        made = None if name.startswith("_") else getattr(keys, name)
        if callable(made):
            made = made(*["*"] * (made.__code__.co_argcount - 1))
        if isinstance(made, str):
            found.add(made)
    own = (name.removeprefix("n:") for name in found if name.startswith("n:"))
    return {name.replace("*:*", "*") for name in own}


def _traces(redis: Redis, keys: Keys) -> set[str]:
    """What a dispatcher is going to tidy up: registries of started jobs, and the jobs that stand there."""
    soon = time.time() + TRACES_S
    found: set[str] = set()
    for stage in STAGES:
        registry = f"rq:wip:{keys.queue(stage)}"
        started: Any = redis.zrange(registry, 0, -1, withscores=True)
        if all(until_s < soon for _, until_s in started):
            found |= {registry, *(name.decode().partition(":")[0] for name, _ in started)}
    return found


def _is_trace(key: str, traces: set[str]) -> bool:
    kind, _, rest = key.removeprefix("rq:").partition(":")
    return key in traces or (kind in ("job", "execution", "executions") and rest.partition(":")[0] in traces)


def _kind(redis: Redis, key: str) -> str:
    kind: Any = redis.type(key)
    return str(kind.decode())


def _is_registry(key: str) -> bool:
    """Finished jobs stand in one until the dispatcher's next tidying, a minute later at the most."""
    return key.startswith("rq:finished:")


def _patterns(keys: Keys, own: tuple[str, ...], rqs: tuple[str, ...]) -> re.Pattern[str]:
    names = [f"{keys.namespace}:{name}" for name in own]
    names += [name.format(ns=keys.namespace, fetch=keys.queue(FETCH)) for name in rqs]
    return re.compile("|".join(re.escape(name).replace(r"\*", ".*") for name in names))
