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
from functools import partial
from typing import Any, TypeVar

from redis import Redis
from rq.registry import FailedJobRegistry

from jobs.errors import Reason
from jobs.keys import FETCH, STAGES, Keys
from jobs.ledger import NEWEST_DEAD, DeadJob
from jobs.scripts import Scripts
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
SETTLE_S = 1.0
"""What looks wrong in RQ is looked at again after so long."""
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


_Suspect = tuple[Fault, Callable[[], None]]
"""What seems to be wrong, and what puts it right."""


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
            if fault in self.faults:
                continue  # SCAN names a key twice now and then
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

    def run(self, *, mend: bool = False, done: Callable[[int], None] = lambda count: None) -> Report:
        """Look at everything once. With `mend`, what is wrong is put right on the way.

        `done` is told of each batch of links how many they were.
        """
        report = Report()
        for some in _chunks(self._links(), BATCH):
            done(len(some))
            report.links += len(some)
            report.add(self._check(some, mend=mend))
        for some in _chunks(self._unrecorded(), BATCH):
            report.add(self._check(some, mend=mend))
        for lane, feed in self._ready_sets():
            report.add(self._check_ready(lane, feed, mend=mend))
        report.add(self._settled(self._stale_jobs, mend=mend))
        report.add(self._settled(self._dead_jobs, mend=mend))
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
        for key in (keys.open, keys.later, *map(keys.leases, STAGES)):
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
            "check", int(mend), self._keep_ms, self._keep_pages_ms, LEASE_GRACE_MS,
            now_ms - self._keep_stream_ms, gone_until(self._redis, self._keys)[0],
            f"{Job.redis_job_namespace_prefix}{self._keys.namespace}-", *link_ids,
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
    def _settled(self, look: Callable[[], Iterator[_Suspect]], *, mend: bool) -> Iterator[Fault]:
        """What is still wrong after a moment: RQ does in several steps what the ledger does in one."""
        first = {fault for fault, _ in look()}
        if not first:
            return
        time.sleep(SETTLE_S)
        for fault, repair in look():
            if fault in first:
                if mend:
                    repair()
                yield fault

    def _stale_jobs(self) -> Iterator[_Suspect]:
        """Jobs of links that are not at that attempt, that nobody runs, and that do not go by themselves."""
        pattern = re.compile(rf"([a-z0-9]{{16}})-({'|'.join(STAGES)})-(\d+)")
        prefix = f"{Job.redis_job_namespace_prefix}{self._keys.namespace}-"
        named = (match for match in map(pattern.fullmatch, self._scan(prefix)) if match)
        for some in _chunks(named, BATCH):
            with self._redis.pipeline(transaction=True) as pipe:
                for match in some:
                    pipe.hmget(self._keys.link(match[1]), ["state", "stage", "n"])
                    pipe.ttl(prefix + match[0])
                    pipe.exists(f"rq:executions:{self._keys.namespace}-{match[0]}")
                answers = pipe.execute()
            for match, link, ttl, running in zip(
                some, answers[::3], answers[1::3], answers[2::3], strict=True
            ):
                state, stage, attempt = (_text(value or b"") for value in link)
                working = state in ("leased", "running") and (stage, attempt) == (match[2], match[3])
                if ttl == -1 and not running and not working:
                    said = f"{match[2]} attempt {match[3]}, link {state or 'unknown'}"
                    remove = partial(self._remove_job, match[1], match[2], int(match[3]))
                    yield Fault(match[1], "stale_job", said), remove

    def _remove_job(self, link_id: str, stage: str, attempt: int) -> None:
        forget(self._queues[stage], self._keys.job(link_id, stage, attempt))
        self._note(link_id, f"the job of {stage} attempt {attempt} was left over in RQ, and is removed")

    def _dead_jobs(self) -> Iterator[_Suspect]:
        """The newest dead links and RQ's failed jobs: each has the other."""
        shown = self._shown()
        newest: Any = self._redis.zrevrange(self._keys.dead, 0, NEWEST_DEAD - 1, withscores=True)
        oldest_ms = (time.time() - FAILURE_TTL_S) * 1000
        young = [_text(link_id) for link_id, at_ms in newest if at_ms > oldest_ms]
        for link_id, row in self._read(young, "dead", "outcome", "host", "n", "reason"):
            job, outcome, host, attempt, reason = row
            if outcome == "failed" and job not in shown:
                show = partial(self._show, link_id, host, int(attempt or 0), reason)
                yield Fault(link_id, "dead_not_shown", reason), show
        links = {job: job.removeprefix(f"{self._keys.namespace}-").partition("-")[0] for job in sorted(shown)}
        for (job, link_id), (_, row) in zip(
            links.items(), self._read(links.values(), "dead", "outcome"), strict=True
        ):
            if row != [job, "failed"]:
                said = f"{job}, link {row[1] or 'unknown'}"
                yield Fault(link_id, "dead_job_stale", said), partial(self._remove_dead_job, link_id, job)

    def _read(self, link_ids: Iterable[str], *names: str) -> Iterator[tuple[str, list[str]]]:
        """Fields of these links' records, ``""`` for what is not there."""
        for some in _chunks(link_ids, BATCH):
            with self._redis.pipeline(transaction=False) as pipe:
                for link_id in some:
                    pipe.hmget(self._keys.link(link_id), list(names))
                rows = pipe.execute()
            for link_id, row in zip(some, rows, strict=True):
                yield link_id, [_text(value or b"") for value in row]

    def _shown(self) -> set[str]:
        """Dead jobs that RQ has."""
        pattern = re.compile(rf"{re.escape(self._keys.namespace)}-[a-z0-9]{{16}}-dead-\d+")
        registry = FailedJobRegistry(queue=self._queues[FETCH]).key
        members = (_text(job) for job, _ in self._redis.zscan_iter(registry, count=SCANNED))
        shown: set[str] = set()
        for some in _chunks((job for job in members if pattern.fullmatch(job)), SCANNED):
            with self._redis.pipeline(transaction=False) as pipe:
                for job in some:
                    pipe.exists(Job.key_for(job))
                there = pipe.execute()
            shown |= {job for job, is_there in zip(some, there, strict=True) if is_there}
        return shown

    def _remove_dead_job(self, link_id: str, job: str) -> None:
        forget(self._queues[FETCH], job)
        self._note(link_id, "its failed job was left over in RQ, and is removed")

    def _show(self, link_id: str, host: str, attempt: int, reason: str) -> None:
        """Write the failed job of a dead link, as the script that gave up did (jobs/lua/settle.lua)."""
        word = Reason(reason) if reason in set(Reason) else Reason.LOST
        dead = self._dead_job(link_id, host, attempt, word)
        hash_fields: Any = dead.fields
        result: Any = dead.result
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(dead.key, mapping=hash_fields)
            pipe.expire(dead.key, dead.ttl_s)
            pipe.delete(dead.results_key)
            pipe.xadd(dead.results_key, result)
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
