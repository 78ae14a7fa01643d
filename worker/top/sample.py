"""What `palmyra top` shows, read in few round trips and without changing anything."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

from redis import Redis

from jobs import days
from jobs.keys import STAGES, Keys
from jobs.link import OUTCOMES
from worker import memory, memory_use, rq_state, stream
from worker.feeds.registry import Registry
from worker.feeds.state import state
from worker.memory import Memory
from worker.queues import Job

SLOW_S = 10.0
"""What costs a read of each feed, group or many keys is read anew after this time."""
WINDOW_S = 60.0
NEWEST = 50
"""Events of one look."""
REMEMBERED = 200
"""Events that the latencies are of."""
MOST_HOSTS = MOST_POLLS = 5
TIMES = (
    ("published → seen", "published", "seen"),
    ("seen → fetched", "seen", "fetched"),
    ("fetched → emitted", "fetched", "emitted"),
    ("seen → emitted", "seen", "emitted"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage's links."""

    waiting: int
    """Ready, in the ledger."""
    leased: int
    """Handed to RQ, and waiting for a worker there."""
    running: int


@dataclass(frozen=True, slots=True)
class Worker:
    """An RQ worker."""

    name: str
    state: str
    doing: str
    """Our own words: stage, link and host of the job that it has run for longest; empty when it is idle."""
    jobs: int
    since_s: float
    """How long it has been at that job; of an idle one, how long it has lived."""
    succeeded: int


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one part of the way took, in seconds."""

    p50_s: float
    p95_s: float
    count: int


@dataclass(frozen=True, slots=True)
class Host:
    """A host that has links waiting, and can't be asked for longest."""

    name: str
    waiting: int
    free_in_s: float


@dataclass(frozen=True, slots=True)
class NextPoll:
    """A feed that is polled soon."""

    feed: str
    title: str
    in_s: float


@dataclass(frozen=True, slots=True)
class Slow:
    """What is not read at each look."""

    feeds: Mapping[str, int]
    """State → how many."""
    groups: Sequence[stream.Group]
    memory: Mapping[str, int]
    """Purpose → bytes."""
    version: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One look."""

    at_ms: int
    totals: Mapping[str, int]
    today: days.Counts
    per_minute: Mapping[str, float] | None
    """Outcome → links a minute, over the last minute at most; None at the first look."""
    stages: Mapping[str, Stage]
    later: int
    dead: int
    stream: int
    latencies: Mapping[str, Latency]
    workers: Sequence[Worker]
    hosts: Sequence[Host]
    busy_hosts: int
    """Hosts with links waiting."""
    polls: Sequence[NextPoll]
    memory: Memory
    slow: Slow


class Reader:
    """Looks again and again; remembers what rates and latencies are made of."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._last_event = "-"
        self._times: deque[dict[str, float]] = deque(maxlen=REMEMBERED)
        self._totals: deque[tuple[float, dict[str, int]]] = deque()
        self._slow: Slow | None = None
        self._slow_at = float("-inf")

    def look(self) -> Sample:
        """Six round trips, and some more every `SLOW_S`.

        Raises:
            redis.exceptions.RedisError: Redis is away.
        """
        raw = self._read()
        now_ms = raw["now_ms"]
        workers, hosts, polls = self._details(raw, now_ms)
        if self._slow is None or time.monotonic() - self._slow_at >= SLOW_S:
            self._slow, self._slow_at = self._read_slow(now_ms), time.monotonic()
        self._remember(raw["events"])
        return Sample(
            at_ms=now_ms,
            totals=raw["totals"],
            today=raw["today"],
            per_minute=self._rates(raw["totals"]),
            stages=raw["stages"],
            later=raw["later"],
            dead=raw["dead"],
            stream=raw["stream"],
            latencies=latencies(self._times),
            workers=workers,
            hosts=hosts,
            busy_hosts=raw["busy_hosts"],
            polls=polls,
            memory=raw["memory"],
            slow=self._slow,
        )

    def _read(self) -> dict[str, Any]:
        keys, queues = self._keys, {stage: self._keys.queue(stage) for stage in STAGES}
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.info("memory")
            pipe.hgetall(keys.memory)
            pipe.hgetall(keys.totals)
            pipe.zcard(keys.open)
            # Not the whole hash: it tells thousands of hosts and feeds apart.
            pipe.hmget(
                keys.day(int(time.time()) // days.DAY_S), [f"t {name}" for name in days.Counts().__slots__]
            )
            pipe.zcard(keys.later)
            pipe.zcard(keys.dead)
            pipe.xlen(keys.stream)
            pipe.xrevrange(keys.stream, min=self._last_event, count=NEWEST)
            pipe.zrevrange(keys.lanes, 0, MOST_HOSTS - 1, withscores=True)
            pipe.zcard(keys.lanes)
            pipe.zrange(keys.feeds, 0, MOST_POLLS - 1, withscores=True)
            pipe.hmget(keys.waiting, list(STAGES))
            for stage in STAGES:
                pipe.zcard(keys.leases(stage))
                pipe.llen(rq_state.status_key(queues[stage], rq_state.QUEUED))
            told = pipe.execute()
        (
            now,
            info,
            noted,
            totals,
            open_,
            today,
            later,
            dead,
            length,
            events,
            lanes,
            busy,
            polls,
            waiting,
            *rest,
        ) = told
        counted = dict.fromkeys(("discovered", *OUTCOMES), 0) | {
            _text(name): int(n) for name, n in totals.items()
        }
        return {
            "now_ms": int(now[0]) * 1000 + int(now[1]) // 1000,
            "memory": memory.of(info, noted),
            "totals": counted | {"in_flight": int(open_)},
            "today": days.Counts(*(int(n or 0) for n in today)),
            "later": int(later), "dead": int(dead), "stream": int(length), "events": events,
            "lanes": lanes, "busy_hosts": int(busy), "polls": polls,
            "stages": _stages(waiting, rest),
        }  # fmt: skip

    def _details(self, raw: dict[str, Any], now_ms: int) -> tuple[list[Worker], list[Host], list[NextPoll]]:
        keys = self._keys
        known = [w for w in rq_state.workers(self._redis) if set(w.queues) & {keys.queue(s) for s in STAGES}]
        running = [job for worker in known for job in worker.running]
        hosts = [(_text(host), float(free)) for host, free in raw["lanes"]]
        with self._redis.pipeline(transaction=False) as pipe:
            for job in running:
                pipe.hmget(Job.key_for(job), "description", "started_at")
            for host, _ in hosts:
                pipe.zrange(keys.lane(host), 0, 99)
            for feed, _ in raw["polls"]:
                pipe.hmget(keys.feed(_text(feed)), "title", "url")
            told = iter(pipe.execute())
        jobs = {job: next(told) for job in running}
        lanes = [(host, free, next(told)) for host, free in hosts]
        feeds = [(_text(feed), due, next(told)) for feed, due in raw["polls"]]
        return (
            [_worker(worker, jobs, now_ms) for worker in known],
            self._hosts(lanes, now_ms),
            [_next_poll(feed, due, found, now_ms) for feed, due, found in feeds],
        )

    def _hosts(self, lanes: list[tuple[str, float, list[bytes]]], now_ms: int) -> list[Host]:
        with self._redis.pipeline(transaction=False) as pipe:
            for host, _, feeds in lanes:
                for feed in feeds:
                    pipe.zcard(self._keys.ready(host, _text(feed)))
            told = iter(pipe.execute())
        waiting = {host: sum(int(next(told)) for _ in feeds) for host, _, feeds in lanes}
        return [Host(host, waiting[host], max(0.0, (free - now_ms) / 1000)) for host, free, _ in lanes]

    def _read_slow(self, now_ms: int) -> Slow:
        feeds = Counter(str(state(feed, now_ms)) for feed in Registry(self._redis, self._keys).all())
        info: Any = self._redis.info("server")
        return Slow(
            feeds=dict(feeds),
            groups=stream.groups(self._redis, self._keys),
            memory=_by_size(memory_use.measure(self._redis, self._keys).by_purpose),
            version=str(info.get("valkey_version") or info["redis_version"]),
        )

    def _remember(self, events: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> None:
        for entry_id, fields in reversed(events):
            if _text(entry_id) == self._last_event:  # `min` takes it in
                continue
            self._last_event = _text(entry_id)
            times = took(fields.get(b"event", b""))
            if times:
                self._times.append(times)

    def _rates(self, totals: Mapping[str, int]) -> dict[str, float] | None:
        now_s = time.monotonic()
        self._totals.append((now_s, dict(totals)))
        while now_s - self._totals[0][0] > WINDOW_S and len(self._totals) > 2:
            self._totals.popleft()
        began_s, before = self._totals[0]
        if now_s - began_s < 0.5:
            return None
        minutes = (now_s - began_s) / 60
        names = ("discovered", *OUTCOMES)
        return {name: max(0.0, (totals[name] - before[name]) / minutes) for name in names}


def _by_size(by_purpose: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(by_purpose.items(), key=lambda item: -item[1]))


def _stages(waiting: Sequence[Any], counted: Sequence[int]) -> dict[str, Stage]:
    found = {}
    for at, stage in enumerate(STAGES):
        leased, queued = int(counted[2 * at]), int(counted[2 * at + 1])
        found[stage] = Stage(int(waiting[at] or 0), queued, max(0, leased - queued))
    return found


def _worker(worker: rq_state.WorkerState, jobs: Mapping[str, Sequence[Any]], now_ms: int) -> Worker:
    mine = [jobs[job] for job in worker.running if jobs[job][0]]
    started = sorted((_seconds_ago(_text(at or b""), now_ms), _text(what)) for what, at in mine)
    lived = (now_ms / 1000 - worker.birth.replace(tzinfo=UTC).timestamp()) if worker.birth else 0.0
    since_s, doing = started[-1] if started else (max(0.0, lived), "")
    return Worker(worker.name, worker.state, doing, len(mine), since_s, worker.succeeded)


def _next_poll(feed: str, due_ms: float, found: Sequence[bytes | None], now_ms: int) -> NextPoll:
    from jobs.urls import redact

    title, url = (_text(value or b"") for value in found)
    return NextPoll(feed, title or redact(url), (due_ms - now_ms) / 1000)


def took(event: bytes) -> dict[str, float]:
    """Seconds that each part of an article's way took, by the names in `TIMES`; {} of an update. Pure."""
    try:
        data = json.loads(event)["data"]
        if data["revision"] != 1:
            return {}
        at = {
            name: _moment(data["timings"].get(name)) for name in ("published", "seen", "fetched", "emitted")
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    found = {}
    for name, start, end in TIMES:
        began, ended = at[start], at[end]
        if began is not None and ended is not None:
            found[name] = max(0.0, ended - began)
    return found


def _moment(text: str | None) -> float | None:
    """Seconds since the epoch; None for none, and for a day without a time."""
    if not text or "T" not in text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.timestamp() if moment.tzinfo else None


def latencies(times: Sequence[Mapping[str, float]]) -> dict[str, Latency]:
    """The median and the 95th percentile of each part. Pure."""
    found = {}
    for name, *_ in TIMES:
        values = sorted(one[name] for one in times if name in one)
        if len(values) == 1:
            found[name] = Latency(values[0], values[0], 1)
        elif values:
            cuts = quantiles(values, n=20, method="inclusive")
            found[name] = Latency(cuts[9], cuts[18], len(values))
    return found


def _seconds_ago(text: str, now_ms: int) -> float:
    try:
        return max(0.0, now_ms / 1000 - datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0.0


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
