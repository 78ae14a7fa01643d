"""What processes use, by kind: CPU time and memory, as Linux tells it in /proc (proc(5))."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import PalmyraError

PROC = Path("/proc")
KINDS = {
    "redis-server": "redis",
    "valkey-server": "redis",
    "worker.cli up": "up",
    "worker.cli web": "web",
    "worker.cli poll": "poller",
    "worker.cli work fetch": "fetch",
    "worker.cli work article": "article",
}
"""Part of the command line → kind. Other processes are of their parent's kind."""
# After the command's name, which may hold anything but ends at the last parenthesis: state, ppid, …
_PARENT, _TIMES, _OWN = 1, slice(11, 15), slice(11, 13)


class NoProc(PalmyraError):
    """The benchmarks read what processes use from /proc, which only Linux has."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process, at one moment."""

    pid: int
    parent: int
    command: str
    cpu_s: float
    """User and system time, with that of its children that have ended."""
    own_cpu_s: float
    """The same without them."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the processes of one kind hold together."""

    processes: int
    rss_bytes: int
    """Pages that several processes share count once for each."""
    pss_bytes: int
    """Each process's share of them: these add up."""


def require_linux() -> None:
    """Raise `NoProc` anywhere else."""
    if sys.platform != "linux":
        raise NoProc


def processes() -> dict[int, Process]:
    """All processes by pid."""
    pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    return {process.pid: process for process in map(_process, pids) if process}


def _process(pid: int) -> Process | None:
    try:
        command = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return None
    hz = os.sysconf("SC_CLK_TCK")
    cpu_s, own_s = (sum(map(int, fields[times])) / hz for times in (_TIMES, _OWN))
    return Process(pid, int(fields[_PARENT]), command.strip(), cpu_s, own_s)


def kinds(root: int, running: Mapping[int, Process]) -> dict[int, str]:
    """Kind of `root` and of each of its descendants, by pid."""
    return {pid: kind for pid in running if (kind := _kind(pid, root, running))}


def _kind(pid: int, root: int, running: Mapping[int, Process]) -> str | None:
    line = list(_ancestors(pid, running))
    if root not in {process.pid for process in line}:
        return None
    named = (kind for process in line for part, kind in KINDS.items() if part in process.command)
    return next(named, "other")


def _ancestors(pid: int, running: Mapping[int, Process]) -> Iterator[Process]:
    """The process and those above it, nearest first."""
    while process := running.get(pid):
        yield process
        pid = process.parent


def cpu_s(root: int) -> dict[str, float]:
    """CPU seconds that `root` and its descendants have used so far, by kind."""
    running = processes()
    used: dict[str, float] = {}
    for pid, kind in kinds(root, running).items():
        used[kind] = used.get(kind, 0.0) + running[pid].cpu_s
    return used


def process_cpu_s(pid: int) -> float:
    """CPU seconds that one process has used so far; 0 when it is gone."""
    process = _process(pid)
    return process.cpu_s if process else 0.0


def memory(root: int) -> dict[str, Memory]:
    """What `root` and its descendants hold, by kind."""
    held: dict[str, Memory] = {}
    for pid, kind in kinds(root, processes()).items():
        if rollup := _rollup(pid):
            before = held.get(kind, Memory(0, 0, 0))
            held[kind] = Memory(
                before.processes + 1, before.rss_bytes + rollup["Rss"], before.pss_bytes + rollup["Pss"]
            )
    return held


def process_memory(pid: int) -> Memory:
    """What one process holds; nothing when it is gone."""
    rollup = _rollup(pid)
    return Memory(1, rollup["Rss"], rollup["Pss"]) if rollup else Memory(0, 0, 0)


def _rollup(pid: int) -> dict[str, int]:
    """The sums of smaps_rollup in bytes; empty when the process is gone."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return {}
    rows = (line.split() for line in lines)
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows}


def machine_busy_s() -> float:
    """CPU seconds that all processes of this machine have used since it started."""
    fields = [int(field) for field in (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, *_ = fields
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
