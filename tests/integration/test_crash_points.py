"""Whatever command a process dies at, on a link's whole way: no link is lost and no event goes out twice.

Real processes run poll, dispatch, fetch and article, and are killed (SIGKILL) just before their Nth command
is sent to Redis, or just after, with its answer never read (tests/integration/mortal_process.py). A healthy
process then takes over, by nothing but leases that run out.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from rq.registry import FinishedJobRegistry, StartedJobRegistry

from jobs.keys import STAGES, Keys
from jobs.link import OUTCOMES
from jobs.urls import link_id
from tests.integration.mortal_process import URL, Process
from worker.dead_job import dead_job_maker
from worker.dispatch import tidy
from worker.embedded import EmbeddedRedis
from worker.ledger_check import Check
from worker.queues import queue_for

WHEN = ("before", "after")


class Mortals:
    """Processes to be, each killed at a command of its own."""

    def __init__(self, socket: str) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.mortal_process", socket],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def live(self, keys: Keys, at: int, when: str) -> tuple[int, int]:
        """Let one live; how many commands it sent, and the signal that ended it."""
        assert self._parent.stdin
        assert self._parent.stdout
        self._parent.stdin.write(f"{keys.namespace} {at} {when}\n")
        self._parent.stdin.flush()
        count, ended_by = self._parent.stdout.readline().split()
        return int(count), int(ended_by)

    def close(self) -> None:
        self._parent.communicate(timeout=30)


@pytest.fixture
def mortals(redis_server: EmbeddedRedis) -> Iterator[Mortals]:
    some = Mortals(str(redis_server.socket))
    yield some
    some.close()


def commands(mortals: Mortals, redis: Redis, keys: Keys) -> int:
    """How many commands the whole way takes undisturbed."""
    redis.script_flush()
    count, ended_by = mortals.live(keys, -1, "before")
    assert ended_by == 0
    assert redis.xlen(keys.stream) == 1
    assert count > 50
    return count


def die_and_recover(mortals: Mortals, redis: Redis, keys: Keys, at: int, when: str) -> None:
    """One process dies at this command, another goes on: one event, one outcome, nothing left over."""
    redis.flushall()
    redis.script_flush()  # so that they all send as many commands
    count, ended_by = mortals.live(keys, at, when)
    assert (count, ended_by) == (at, signal.SIGKILL)
    survivor = Process(redis, keys)
    deadline = time.monotonic() + 20
    while not settled(survivor):
        assert time.monotonic() < deadline, f"died {when} {at}: {survivor.ledger.story(link_id(URL))}"
        survivor.live()
    entries: Any = redis.xrange(keys.stream)
    assert [fields[b"id"].decode() for _, fields in entries] == [f"{link_id(URL)}:1"], f"died {when} {at}"
    assert left_over(redis, keys) == [], f"died {when} {at}"


def settled(process: Process) -> bool:
    """The link has its outcome, and its feed the validators of the document that listed it."""
    totals = process.ledger.totals()
    assert totals["discovered"] == sum(totals[o] for o in OUTCOMES) + totals["in_flight"]
    feeds = process.registry.registered()
    return totals["discovered"] == 1 and totals["in_flight"] == 0 and bool(feeds) and feeds[0].etag == '"1"'


def left_over(redis: Redis, keys: Keys) -> list[str]:
    """Keys that neither expire nor belong to what is remembered of a link that ended; and what is wrong."""
    for stage in STAGES:
        queue = queue_for(keys, stage, redis)
        for registry in (StartedJobRegistry, FinishedJobRegistry):
            key = registry(queue=queue).key
            members: Any = redis.zrange(key, 0, -1)
            for member in members:  # as if their time were over
                redis.zadd(key, {member: 1})
        tidy(queue)
    found = Check(
        redis, keys, dead_job_maker(redis, keys), keep_ledger_days=90, keep_pages_days=3, keep_stream_days=7
    ).run()
    singles = ("totals", "counts", "waiting", "turn", "time", "stream", "edge", "feeds", "wake")
    allowed = "|".join(re.escape(getattr(keys, name)) for name in singles)
    allowed += f"|{re.escape(keys.feed(''))}.*|{re.escape(keys.listed(''))}.*"
    # Names of workers go when RQ looks for those whose key has expired.
    allowed += "|rq:queues|rq:workers.*"
    names = [name.decode() for name in redis.scan_iter(count=1000) if redis.pttl(name) < 0]
    return [*found.counts, *(name for name in names if not re.fullmatch(allowed, name))]


@pytest.mark.timeout(120)
def test_death_at_a_command_loses_and_doubles_nothing(mortals: Mortals, redis: Redis, keys: Keys) -> None:
    """At every fifth command, before and after it by turns."""
    count = commands(mortals, redis, keys)
    for n in range(2, count + 1, 5):
        die_and_recover(mortals, redis, keys, n, WHEN[n % 2])


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.parametrize("when", WHEN)
def test_death_at_any_command_loses_and_doubles_nothing(
    mortals: Mortals, redis: Redis, keys: Keys, when: str
) -> None:
    """At each of them."""
    for n in range(1, commands(mortals, redis, keys) + 1):
        die_and_recover(mortals, redis, keys, n, when)
