"""``python -m worker.demo`` as a real process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.demo.conftest import Get
from worker.demo.newsroom import Newsroom
from worker.demo.server import DemoServer

ROOT = Path(__file__).parents[3]


def start(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "worker.demo", *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_stops_when_told(get: Get, ending: signal.Signals) -> None:
    """One line of JSON when it is ready; the feeds in it answer; exit code 0 at once, nothing else said."""
    with start("--port", "0", "--interval", "60") as process:
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        assert get(ready["url"]).status == 200
        assert [get(feed["url"]).status for feed in ready["feeds"]] == [200, 200, 200]
        assert [feed["title"] for feed in ready["feeds"]][:2] == ["The Oasis Courier", "Oasen-Kurier"]
        told_s = time.monotonic()
        process.send_signal(ending)
        out, err = process.communicate(timeout=10)
        assert time.monotonic() - told_s < 2
        assert (process.returncode, out, err) == (0, "", "")


def test_a_taken_port_is_exit_code_1(newsroom: Newsroom) -> None:
    """One line on standard error says what to do."""
    with DemoServer(newsroom) as other, start("--port", str(other.port)) as process:
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "--port" in err


@pytest.mark.parametrize("options", [("--port", "x"), ("--interval", "0"), ("--hosts", "0")])
def test_wrong_usage_is_exit_code_2(options: tuple[str, str]) -> None:
    """A value that makes no sense names its option."""
    with start(*options) as process:
        _, err = process.communicate(timeout=10)
    assert process.returncode == 2
    assert options[0] in err
