"""`.ci/run`, with a `make` of the test's own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / ".ci" / "run"
TOOLS = ("apt-get", "chromium", "docker-compose", "ip", "node", "npm", "promtool")


def run(folder: Path, make: str) -> subprocess.CompletedProcess[str]:
    """Run it with this script as `make`, and with tools that only note that they were called."""
    for name in TOOLS:
        script(folder / name, f'echo {name} "$@" >> "{folder}/called"')
    script(folder / "make", make)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run([str(RUN)], env=environment, cwd=folder, capture_output=True, text=True, timeout=20)


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_calls_make_test_in_the_repository(tmp_path: Path) -> None:
    """With CI set, so that tests which lack a tool fail; nothing is installed where all is there."""
    done = run(tmp_path, 'echo "$PWD" "$CI" "$@"')
    assert done.returncode == 0
    assert done.stdout.split() == [str(RUN.parents[1]), "true", "--no-print-directory", "test"]
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("code", [0, 2])
def test_ends_with_the_summary_of_pytest(tmp_path: Path, code: int) -> None:
    """Whether tests fail or not; and it fails when they do."""
    said = "echo one; echo '3 passed in 1.00s'; echo 'make: *** [Makefile:46: test] Error 1' >&2"
    done = run(tmp_path, f"{said}\nexit {code}")
    assert done.stdout.splitlines()[-1] == "3 passed in 1.00s"
    assert done.stderr == ""
    assert done.returncode == code
