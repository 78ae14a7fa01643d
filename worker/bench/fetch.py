"""`palmyra bench fetch`: what one fetch process brings in from slow sites, and what a page costs it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.bench import usage
from worker.bench.fetch_world import World, world
from worker.bench.machine import machine

MIB = 2**20
LOOK_EVERY_S = 0.25
EDGES = 0.1
"""The part of the pages at either end that is not counted as sustained: the first round, and the last."""
CLOCK = (
    "Sustained: between the first and the last tenth of the pages. CPU from the first link to the last page, "
    "by page; RSS is the most that was seen in that time, PSS what it was at the end."
)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a run."""

    at_s: float
    fetched: int
    rss_bytes: int


def fetch(
    *, hosts: int, delay_s: float, pages: int, concurrency: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Run it, and return the result, ready for JSON.

    Raises:
        PalmyraError: the pages did not come.
    """
    usage.require_linux()
    before = machine()
    with (
        tempfile.TemporaryDirectory(prefix="palmyra-bench-") as scratch,
        world(Path(scratch) / "home", hosts=hosts, delay_s=delay_s, fetch_concurrency=concurrency) as one,
        one.worker() as process,
    ):
        tell(f"one page of each of {hosts} hosts, for their robots.txt")
        one.give(hosts)
        one.settle(within_s=60 + hosts * max(delay_s, 0.1))
        tell(f"{pages} pages")
        figures = _measured(one, process.pid, pages, delay_s)
        figures["pages"] = {
            "count": pages,
            "mean_bytes": statistics.mean(one.sites.page_bytes),
            "mean_wire_bytes": statistics.mean(one.sites.wire_bytes),
        }
    return {
        "bench": "fetch",
        "hosts": hosts,
        "delay_s": delay_s,
        "concurrency": concurrency,
        "limit_per_s": concurrency / delay_s if delay_s else None,
        "machine": {"before": before, "after": machine()},
        "clock": CLOCK,
        **figures,
    }


def _measured(one: World, pid: int, pages: int, delay_s: float) -> dict[str, Any]:
    already = one.fetched()
    pids = {"fetch": pid, "redis": one.redis_pid, "sites": one.sites.pid}
    cpu_s = {name: usage.process_cpu_s(which) for name, which in pids.items()}
    started_s = time.monotonic()
    one.give(pages)
    looks = _watched(one, pid, already + pages, within_s=60 + pages * max(delay_s, 0.1))
    used_s = {name: usage.process_cpu_s(which) - cpu_s[name] for name, which in pids.items()}
    held = usage.process_memory(pid)
    return {
        "pages_per_s": sustained(looks, already, pages),
        "pages_per_s_whole": pages / (looks[-1].at_s - started_s),
        "cpu_ms": {name: seconds * 1000 / pages for name, seconds in used_s.items()},
        "cores_used": used_s["fetch"] / (looks[-1].at_s - started_s),
        "rss_mib": max(look.rss_bytes for look in looks) / MIB,
        "pss_mib": held.pss_bytes / MIB,
    }


def _watched(one: World, pid: int, until: int, within_s: float) -> list[Look]:
    looks: list[Look] = []

    def done() -> bool:
        looks.append(Look(time.monotonic(), one.fetched(), usage.process_memory(pid).rss_bytes))
        return looks[-1].fetched >= until

    deadline_s = time.monotonic() + within_s
    while not done():
        if time.monotonic() > deadline_s:
            one.settle(within_s=0)  # raises, with the end of the log
        time.sleep(LOOK_EVERY_S)
    return looks


def sustained(looks: Sequence[Look], already: int, pages: int) -> float:
    """Pages a second between the first and the last tenth."""
    low, high = already + pages * EDGES, already + pages * (1 - EDGES)
    middle = [look for look in looks if low <= look.fetched <= high] or list(looks)
    first, last = middle[0], middle[-1]
    if last.at_s <= first.at_s:
        first, last = looks[0], looks[-1]
    return (last.fetched - first.fetched) / max(last.at_s - first.at_s, LOOK_EVERY_S)
