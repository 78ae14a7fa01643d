"""`palmyra chaos` as a user runs it: nothing is lost, and nothing of it stays behind, Ctrl-C or not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.acceptance.system import PALMYRA, running


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command, with its temporary files in a folder of the test's."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PALMYRA_", "REDIS_"))}
    (folder / "scratch").mkdir()
    return subprocess.Popen(
        [*PALMYRA, "chaos", *arguments],
        cwd=folder, env=environment | {"TMPDIR": str(folder / "scratch")}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def nothing_left(folder: Path) -> None:
    """No file, no process."""
    assert not list((folder / "scratch").iterdir())
    left = [command for _, _, command in running() if str(folder / "scratch") in command]
    assert not left


@pytest.mark.proof
@pytest.mark.timeout(280)
def test_the_cheap_faults_lose_nothing(tmp_path: Path) -> None:
    """Half a minute of kills and power losses under a load: every property holds, every fault struck."""
    arguments = ("--faults", "cheap", "--seconds", "25", "--links", "150", "--patience", "3")
    chaos = started(tmp_path, *arguments, "--json", "out.json")
    try:
        told, errors = chaos.communicate(timeout=220)
    finally:
        chaos.terminate()
        chaos.wait(60)
    assert chaos.returncode == 0, told + errors
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["holds"]
    assert len(result["findings"]) >= 10
    assert all(one["times"] for one in result["overcome"])
    totals = result["totals"]
    assert totals["discovered"] == 150 == totals["published"] + totals["failed"]
    assert totals["failed"] >= 2, "the poison pages, if no other"
    nothing_left(tmp_path)


@pytest.mark.proof
@pytest.mark.timeout(120)
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    """Whatever it was about to do: processes, files, and stopped ones too."""
    chaos = started(tmp_path, "--faults", "redis-pause,site", "--seconds", "60", "--links", "100")
    assert chaos.stderr is not None
    for line in chaos.stderr:
        if "running in" in line:
            break
    deadline = time.monotonic() + 30
    while not any(str(tmp_path / "scratch") in command for _, _, command in running()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    chaos.send_signal(signal.SIGINT)
    try:
        chaos.communicate(timeout=60)
    finally:
        chaos.terminate()
        chaos.wait(60)
    assert chaos.returncode != 0
    nothing_left(tmp_path)


@pytest.mark.parametrize("faults", ["", "fire", "site,fire"])
def test_an_unknown_fault_is_a_usage_error(faults: str) -> None:
    """Before anything is started; the message names those that there are."""
    done = subprocess.run([*PALMYRA, "chaos", "--faults", faults], capture_output=True, text=True)
    assert done.returncode == 2
    assert "redis-power" in done.stderr


def test_a_time_that_is_too_short_is_refused() -> None:
    """With the time that would do."""
    done = subprocess.run([*PALMYRA, "chaos", "--seconds", "30"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "give --seconds" in done.stderr
