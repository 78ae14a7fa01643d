"""Is the ledger what it should be, and do RQ, the page store and the stream agree with it?

Everything is read in small steps, while the system works. What decides about a link is one script
(``jobs/lua/check.lua``), so nothing that merely moves is taken for a fault, and a repair meets what was seen.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import ResponseError

from jobs.errors import Reason
from jobs.keys import FETCH, STAGES, Keys
from jobs.ledger import NEWEST_DEAD, DeadJob
from jobs.scripts import Scripts
from worker.dead import dead_link
from worker.dispatch import forget
from worker.queues import FAILURE_TTL_S, Job, queue_for
from worker.stream import gone_until

BATCH = 100
"""Links that one script looks at: some 2 ms."""
SCANNED = 1000
"""Keys that one SCAN step looks at."""
EXAMPLES = 1000
"""Faults that a report lists; all are counted."""
LEASE_GRACE_MS = 10_000
"""A lease that is over for less is about to be noticed by the dispatcher."""
_DAY_MS = 86_400_000
_Item = TypeVar("_Item")

FAULTS: dict[str, str] = {
    "not_in_open": "an open link that is not counted as open",
    "misplaced": "a link that stands in the wrong place, or in two",
    "nowhere": "an open link that stands nowhere, so that its turn would never come",
    "no_record": "a waiting link without a record",
    "closed_in_open": "a link that has ended and is counted as open",
    "closed_in_place": "a link that has ended and still waits",
    "lease_over": "a lease that is over, its job gone, and nobody noticed: does a poller run?",
    "no_turn": "ready links whose host or feed is not in turn",
    "miscounted": "a counter of ready links that is wrong",
    "out_of_balance": "totals that do not balance",
    "not_dead": "a link in the dead letter that has not failed",
    "dead_unlisted": "a failed link that is missing in the dead letter",
    "dead_not_shown": "a failed link without its failed job in RQ",
    "dead_job_stale": "a failed job in RQ whose link is not dead",
    "stale_job": "a job in RQ that is no link's current attempt",
    "event_missing": "an article whose newest event is gone from the stream before its time",
    "page_without_link": "a kept page without a link",
    "page_withdrawn": "a kept page of a withdrawn article",
    "never_expires": "a record or page that would be kept for ever",
}
"""What can be wrong, in words. The scripts use the same."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong."""

    link: str
    """The link's id; ``""`` for what is of no single link."""
    kind: str
    """One of `FAULTS`."""
    detail: str


@dataclass(slots=True)
class Report:
    """What a check found."""

    links: int = 0
    """Links that were looked at."""
    counts: Counter[str] = field(default_factory=Counter)
    """How many faults of each kind."""
    faults: list[Fault] = field(default_factory=list)
    """The first `EXAMPLES` of them."""

    def add(self, rows: Iterable[Fault]) -> None:
        """Take these faults in."""
        for fault in rows:
            self.counts[fault.kind] += 1
            if len(self.faults) < EXAMPLES:
                self.faults.append(fault)


class Check:
    """Checks one ledger, and mends it when asked to. `redis` must not decode responses."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        dead_job: Callable[[str, str, int, Reason], DeadJob],
        *,
        keep_ledger_days: float,
        keep_pages_days: float,
        keep_stream_days: float,
    ) -> None:
        self._redis, self._keys, self._dead_job = redis, keys, dead_job
        self._run = Scripts(redis, keys).run
        self._keep_ms = int(keep_ledger_days * _DAY_MS)
        self._keep_pages_ms = int(keep_pages_days * _DAY_MS)
        self._keep_stream_ms = int(keep_stream_days * _DAY_MS)
        self._queues = {stage: queue_for(keys, stage, redis) for stage in STAGES}

    def run(self, *, mend: bool = False) -> Report:
        """Look at everything once. With `mend`, what is wrong is put right on the way."""
        report = Report()
        for some in _chunks(self._links(), BATCH):
            report.links += len(some)
            report.add(self._check(some, mend=mend))
        for some in _chunks(self._unrecorded(), BATCH):
            report.add(self._check(some, mend=mend))
        for lane, feed in self._ready_sets():
            report.add(self._check_ready(lane, feed, mend=mend))
        report.add(self._stale_jobs(mend=mend))
        report.add(self._dead_jobs(mend=mend))
        report.add(_faults(self._run("check_counts", int(mend))))
        return report

    # -- links ---------------------------------------------------------------------------------------------
    def _links(self) -> Iterator[str]:
        """Every link that has a record."""
        return self._scan(self._keys.link(""))

    def _unrecorded(self) -> Iterator[str]:
        """Ids without a record that stand somewhere all the same."""
        for some in _chunks(self._named_elsewhere(), SCANNED):
            with self._redis.pipeline(transaction=False) as pipe:
                for link_id in some:
                    pipe.exists(self._keys.link(link_id))
                known = pipe.execute()
            yield from (link_id for link_id, is_known in zip(some, known, strict=True) if not is_known)

    def _named_elsewhere(self) -> Iterator[str]:
        keys = self._keys
        for key in (keys.open, keys.later, *map(keys.leases, STAGES), keys.dead):
            for member, _ in self._redis.zscan_iter(key, count=SCANNED):
                yield _text(member)
        yield from self._scan(keys.page(""))

    def _scan(self, prefix: str) -> Iterator[str]:
        """What follows a prefix in the names of keys. A name may come twice, as SCAN has it."""
        for name in self._redis.scan_iter(match=f"{prefix}*", count=SCANNED):
            yield _text(name).removeprefix(prefix)

    def _check(self, link_ids: list[str], *, mend: bool) -> Iterator[Fault]:
        now_ms = int(time.time() * 1000)
        rows = self._run(
            "check", int(mend), self._keep_ms, self._keep_pages_ms, LEASE_GRACE_MS, now_ms - self._keep_stream_ms,
            gone_until(self._redis, self._keys)[0], f"{Job.redis_job_namespace_prefix}{self._keys.namespace}-",
            *link_ids,
        )  # fmt: skip
        return _faults(rows)

    # -- turns ---------------------------------------------------------------------------------------------
    def _ready_sets(self) -> Iterator[tuple[str, str]]:
        """Lane and feed of every set of ready links."""
        for rest in self._scan(self._keys.ready("", "").removesuffix(":")):
            lane, _, feed = rest.rpartition(":")
            yield lane, feed

    def _check_ready(self, lane: str, feed: str, *, mend: bool) -> Iterator[Fault]:
        position = 0
        while position >= 0:
            position, rows = self._run("check_ready", int(mend), lane, feed, position, BATCH)
            yield from _faults(rows)

    # -- RQ ------------------------------------------------------------------------------------------------
    def _stale_jobs(self, *, mend: bool) -> Iterator[Fault]:
        """Jobs of links that are not at that attempt, and that do not go by themselves."""
        pattern = re.compile(rf"([a-z2-7]{{16}}|\d{{16}})-({'|'.join(STAGES)})-(\d+)")
        prefix = f"{Job.redis_job_namespace_prefix}{self._keys.namespace}-"
        named = ((rest, pattern.fullmatch(rest)) for rest in self._scan(prefix))
        for some in _chunks(((rest, match) for rest, match in named if match), BATCH):
            with self._redis.pipeline(transaction=True) as pipe:
                for rest, match in some:
                    pipe.hmget(self._keys.link(match[1]), ["state", "stage", "n"])
                    pipe.ttl(prefix + rest)
                answers = pipe.execute()
            for (_, match), link, ttl in zip(some, answers[::2], answers[1::2], strict=True):
                state, stage, attempt = (_text(value or b"") for value in link)
                working = state in ("leased", "running") and (stage, attempt) == (match[2], match[3])
                if ttl == -1 and not working:
                    yield self._stale(match[1], match[2], int(match[3]), state, mend=mend)

    def _stale(self, link_id: str, stage: str, attempt: int, state: str, *, mend: bool) -> Fault:
        job = self._keys.job(link_id, stage, attempt)
        if mend:
            forget(self._queues[stage], job)
            self._note(link_id, f"the job of {stage} attempt {attempt} was left over in RQ, and is removed")
        return Fault(link_id, "stale_job", f"{stage} attempt {attempt}, link {state or 'unknown'}")

    def _dead_jobs(self, *, mend: bool) -> Iterator[Fault]:
        """The newest dead links and RQ's failed jobs: each has the other."""
        shown = self._shown()
        newest: Any = self._redis.zrevrange(self._keys.dead, 0, NEWEST_DEAD - 1, withscores=True)
        oldest_ms = time.time() * 1000 - FAILURE_TTL_S * 1000
        young = [_text(link_id) for link_id, at_ms in newest if at_ms > oldest_ms]
        wanted: set[str] = set()
        for some in _chunks(young, BATCH):
            with self._redis.pipeline(transaction=False) as pipe:
                for link_id in some:
                    pipe.hmget(self._keys.link(link_id), ["dead", "host", "n", "reason", "outcome"])
                rows = pipe.execute()
            for link_id, row in zip(some, rows, strict=True):
                job, host, attempt, reason, outcome = (_text(value or b"") for value in row)
                wanted.add(job)
                if outcome == "failed" and job not in shown:
                    if mend:
                        self._show(link_id, host, int(attempt or 0), reason)
                    yield Fault(link_id, "dead_not_shown", reason)
        yield from self._gone_from_dead(shown - wanted, mend=mend)

    def _shown(self) -> set[str]:
        """Dead jobs that RQ has."""
        registry = self._queues[FETCH].failed_job_registry.key
        members = [_text(job) for job, _ in self._redis.zscan_iter(registry, count=SCANNED)]
        jobs = [job for job in members if dead_link(self._keys, job) or re.search(r"-\d{16}-dead-\d+$", job)]
        shown: set[str] = set()
        for some in _chunks(jobs, SCANNED):
            with self._redis.pipeline(transaction=False) as pipe:
                for job in some:
                    pipe.exists(Job.key_for(job))
                there = pipe.execute()
            shown |= {job for job, is_there in zip(some, there, strict=True) if is_there}
        return shown

    def _gone_from_dead(self, jobs: set[str], *, mend: bool) -> Iterator[Fault]:
        """Those of these dead jobs whose link is known and not dead by them."""
        for job in sorted(jobs):
            link_id = job.removeprefix(f"{self._keys.namespace}-").partition("-")[0]
            stands, outcome = self._redis.hmget(self._keys.link(link_id), ["dead", "outcome"])
            if outcome == b"failed" and stands == job.encode():
                continue  # older than the newest, or it failed just now
            if mend:
                forget(self._queues[FETCH], job)
                self._note(link_id, "its failed job was left over in RQ, and is removed")
            yield Fault(link_id, "dead_job_stale", _text(outcome or b"unknown"))

    def _show(self, link_id: str, host: str, attempt: int, reason: str) -> None:
        """Write the failed job of a dead link, as the script that gave up did (jobs/lua/settle.lua)."""
        word = Reason(reason) if reason in set(Reason) else Reason.LOST
        dead = self._dead_job(link_id, host, attempt, word)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(dead.key, mapping=dict(dead.fields))
            pipe.expire(dead.key, dead.ttl_s)
            pipe.delete(dead.results_key)
            pipe.xadd(dead.results_key, dict(dead.result))
            pipe.expire(dead.results_key, dead.ttl_s)
            pipe.zadd(dead.registry_key, {dead.id: dead.expires_at})
            pipe.hset(self._keys.link(link_id), "dead", dead.id)
            pipe.execute()
        self._note(link_id, "its failed job was missing in RQ, and is there again")

    def _note(self, link_id: str, text: str) -> None:
        """On the link's way, if it has one."""
        self._run("note", link_id, f"ledger check: {text}")


def _faults(rows: Iterable[Any]) -> Iterator[Fault]:
    return (Fault(_text(link), _text(kind), _text(detail)) for link, kind, detail in rows)


def _chunks(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    some: list[_Item] = []
    for item in items:
        some.append(item)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
