"""The ledger: every link's state and when it is next due. RQ executes, the ledger is the truth.

Each transition is one Lua script (``jobs/lua``), so that it happens whole or not at all, whatever dies. Every
script that a job calls checks that its attempt is still the current one: a job that lost its lease to another
attempt changes nothing. Scripts may be sent twice (the client retries when a connection breaks): the second
time finds its work done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from redis import Redis
from redis.commands.core import Script

from jobs.entry import Entry
from jobs.errors import Reason
from jobs.keys import ARTICLE, FETCH, STAGES, Keys
from jobs.link import OUTCOMES, Begun, Found, Hopeless, Lease, Story, read_story

LEASE_S = 60
MAX_TRIES_UNREPORTED = 20
"""Attempts after which a link that never reports back is given up as ``lost``."""
MAX_DEATHS = 3
"""Unexplained deaths of a worker that make a page poison."""
MAX_KILLS = 2
"""Kills by the watchdog that make a page too complex."""
NEWEST_DEAD = 5000
"""Dead links that show as failed jobs in the RQ dashboard."""
REOPEN_AFTER_S = 600
"""A changed entry opens its link again no sooner after the link's end: some change at each poll."""
_BATCH = 50
_DAY_MS = 86_400_000
_HINT_REST_MS = 5_000
"""Between a feed's last poll and one that somebody asks for."""


@dataclass(frozen=True, slots=True)
class DeadJob:
    """The failed RQ job that stands for a dead link, ready to be written by the script that gives up."""

    id: str
    key: str
    results_key: str
    registry_key: str
    expires_at: int
    """Unix time in seconds."""
    ttl_s: int
    fields: Mapping[str, Any]
    """The job's hash."""
    result: Mapping[str, Any]
    """One entry of the job's results stream."""


@dataclass(frozen=True, slots=True)
class Handout:
    """What one call of `Ledger.lease` gives."""

    leases: tuple[Lease, ...]
    hopeless: tuple[Hopeless, ...]
    wait_ms: int | None
    """Until the next thing is due; None when nothing is waiting for a time."""


class Discovered(NamedTuple):
    """What recording a document opened."""

    new: int
    """Links never seen before."""
    changed: int
    """Known links whose entry changed."""


class Ledger:
    """All transitions of links, on one Redis. `redis` must not decode responses."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        *,
        keep_ledger_days: float = 90,
        keep_pages_days: float = 3,
        lease_s: float = LEASE_S,
        reopen_after_s: float = REOPEN_AFTER_S,
    ) -> None:
        self.redis = redis
        self.keys = keys
        self._keep_ms = int(keep_ledger_days * _DAY_MS)
        self._keep_pages_ms = int(keep_pages_days * _DAY_MS)
        self._lease_ms = int(lease_s * 1000)
        self._reopen_after_ms = int(reopen_after_s * 1000)
        self._prelude = keys.lua() + _source("prelude")
        self._scripts: dict[str, Script] = {}

    def _run(self, name: str, *args: Any) -> Any:
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = self.redis.register_script(self._prelude + _source(name))
        return script(args=args)

    # -- poller --------------------------------------------------------------------------------------------
    def discover(self, feed_id: str, found: Sequence[Found], left: Sequence[Found] = ()) -> Discovered:
        """Record what a feed lists. Idempotent.

        Args:
            feed_id: the feed.
            found: its entries; new links are opened, known ones whose entry changed are opened again.
            left: entries of a first poll that are too old to be taken; remembered, so that they never are.
        """
        opened: list[int] = []
        for batch in _chunks([(link, 1) for link in found] + [(link, 0) for link in left]):
            args: list[Any] = [feed_id, self._keep_ms, self._reopen_after_ms]
            for link, take in batch:
                args += [link.id, link.url, link.host, link.fresh_ms, link.entry.fingerprint(), take]
                args.append(link.entry.to_json())
            opened += self._run("discover", *args)
        self._run("unlist", feed_id, *(link.id for link in (*found, *left)))
        return Discovered(new=opened.count(1), changed=opened.count(2))

    def remember(self, feed_id: str) -> None:
        """The feed is unchanged: keep what it lists from expiring."""
        self._run("remember", feed_id, self._keep_ms)

    def reserve(self, host: str, delay_s: float, *, longest_wait_s: float = 30.0) -> float:
        """Reserve the host's next free moment; returns the seconds to wait for it.

        When that is longer than `longest_wait_s`, nothing was reserved: come again then.
        """
        return int(self._run("slot", host, int(delay_s * 1000), 0, int(longest_wait_s * 1000))) / 1000

    def due_feeds(self, most: int, lease_s: float) -> tuple[list[str], float]:
        """Lease feeds that are due; returns their ids and the seconds until the next one is due."""
        ids, wait_ms = self._run("due_feeds", most, int(lease_s * 1000))
        return [_text(i) for i in ids], max(int(wait_ms), 0) / 1000 if int(wait_ms) >= 0 else 60.0

    def polled(self, feed_id: str, delay_s: float, fields: Mapping[str, Any], edited: int = 0) -> bool:
        """Save what a poll learned; ``""`` removes a field. False when the feed was removed meanwhile.

        Nothing is saved when the feed was edited since it had been `edited` times.
        """
        delay_ms = int(delay_s * 1000)
        return bool(self._run("polled", feed_id, delay_ms, _HINT_REST_MS, edited, *_flat(fields)))

    def hasten(self, feed_id: str, because: str, *, within_s: float = 0) -> bool:
        """Poll a feed within this time at the latest. False when there is no such feed.

        Zero means that it has news: a poll in flight is not enough then. However often it is said, polls are
        some seconds apart.
        """
        return bool(self._run("hasten", feed_id, because, int(within_s * 1000), _HINT_REST_MS))

    def set_delay(self, host: str, seconds: float, *, days: float = 1) -> None:
        """Another time between requests to this host than the general one, for some days."""
        self.redis.set(self.keys.delay(host), int(seconds * 1000), px=int(days * _DAY_MS))

    def block(self, host: str, seconds: float) -> None:
        """Nobody asks this host for that long (Retry-After)."""
        self._run("slot", host, 0, int(seconds * 1000), 0)

    # -- dispatcher ----------------------------------------------------------------------------------------
    def lease(
        self, *, fetch_window: int, article_window: int, host_delay_s: float, max_pages: int, most: int = 100
    ) -> Handout:
        """Hand out what is due and has room in the windows (links in flight in each stage)."""
        raw_links, raw_hopeless, wait = self._run(
            "lease", self._lease_ms, int(host_delay_s * 1000), fetch_window, article_window, max_pages, most,
            MAX_TRIES_UNREPORTED, MAX_DEATHS,
        )  # fmt: skip
        leases = tuple(
            Lease(_text(i), _text(stage), int(attempt), _text(url), _text(host), _previous(_text(job)))
            for i, stage, attempt, url, host, job in raw_links
        )
        hopeless = tuple(
            Hopeless(_text(i), int(attempt), _text(reason)) for i, attempt, reason in raw_hopeless
        )
        return Handout(leases, hopeless, int(wait) if int(wait) >= 0 else None)

    def wait_for_work(self, timeout_s: float) -> None:
        """Block until something became due or has room, at most `timeout_s`."""
        self.redis.blpop([self.keys.wake], timeout=timeout_s)

    # -- jobs ----------------------------------------------------------------------------------------------
    def begin(self, link_id: str, stage: str, attempt: int, worker: str) -> Begun | None:
        """A job starts: mark its attempt running and renew the lease; None when it was overtaken."""
        raw = self._run("begin", link_id, stage, attempt, self._lease_ms, worker)
        if raw is None:
            return None
        values = [_text(value or b"") for value in raw]
        url, next_url, host, feeds, seen, evidence, tries, revision, hops, final, digests = values
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
        )

    def store(self, begun: Begun, page: bytes, final_url: str, note: str) -> bool:
        """Keep the packed page and hand the link to the article stage. False when overtaken."""
        args = (begun.link_id, begun.attempt, page, self._keep_pages_ms, final_url, note)
        return bool(self._run("store", *args))

    def commit(
        self,
        begun: Begun,
        *,
        revision: int,
        event_id: str,
        event_type: str,
        event: str,
        final_id: str,
        digests: str,
    ) -> tuple[str, str | None]:
        """Publish and close the link, once.

        Returns the outcome (``published``, ``duplicate``, ``unchanged`` or ``overtaken``) and, for a
        duplicate, the id of the link that was published from the same page.
        """
        raw = self._run(
            "commit",
            begun.link_id,
            begun.attempt,
            revision,
            event_id,
            event_type,
            event,
            final_id,
            self._keep_ms,
            digests,
        )
        outcome, _, other = _text(raw).partition(" ")
        return outcome, other or None

    def retry(
        self, link_id: str, attempt: int, delay_s: float, note: str, *, block_host: bool = False
    ) -> bool:
        """Put the link off for `delay_s`, with its whole host if `block_host`. False when overtaken."""
        return bool(self._run("retry", link_id, attempt, int(delay_s * 1000), int(block_host), note))

    def reroute(self, begun: Begun, url: str, host: str, note: str) -> bool:
        """The page moved to another domain: queue it there. False when overtaken."""
        return bool(self._run("reroute", begun.link_id, begun.attempt, url, host, note))

    def skip(self, link_id: str, attempt: int, reason: Reason, detail: str) -> bool:
        """End the link as ``skipped``. False when overtaken."""
        return bool(self._run("settle", link_id, attempt, "skipped", reason, _short(detail), self._keep_ms))

    def fail(self, link_id: str, attempt: int, reason: Reason, detail: str, dead: DeadJob) -> bool:
        """End the link as ``failed``, with `dead` in RQ's failed jobs. False when overtaken."""
        args: list[Any] = [link_id, attempt, "failed", reason, _short(detail), self._keep_ms]
        args += [
            NEWEST_DEAD,
            dead.registry_key,
            dead.expires_at,
            dead.id,
            dead.key,
            dead.results_key,
            dead.ttl_s,
        ]
        args += [2 * len(dead.fields), *_flat(dead.fields), *_flat(dead.result)]
        return bool(self._run("settle", *args))

    def release(self, link_id: str, attempt: int, note: str) -> bool:
        """Hand an unfinished attempt back, uncounted. False when overtaken."""
        return bool(self._run("release", link_id, attempt, note))

    def died(self, link_id: str, attempt: int, *, killed: bool, note: str) -> str:
        """The process of a running attempt died: ``again``, ``enough`` (give up now) or ``overtaken``."""
        cause, most = ("kills", MAX_KILLS) if killed else ("deaths", MAX_DEATHS)
        return _text(self._run("died", link_id, attempt, cause, most, note))

    def page(self, link_id: str) -> bytes | None:
        """The packed page, if it is still kept."""
        value = self.redis.get(self.keys.page(link_id))
        return value if isinstance(value, bytes) else None

    # -- operators -----------------------------------------------------------------------------------------
    def reopen(self, link_id: str, note: str, *, afresh: bool = False) -> bool | None:
        """Open a closed link again. False when it is open already, None when it is unknown."""
        raw = self._run("reopen", link_id, int(afresh), note)
        return None if raw is None else bool(raw[0])

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


def _previous(job: str) -> tuple[str, int] | None:
    stage, _, attempt = job.partition("-")
    return (stage, int(attempt)) if attempt else None


@cache
def _source(name: str) -> str:
    return (files("jobs") / "lua" / f"{name}.lua").read_text(encoding="utf-8")


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _short(text: str) -> str:
    return text[:300]


def _flat(mapping: Mapping[str, Any]) -> list[Any]:
    return [part for pair in mapping.items() for part in pair]


def _chunks(items: Sequence[tuple[Found, int]]) -> Iterator[Sequence[tuple[Found, int]]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
