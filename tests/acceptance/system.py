"""The whole system as a user runs it: `palmyra up` as a process, looked at through its commands."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PALMYRA = (sys.executable, "-m", "worker.cli")


class System:
    """A running `palmyra up` in a home of its own."""

    def __init__(self, home: Path, **options: object) -> None:
        self.home = home
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("PALMYRA_", "REDIS_"))}
        defaults: dict[str, object] = {
            "home": home / "data",
            "allow_networks": "127.0.0.0/8",
            "host_delay": 0,
            "poll_min": 1,
            "web_port": free_port(),
        }
        for name, value in (defaults | options).items():
            self.environment[f"PALMYRA_{name.upper()}"] = str(value)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = home / "up.log"

    def start(self, *arguments: str) -> None:
        """Start `palmyra up` and wait until its pages answer."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*PALMYRA, "up", *(arguments or ("--no-demo",))],
                cwd=self.home, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_for(lambda: self.run("health").returncode == 0, 30, lambda: self.said())

    def said(self) -> str:
        """The last of what it printed, for failures."""
        return self.log.read_text(errors="replace")[-4000:]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return subprocess.run(
            [*PALMYRA, *arguments],
            cwd=self.home, env=self.environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def json(self, *arguments: str) -> list[Any]:
        """The JSON lines that a command prints."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def ledger(self) -> dict[str, int]:
        """The balance."""
        totals: dict[str, int] = self.json("ledger")[0]
        return totals

    def settled(self, links: int, timeout_s: float) -> dict[str, int]:
        """Wait until that many links were discovered and all have their outcome."""

        def done() -> bool:
            totals = self.ledger()
            return totals["discovered"] >= links and totals["in_flight"] == 0

        wait_for(done, timeout_s, lambda: f"{self.ledger()}\n{self.said()}")
        return self.ledger()

    def processes(self) -> dict[str, list[int]]:
        """The pids of what runs, by role: redis, web, poller, fetch, article (the parent first), demo."""
        found: dict[str, list[int]] = {}
        assert self.process is not None
        for pid, parent, command in running():
            role = _role(command)
            if role and self.process.pid in ancestry(parent):
                found.setdefault(role, []).append(pid)
        return {role: sorted(pids) for role, pids in found.items()}

    def stop(self, signum: signal.Signals = signal.SIGTERM, timeout_s: float = 15) -> int:
        """Stop it as a user would; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signum)
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _role(command: str) -> str | None:
    roles = {
        "redis-server": "redis", "valkey-server": "redis", "worker.cli web": "web",
        "worker.cli poll": "poller", "work fetch": "fetch", "work article": "article", "worker.demo": "demo",
    }  # fmt: skip
    return next((role for part, role in roles.items() if part in command), None)


def running() -> Iterator[tuple[int, int, str]]:
    """Pid, parent's pid and command line of every process."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            yield int(entry.name), parent, command


def ancestry(pid: int) -> set[int]:
    """A pid and those of its ancestors."""
    parents = {p: parent for p, parent, _ in running()}
    found = set()
    while pid and pid not in found:
        found.add(pid)
        pid = parents.get(pid, 0)
    return found


@contextmanager
def system(home: Path, **options: object) -> Iterator[System]:
    """A started system, stopped whatever happens."""
    one = System(home, **options)
    try:
        one.start()
        yield one
    finally:
        one.kill()


def wait_for(done: Callable[[], bool], timeout_s: float, explain: Callable[[], str]) -> None:
    """Poll until `done`, or fail with what `explain` says."""
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, f"not done within {timeout_s} s:\n{explain()}"
        time.sleep(0.2)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
