"""How each fault strikes and ends."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from jobs.keys import ARTICLE, STAGES, Keys
from worker.chaos.crew import Crew
from worker.chaos.faults import FAULTS
from worker.chaos.plan import Blow
from worker.chaos.struck_redis import HOUR_S, StruckRedis
from worker.queues import Job

POLLERS, FETCHERS, CONSUMERS = ("poller-a", "poller-b"), ("fetch-a", "fetch-b"), ("consumer-a", "consumer-b")
POOLS = ("article-a", "article-b")
STOP_TRIES, STOP_AGAIN_S = 150, 0.03
"""How often workers are stopped until they are in the middle of something."""
ZOMBIES_S = 1.0
"""How long woken workers may go on with what is no longer theirs."""
_GARBAGE: tuple[dict[Any, Any], ...] = (
    {"data": b"\x80\x04 no job", "created_at": "yesterday"},
    {"data": b'["os.system", null, ["true"], {}]', "created_at": "2026-01-01T00:00:00.000000Z"},
    {"nothing": "of a job"},
)


@dataclass(slots=True)
class Blows:
    """Strikes and ends faults. `redis` waits for nothing."""

    crew: Crew
    server: StruckRedis
    redis: Redis
    keys: Keys
    struck: Counter[str] = field(default_factory=Counter)
    """By fault."""
    going_on: dict[int, Blow] = field(default_factory=dict)
    rolled_back: Counter[str] = field(default_factory=Counter)
    """What Redis lost by power losses: links (openings), and stream entries."""
    _stopped: dict[int, list[int]] = field(default_factory=dict)
    """Processes that are stopped, by blow."""
    _before: Counter[str] = field(default_factory=Counter)

    @property
    def redis_is_struck(self) -> bool:
        """Is a fault of Redis going on?"""
        return any(FAULTS[blow.fault].redis for blow in self.going_on.values())

    @property
    def redis_is_down(self) -> bool:
        """Is Redis to be left as it is, be it dead?"""
        down = ("redis-kill", "redis-power", "disk-full")
        return any(blow.fault in down for blow in self.going_on.values())

    def strike(self, blow: Blow) -> None:
        """Begin a fault."""
        self.struck[blow.fault] += 1
        self.going_on[blow.number] = blow
        _STRIKES[blow.fault](self, blow)

    def end(self, blow: Blow) -> None:
        """End it."""
        if ending := _ENDS.get(blow.fault):
            ending(self, blow)
        del self.going_on[blow.number]

    def end_all(self) -> None:
        """At the end nothing stays stopped, whatever happened."""
        for blow in list(self.going_on.values()):
            with suppress(OSError):
                self.end(blow)

    # -- processes -----------------------------------------------------------------------------------------
    def kill_one(self, names: tuple[str, ...], blow: Blow) -> None:
        """SIGKILL one of these."""
        self.crew.kill(names[int(blow.chance * len(names))])

    def kill_child(self, blow: Blow) -> None:
        """SIGKILL one child of the pools."""
        children = [pid for pool in POOLS for pid in self.crew.children(pool)]
        if children:
            os.kill(children[int(blow.chance * len(children))], signal.SIGKILL)

    def stop_workers(self, blow: Blow) -> None:
        """SIGSTOP a fetch worker and a pool with its children, in the middle of an article if possible."""
        fetcher, pool = (names[int(blow.chance * len(names))] for names in (FETCHERS, POOLS))
        children = self.crew.children(pool)
        pids = [
            pid for pid in (self.crew.members[pool].pid, *children, self.crew.members[fetcher].pid) if pid
        ]
        for _ in range(STOP_TRIES):
            _signal_all(pids, signal.SIGSTOP)
            if any(map(self._has_work, children)):
                break
            _signal_all(pids, signal.SIGCONT)
            time.sleep(STOP_AGAIN_S)
        _signal_all(pids, signal.SIGSTOP)
        self._stopped[blow.number] = pids

    def _has_work(self, pid: int) -> bool:
        """Does this worker run a job, as the ledger has it?"""
        workers: Any = self.redis.smembers("rq:workers")
        names = [key.decode().removeprefix("rq:worker:") for key in workers if self._pid(key) == pid]
        links: Any = self.redis.zrange(self.keys.leases(ARTICLE), 0, -1)
        for link in map(bytes.decode, links):
            last: Any = self.redis.lindex(self.keys.way(link), -1) or b""
            if any(last.decode().endswith(f" began on {name}") for name in names):
                return True
        return False

    def _pid(self, worker: Any) -> int:
        return int(self.redis.hget(worker, "pid") or 0)

    def wake_workers(self, blow: Blow) -> None:
        """SIGCONT: the parent last, or it would kill its children for their jobs' long time."""
        parent, *others = self._stopped.pop(blow.number, [0])
        _signal_all(others, signal.SIGCONT)
        time.sleep(ZOMBIES_S)
        _signal_all([parent] if parent else [], signal.SIGCONT)

    # -- Redis ---------------------------------------------------------------------------------------------
    def lose_power(self, blow: Blow) -> None:
        """Note what there was, and cut Redis off."""
        self._before = self._there_is()
        self.server.lose_power()

    def regain_power(self, blow: Blow) -> None:
        """Start Redis, and note what it lost."""
        self.server.start()
        self.rolled_back += self._before - self._there_is()

    def _there_is(self) -> Counter[str]:
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.hget(self.keys.totals, "discovered")
            pipe.xlen(self.keys.stream)
            links, events = pipe.execute()
        return Counter(links=int(links or 0), events=int(events or 0))

    def spoil_job(self, blow: Blow) -> None:
        """Overwrite the hash of a job that waits; of none of ours, where none does."""
        rng = random.Random(blow.chance)
        for stage in STAGES:
            queue = f"rq:queue:{self.keys.queue(stage)}"
            waiting: Any = self.redis.lrange(queue, 0, -1)
            job = rng.choice(waiting).decode() if waiting else f"{self.keys.namespace}-spoilt-{blow.number}"
            with self.redis.pipeline(transaction=True) as pipe:
                pipe.delete(Job.key_for(job))
                pipe.hset(Job.key_for(job), mapping=rng.choice(_GARBAGE))
                if not waiting:  # nobody but us would remove it
                    pipe.expire(Job.key_for(job), 60)
                    pipe.rpush(queue, job)
                pipe.execute()


def _signal_all(pids: list[int], signum: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signum)


_Act = Callable[[Blows, Blow], None]
_STRIKES: dict[str, _Act] = {
    "poller-kill": lambda all_, blow: all_.kill_one(POLLERS, blow),
    "fetch-kill": lambda all_, blow: all_.kill_one(FETCHERS, blow),
    "article-kill": lambda all_, blow: all_.kill_one(POOLS, blow),
    "child-kill": Blows.kill_child,
    "consumer-kill": lambda all_, blow: all_.kill_one(CONSUMERS, blow),
    "bad-job": Blows.spoil_job,
    "worker-stop": Blows.stop_workers,
    "redis-kill": lambda all_, _: all_.server.kill(),
    "redis-power": Blows.lose_power,
    "redis-pause": lambda all_, _: all_.server.pause(),
    "redis-full": lambda all_, _: all_.server.fill(),
    "disk-full": lambda all_, _: all_.server.fill_disk(),
    "clock-step": lambda all_, _: all_.server.set_clock(HOUR_S, all_.keys.time),
}
_ENDS: dict[str, _Act] = {
    "worker-stop": Blows.wake_workers,
    "redis-kill": lambda all_, _: all_.server.start(),
    "redis-power": Blows.regain_power,
    "redis-pause": lambda all_, _: all_.server.wake(),
    "redis-full": lambda all_, _: all_.server.empty(),
    "disk-full": lambda all_, _: all_.server.free_disk(),
    "clock-step": lambda all_, _: all_.server.set_clock(0, all_.keys.time),
}
