"""The processes of a run: started, and started again when they die, as any process manager does."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from worker.bench import usage
from worker.bench.whole import started
from worker.config import Settings

AGAIN_S, LONGEST_PAUSE_S = 0.3, 5.0
QUICK_DEATH_S = 5.0
STOP_WITHIN_S = 20.0


@dataclass(slots=True)
class Member:
    """One process to keep running."""

    name: str
    arguments: tuple[str, ...]
    """A Python module and what follows it."""
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    started_s: float = 0.0
    start_at_s: float = 0.0
    pause_s: float = AGAIN_S
    expected: bool = False
    """It was killed by us."""

    @property
    def pid(self) -> int:
        """0 when it does not run."""
        return self.process.pid if self.process and self.process.poll() is None else 0


@dataclass(slots=True)
class Crew:
    """All processes but Redis. To be used from one thread: when that ends, they end."""

    settings: Settings
    home: Path
    members: dict[str, Member] = field(default_factory=dict)
    deaths: list[str] = field(default_factory=list)
    """Of their own accord: “name: code”."""

    def add(self, name: str, *arguments: str) -> None:
        """Run this, too."""
        self.members[name] = Member(name, arguments)
        self._start(self.members[name])

    def _start(self, one: Member) -> None:
        one.starts += 1
        one.started_s = time.monotonic()
        one.expected = False
        log = self.home / f"{one.name}-{one.starts}.log"
        one.process = started(*one.arguments, home=self.home, settings=self.settings, log=log)

    def tick(self) -> None:
        """Start again what died."""
        now = time.monotonic()
        for one in self.members.values():
            if one.process is not None and one.process.poll() is not None:
                if not one.expected:
                    self.deaths.append(f"{one.name}: {one.process.returncode}")
                quick = now - one.started_s < QUICK_DEATH_S
                one.pause_s = min(one.pause_s * 2, LONGEST_PAUSE_S) if quick else AGAIN_S
                one.start_at_s, one.process = now + one.pause_s, None
            if one.process is None and now >= one.start_at_s:
                self._start(one)

    def kill(self, name: str) -> None:
        """SIGKILL, of which the crew knows nothing more than of any other death."""
        one = self.members[name]
        if one.process is not None and one.pid:
            one.expected = True
            one.process.kill()

    def children(self, name: str) -> list[int]:
        """Pids below a process."""
        parent = self.members[name].pid
        return sorted(pid for pid, one in usage.processes().items() if parent and one.parent == parent)

    def stop(self) -> list[str]:
        """SIGTERM to all; returns who did not end in time, or not with 0, in words."""
        for one in self.members.values():
            if one.pid and one.process is not None:
                one.process.terminate()
        deadline = time.monotonic() + STOP_WITHIN_S
        return [said for one in self.members.values() if (said := _ended(one, deadline))]

    def destroy(self) -> None:
        """Whatever happened: nothing of ours goes on."""
        for pid in sorted(left_over(self.home)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for one in self.members.values():
            if one.process is not None:
                one.process.kill()
                one.process.wait()

    def logs(self, name: str) -> Iterator[Path]:
        """What a process and those before it said."""
        yield from sorted(self.home.glob(f"{name}-*.log"))


def _ended(one: Member, deadline_s: float) -> str:
    if one.process is None:
        return ""
    try:
        code = one.process.wait(max(0.1, deadline_s - time.monotonic()))
    except subprocess.TimeoutExpired:
        one.process.kill()
        one.process.wait()
        return f"{one.name} did not stop within {STOP_WITHIN_S:.0f} s"
    # A consumer has no handler: SIGTERM ends it as it ends any Python program.
    return "" if code in (0, -signal.SIGTERM) else f"{one.name} ended with {code}"


def left_over(home: Path) -> dict[int, str]:
    """Processes that still belong to a run: its folder is their working directory, or in their command."""
    found = {}
    for pid, one in usage.processes().items():
        if pid != os.getpid() and (str(home) in one.command or _works_in(pid, home)):
            found[pid] = one.command[:120]
    return found


def _works_in(pid: int, home: Path) -> bool:
    try:
        return (usage.PROC / str(pid) / "cwd").readlink().is_relative_to(home)
    except OSError:  # it ended, or is a kernel's or another user's
        return False
