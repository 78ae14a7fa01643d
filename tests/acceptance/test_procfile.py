"""The lines of the Procfile as they stand, as an operator's process manager runs them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.acceptance.system import ancestry, free_port, running, wait_for
from worker.embedded import EmbeddedRedis

ROOT = Path(__file__).parents[2]
PROCFILE = ROOT / "Procfile"
STOP_WITHIN_S = 15


def lines() -> dict[str, list[str]]:
    """Process name → command line."""
    rows = [line.partition(":") for line in PROCFILE.read_text().splitlines()]
    return {name: shlex.split(command) for name, _, command in rows}


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """What the processes are given: a real Redis, the demo's address allowed, our commands on PATH."""
    home = Path(tempfile.mkdtemp(prefix="palmyra-test-"))
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("PALMYRA_", "REDIS_"))}
    with EmbeddedRedis(home, home / "redis.sock") as server:
        yield bare | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PALMYRA_REDIS_URL": server.url,
            "PALMYRA_WEB_PORT": str(free_port()),
            "PALMYRA_ALLOW_NETWORKS": "127.0.0.0/8",
            "PALMYRA_HOST_DELAY": "0",
            "PALMYRA_POLL_MIN": "1",
            "PALMYRA_ARTICLE_WORKERS": "2",
        }
    shutil.rmtree(home, ignore_errors=True)


@contextmanager
def process(
    command: list[str], environment: dict[str, str], folder: Path, name: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A running command, whose output is in ``<name>.out`` and which does not outlive the test."""
    with (folder / f"{name}.out").open("wb") as out:
        one = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield one
        finally:
            if one.poll() is None:
                one.kill()
                one.wait()


def palmyra(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["palmyra", *arguments], env=environment, capture_output=True, text=True, timeout=30
    )


def test_names_and_commands() -> None:
    """The names are those of the documentation, and the Procfile holds nothing else."""
    assert list(lines()) == ["poller", "fetch", "article", "web"]


def test_its_lines_are_the_whole_system(environment: dict[str, str], tmp_path: Path) -> None:
    """Four processes and a Redis turn a registered feed into events on the stream.

    SIGTERM then ends each with exit code 0 within 15 s, and no process is left.
    """

    def said() -> str:
        return "\n".join(f"== {out.name}\n{out.read_text()[-1500:]}" for out in tmp_path.glob("*.out"))

    with ExitStack() as stack:
        demo = [sys.executable, "-m", "worker.demo", "--port", "0", "--interval", "0.5"]
        stack.enter_context(process(demo, environment, tmp_path, "demo"))
        processes = {
            name: stack.enter_context(process(command, environment, tmp_path, name))
            for name, command in lines().items()
        }
        wait_for(lambda: (tmp_path / "demo.out").read_text().endswith("\n"), 10, said)
        feeds = [feed["url"] for feed in json.loads((tmp_path / "demo.out").read_text())["feeds"]]
        added = palmyra(environment, "feeds", "add", *feeds)
        assert added.returncode == 0, added.stderr
        wait_for(lambda: len(events(environment)) >= 3, 30, said)
        assert all(event["data"]["headline"] for event in events(environment))
        wait_for(lambda: palmyra(environment, "health").returncode == 0, 10, said)

        pids = {pid for pid, _, _ in running() if ancestry(pid) & {p.pid for p in processes.values()}}
        assert len(pids) >= len(processes) + 2, "the pool's children are processes too"
        for one in processes.values():
            one.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN_S
        codes = {name: one.wait(deadline - time.monotonic()) for name, one in processes.items()}
        assert codes == dict.fromkeys(processes, 0), said()
        wait_for(lambda: not pids & {pid for pid, _, _ in running()}, 2, said)


def events(environment: dict[str, str]) -> list[dict[str, dict[str, str]]]:
    """What is on the stream."""
    tail = palmyra(environment, "tail", "--since", "start", "--json")
    return [json.loads(line) for line in tail.stdout.splitlines()]
