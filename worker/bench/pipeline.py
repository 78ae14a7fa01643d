"""`palmyra bench pipeline`: Palmyra, feeds in and events out, beside bare loops over the same pages."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.keys import Keys
from jobs.urls import link_id
from worker.bench import pages, redis_cost, usage
from worker.bench.bare import Loop, loop
from worker.bench.machine import machine
from worker.bench.pages import Pages
from worker.bench.redis_cost import Counters, Held
from worker.bench.whole import PageServer, Whole, running, serving
from worker.demo.corpus import Corpus
from worker.demo.publication import AT_START

OWN_PAGES = 300
ROUNDS = 5
LOOPS = ("trafilatura", "extract")
"""The bare loops (see `worker.bench.bare`), run before Palmyra in each round."""
WHOLE = "palmyra"
CLOCK = (
    "palmyra: from the first link's discovery to the last link's outcome, by the ledger's clock, all workers "
    "warm; CPU from just before the feeds are added. Loops: from the common start of warm processes."
)
MIB = 2**20
_FIRST_S, _EACH_S = 60.0, 2.0

Figures = dict[str, Any]
"""Numbers by name, nested where there is one for each kind of process."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of Palmyra took, from feeds to the last outcome."""

    links: int
    wall_s: float
    """From the first link's discovery to the last outcome."""
    outcomes: Mapping[str, int]
    cpu_s: Mapping[str, float]
    """By kind of process; Redis is one."""
    server_cpu_s: float
    """Of the page server, which is not part of Palmyra but sits on the same cores."""
    machine_cpu_s: float
    """Of everything that ran on this machine, in `span_s`."""
    span_s: float
    """The time in which CPU was counted: up to a second longer than `wall_s`, until the poller looks."""
    memory: Mapping[str, usage.Memory]
    redis: Counters
    held: Held
    """What Redis came to hold."""
    keys: Keys


def pipeline(
    corpus: Path | None, *, rounds: int, count: int | None, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Run all rounds and return the result, ready for JSON.

    Args:
        corpus: a folder of saved pages; None: pages of our own.
        rounds: how often each run is repeated, in turn.
        count: how many pages; None: all of the corpus, or `OWN_PAGES`.
        tell: is told what goes on.

    Raises:
        PalmyraError: what could not be measured, and why.
    """
    usage.require_linux()
    before = machine()
    with tempfile.TemporaryDirectory(prefix="palmyra-bench-") as scratch:
        folder = Path(scratch)
        target = folder / "corpus"
        used = pages.saved(corpus, target, count) if corpus else pages.own(target, count or OWN_PAGES)
        runs = _rounds(used, folder, rounds, tell)
    medians = {name: median(figures) for name, figures in runs.items()}
    return {
        "bench": "pipeline",
        "pages": {"from": used.name, "count": len(used.files)},
        "rounds": rounds,
        "machine": {"before": before, "after": machine()},
        "clock": CLOCK,
        "medians": medians,
        "ratios": {name: median([ratios(p, b) for p, b in _pairs(runs, name)]) for name in LOOPS},
        "runs": runs,
    }


def _pairs(runs: Mapping[str, list[Figures]], name: str) -> list[tuple[Figures, Figures]]:
    """Palmyra and a loop, round by round: they shared the machine's mood."""
    return list(zip(runs[WHOLE], runs[name], strict=True))


def _rounds(used: Pages, folder: Path, rounds: int, tell: Callable[[str], None]) -> dict[str, list[Figures]]:
    cores = os.cpu_count() or 1
    runs: dict[str, list[Figures]] = {name: [] for name in (*LOOPS, WHOLE)}
    with serving(used.folder) as server:
        for number in range(1, rounds + 1):
            for name in LOOPS:
                tell(f"round {number} of {rounds}: bare loop of {name}, {cores} processes")
                runs[name].append(of_loop(loop(name, used.files, cores)))
            tell(f"round {number} of {rounds}: palmyra whole")
            with running(folder / f"home-{number}") as one:
                runs[WHOLE].append(of_run(measured(one, server, used), cores))
    return runs


def measured(one: Whole, server: PageServer, used: Pages) -> Run:
    """Give a warm system the page server's feeds, and measure until each link has its outcome."""
    urls = Corpus(used.folder).urls([server.url.rstrip("/")])
    links = [link_id(url) for url in urls.values()]
    held, counted = redis_cost.held(one.redis), redis_cost.counters(one.redis)
    cpu, served, busy, began = _cpu(one, server)
    one.add_feeds(server.feeds)
    looks = one.settle(AT_START + len(links), _FIRST_S + _EACH_S * len(links))
    cpu_after, served_after, busy_after, ended = _cpu(one, server)
    ours = {"hget": looks, "zcard": looks, "info": 2}
    redis = redis_cost.since(counted, redis_cost.counters(one.redis), ours, looks + 1)
    memory = usage.memory(one.pid)
    wall_s, outcomes = _told(one, links)
    return Run(
        links=len(links),
        wall_s=wall_s,
        outcomes=outcomes,
        cpu_s={kind: used_s - cpu.get(kind, 0.0) for kind, used_s in cpu_after.items()},
        server_cpu_s=served_after - served,
        machine_cpu_s=busy_after - busy,
        span_s=ended - began,
        memory=memory,
        redis=redis,
        held=redis_cost.held(one.redis).since(held),
        keys=one.ledger.keys,
    )


def _cpu(one: Whole, server: PageServer) -> tuple[dict[str, float], float, float, float]:
    """CPU seconds so far of Palmyra by kind, of the page server, of the whole machine; and the time."""
    return usage.cpu_s(one.pid), usage.process_cpu_s(server.pid), usage.machine_busy_s(), time.monotonic()


def _told(one: Whole, links: Sequence[str]) -> tuple[float, dict[str, int]]:
    """From the first discovery to the last outcome, in seconds, and how many links had which outcome."""
    with one.redis.pipeline(transaction=False) as pipe:
        for link in links:
            pipe.hmget(one.ledger.keys.link(link), "seen", "closed", "outcome")
        rows = pipe.execute()
    wall_ms = max(int(closed) for _, closed, _ in rows) - min(int(seen) for seen, _, _ in rows)
    return max(wall_ms, 1) / 1000, dict(Counter(outcome.decode() for _, _, outcome in rows))


def of_loop(run: Loop) -> Figures:
    """The figures of a bare loop."""
    return {
        "wall_s": run.wall_s,
        "articles_per_s": run.pages / run.wall_s,
        "cpu_ms": run.cpu_s * 1000 / run.pages,
        "published": run.with_text,
    }


def of_run(run: Run, cores: int) -> Figures:
    """The figures of a run of Palmyra; what is not a rate or memory is by article (link with an outcome)."""
    total_s, n = sum(run.cpu_s.values()), run.links
    sizes = redis_cost.split(run.held.by_family, run.keys) | {"used_memory": run.held.used_bytes}
    return {
        "wall_s": run.wall_s,
        "articles_per_s": n / run.wall_s,
        "cpu_ms": total_s * 1000 / n,
        "published": run.outcomes.get("published", 0),
        "outcomes": dict(run.outcomes),
        "cpu_ms_by_kind": {kind: used_s * 1000 / n for kind, used_s in sorted(run.cpu_s.items())},
        "page_server_cpu_ms": run.server_cpu_s * 1000 / n,
        "cores_used": (total_s + run.server_cpu_s) / (run.wall_s * cores),
        "cores_others": max(0.0, run.machine_cpu_s - total_s - run.server_cpu_s) / (run.span_s * cores),
        "processes": {kind: held.processes for kind, held in sorted(run.memory.items())},
        "rss_mib": {kind: held.rss_bytes / MIB for kind, held in sorted(run.memory.items())},
        "pss_mib": {kind: held.pss_bytes / MIB for kind, held in sorted(run.memory.items())},
        "redis_commands": run.redis.commands / n,
        "redis_round_trips": run.redis.reads / n,
        "redis_commands_by_name": {name: count / n for name, count in sorted(run.redis.calls.items())},
        "redis_bytes": {name: size / n for name, size in sizes.items()},
        "redis_bytes_by_family": {name: size / n for name, size in sorted(run.held.by_family.items())},
    }


def median(figures: Sequence[Figures]) -> Figures:
    """Name by name the median; a name that a run lacks counts as 0 there."""
    names = dict.fromkeys(name for one in figures for name in one)
    return {name: _median([one.get(name) for one in figures]) for name in names}


def _median(values: Sequence[Any]) -> Any:
    if any(isinstance(value, Mapping) for value in values):
        return median([value or {} for value in values])
    return statistics.median(value or 0 for value in values)


def ratios(whole: Figures, bare: Figures) -> Figures:
    """Palmyra by the loop, in one round."""
    names = ("wall_s", "articles_per_s", "cpu_ms")
    return {name: whole[name] / bare[name] for name in names}
