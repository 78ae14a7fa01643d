"""Palmyra's processes for tests, each started and killed by itself, with a Redis URL of its own if need be.

with Stack(folder, url) as stack:
    stack.start("work", "fetch")
    stack.run("feeds", "add", …)
    stack.settled(20, within_s=60)
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jobs.link import OUTCOMES
from tests.acceptance.system import ancestry, free_port, running, wait_for

ROOT = Path(__file__).parents[1]
ALL = (("poll",), ("work", "fetch"), ("work", "article"), ("web",))
Done = subprocess.CompletedProcess[str]


class Stack:
    """Processes with one configuration. What is left is killed at the end.

    Args:
        folder: where they run, and where their output goes.
        url: the Redis they are told of.
        options: further ones, ``host_delay=0`` for ``PALMYRA_HOST_DELAY``.
    """

    def __init__(self, folder: Path, url: str, **options: object) -> None:
        self.folder, self.url = folder, url
        self.web_port = free_port()
        bare = {k: v for k, v in os.environ.items() if not k.startswith(("PALMYRA_", "REDIS_"))}
        defaults: dict[str, object] = {
            "allow_networks": "127.0.0.0/8",
            "host_delay": 0,
            "poll_min": 1,
            "poll_max": 2,
            "article_workers": 1,
            "fetch_concurrency": 8,
            "web_port": self.web_port,
        }
        named = {f"PALMYRA_{name.upper()}": str(value) for name, value in (defaults | options).items()}
        self.environment = bare | {"PYTHONPATH": str(ROOT)} | named
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, *command: str, url: str | None = None, name: str = "", within: Sequence[str] = ()
    ) -> None:
        """Start one of the processes; `within`: a command that runs it, as ``ip netns exec`` does."""
        name = name or "-".join(command)
        with (self.folder / f"{name}.out").open("ab") as out:
            self.processes[name] = subprocess.Popen(
                [*within, sys.executable, "-m", "worker.cli", *command],
                cwd=self.folder,
                env=self.environment | {"PALMYRA_REDIS_URL": url or self.url},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def run(self, *arguments: str, url: str | None = None, within: Sequence[str] = ()) -> Done:
        """Run a command to its end."""
        return subprocess.run(
            [*within, sys.executable, "-m", "worker.cli", *arguments],
            cwd=self.folder,
            env=self.environment | {"PALMYRA_REDIS_URL": url or self.url},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def json(self, *arguments: str, **how: Any) -> list[Any]:
        """The JSON lines that a command prints."""
        done = self.run(*arguments, "--json", **how)
        assert done.returncode == 0, f"{arguments}: {done.stderr}\n{self.said()}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    def settled(self, links: int, within_s: float, **how: Any) -> dict[str, int]:
        """Wait until so many links were discovered and all of them have their outcome; the totals.

        Commands may fail meanwhile: Redis may be away.
        """
        totals: dict[str, int] = {}

        def done() -> bool:
            told = self.run("ledger", "--json", **how)
            totals.update(json.loads(told.stdout) if told.returncode == 0 else {})
            return totals.get("discovered", 0) >= links and totals["in_flight"] == 0

        wait_for(done, within_s, lambda: f"{totals}\n{self.said()}")
        return totals

    def kill(self, name: str) -> None:
        """SIGKILL to a process and all it started, at once."""
        process = self.processes.pop(name)
        family = [pid for pid, _, _ in running() if process.pid in ancestry(pid)]
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def alive(self) -> dict[str, bool]:
        """Which of the processes run."""
        return {name: process.poll() is None for name, process in self.processes.items()}

    def keep(self) -> Iterator[str]:
        """Start again what ended, as a process manager would; the names."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.start(*name.split("-"))
                yield name

    def said(self) -> str:
        """The last of what each printed, for failures."""
        outs = sorted(self.folder.glob("*.out"))
        return "\n".join(f"== {out.name}\n{out.read_text(errors='replace')[-2500:]}" for out in outs)

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for process in self.processes.values():
            process.terminate()
        deadline = time.monotonic() + 5
        while any(self.alive().values()) and time.monotonic() < deadline:
            time.sleep(0.05)
        for name in list(self.processes):
            self.kill(name)


def check_books(totals: dict[str, int], events: Sequence[dict[str, Any]], links: int) -> None:
    """Each link was discovered once and has one outcome, all were published, and each event is there once."""
    assert totals["discovered"] == links == sum(totals[outcome] for outcome in OUTCOMES), totals
    ids = [event["id"] for event in events]
    assert len(ids) == len(set(ids)) == totals["published"] == links
