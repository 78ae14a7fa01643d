"""`palmyra bench poll`: what one poller process does in a second, and what a feed costs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.bench import redis_cost, usage
from worker.bench.machine import machine
from worker.bench.poll_documents import LISTED
from worker.bench.poll_seed import seed
from worker.bench.poll_server import MODES, NOT_MODIFIED
from worker.bench.poll_world import World, world
from worker.bench.whole import DidNotFinish
from worker.feeds.poller import POLLS_AT_A_TIME

FEEDS = (1_000, 10_000)
SECONDS = 12.0
"""For each kind of answer: as many rounds over all feeds as there are, or as much of one."""
ALONE_S = 5.0
WARM, WARM_S = 200, 2.0
"""Feeds, and seconds, before it counts."""
LOOK_EVERY_S = 0.1
MIB = 2**20
CLOCK = (
    "Per core: by a second of the poller process's own CPU, all threads, the dispatcher's too. The parser's, "
    "Redis's and the server's are apart. Each feed is a host of its own, asked over a new connection."
)

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """What had been used by then."""

    at_s: float
    poller_s: float
    """CPU of the poller process."""
    children_s: float
    """CPU of its children, which parse."""
    server_s: float
    redis: redis_cost.Counters


def poll(counts: Sequence[int], *, seconds: float, tell: Callable[[str], None]) -> Figures:
    """Measure for each number of feeds, and return the result, ready for JSON.

    Raises:
        PalmyraError: what could not be measured, and why.
    """
    usage.require_linux()
    before = machine()
    with tempfile.TemporaryDirectory(prefix="palmyra-bench-") as scratch:
        runs = [_run(Path(scratch) / str(count), count, seconds, tell) for count in counts]
    return {
        "bench": "poll",
        "machine": {"before": before, "after": machine()},
        "clock": CLOCK,
        "entries": LISTED,
        "at_a_time": POLLS_AT_A_TIME,
        "runs": runs,
    }


def _run(home: Path, count: int, seconds: float, tell: Callable[[str], None]) -> Figures:
    with world(home) as one:
        tell(f"{count:,} feeds: registered, and taught what polls teach")
        empty = redis_cost.held(one.redis)
        ids = seed(one, count)
        held = redis_cost.held(one.redis).since(empty)
        tell(f"{count:,} feeds: the HTTP client alone")
        alone = client_alone(one, count, min(seconds, ALONE_S))
        with one.poller() as pid:
            kinds = {}
            for mode in MODES:
                tell(f"{count:,} feeds: {mode}")
                kinds[mode] = measured(one, pid, ids, mode, seconds)
            memory = {"poller": [usage.process_memory(pid)], "parser": list(_memory_below(pid))}
    return {
        "feeds": count,
        "kinds": kinds,
        "client_alone": alone,
        "not_modified_by_client_alone": kinds[NOT_MODIFIED]["polls_per_core"] / alone["polls_per_core"],
        "redis_bytes": of_redis(held, one, count),
        "rss_mib": {name: sum(m.rss_bytes for m in held) / MIB for name, held in memory.items()},
        "pss_mib": {name: sum(m.pss_bytes for m in held) / MIB for name, held in memory.items()},
    }


def _memory_below(pid: int) -> Iterator[usage.Memory]:
    return (usage.process_memory(child) for child in usage.kinds(pid, usage.processes()) if child != pid)


def client_alone(one: World, count: int, seconds: float) -> Figures:
    """The yardstick: the same requests with the same client, and nothing else."""
    one.server.be(NOT_MODIFIED)
    command = [sys.executable, "-m", "worker.bench.poll_client", "--port", str(one.server.port)]
    command += ["--feeds", str(count), "--seconds", str(seconds)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return _rates(said["polls"], said["wall_s"], said["cpu_s"])


def measured(one: World, pid: int, ids: list[str], mode: str, seconds: float) -> Figures:
    """Polls with one kind of answer, for some seconds: feeds that were polled are due again."""
    one.server.be(mode)
    _polls(one, ids[:WARM], WARM_S)  # the first answers in a mode may be other ones
    rss = usage.process_memory(pid).rss_bytes
    before = moment(one, pid)
    polls, looks = _polls(one, ids, seconds)
    after = moment(one, pid)
    grown = usage.process_memory(pid).rss_bytes - rss
    return of_polls(before, after, polls, looks) | {"rss_grown_mib": grown / MIB}


def _polls(one: World, ids: list[str], seconds: float) -> tuple[int, int]:
    """Keep these feeds due for some seconds, and wait for the polls that have begun by then.

    Returns how many there were, and how often it looked.
    """
    end_s = time.monotonic() + seconds
    asked = looks = waiting = 0
    while time.monotonic() < end_s:
        if waiting <= len(ids) // 4:  # a poller without anything to do would look once a second only
            asked, looks = asked + one.let_poll(ids), looks + 1
        time.sleep(LOOK_EVERY_S)
        waiting, looks = one.waiting(), looks + 1
    called_off, looked = one.call_off()
    return asked - called_off, looks + looked


def moment(one: World, pid: int) -> Moment:
    """What has been used so far."""
    running = usage.processes()
    all_s = sum(running[one].cpu_s for one in usage.kinds(pid, running))
    return Moment(
        time.monotonic(),
        running[pid].own_cpu_s,
        all_s - running[pid].own_cpu_s,
        running[one.server.pid].cpu_s,
        redis_cost.counters(one.redis),
    )


def of_polls(before: Moment, after: Moment, polls: int, looks: int) -> Figures:
    """The figures of polls between two moments."""
    wall_s = after.at_s - before.at_s
    redis = redis_cost.since(before.redis, after.redis, {"info": 2}, looks + 1)
    return _rates(polls, wall_s, after.poller_s - before.poller_s) | {
        "parser_cpu_ms": (after.children_s - before.children_s) * 1000 / polls,
        "poller_cores_used": (after.poller_s - before.poller_s) / wall_s,
        "server_cores_used": (after.server_s - before.server_s) / wall_s,
        "redis_commands": redis.commands / polls,
        "redis_round_trips": redis.reads / polls,
        "redis_commands_by_name": {name: count / polls for name, count in sorted(redis.calls.items())},
    }


def _rates(polls: int, wall_s: float, cpu_s: float) -> Figures:
    if not polls or not cpu_s:
        raise DidNotFinish(f"{polls} polls in {wall_s:.0f} s are too few to say anything: try --seconds")
    return {
        "polls": polls,
        "polls_per_s": polls / wall_s,
        "polls_per_core": polls / cpu_s,
        "cpu_s": cpu_s,
        "cpu_ms": cpu_s * 1000 / polls,
    }


def of_redis(held: redis_cost.Held, one: World, count: int) -> Figures:
    """Bytes by feed and by remembered link, of the keys that hold them."""
    families = held.by_family

    def of(*keys: str) -> int:
        return sum(families.get(redis_cost.family(key.encode()), 0) for key in keys)

    feeds = of(one.keys.feed("")) + of(one.keys.feeds)
    return {
        "feed": feeds / count,
        "remembered_link": of(one.keys.listed(""), one.keys.known("")) / (count * LISTED),
        "used_memory_feed": held.used_bytes / count,
        "by_family": {name: size / count for name, size in sorted(families.items())},
    }
