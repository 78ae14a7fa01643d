"""`palmyra top`: what it shows, what that costs Redis, and how it leaves the terminal: a real one."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.keys import Keys
from tests.command import Palmyra
from tests.polling import one_server
from worker.bench.redis_cost import counters
from worker.embedded import EmbeddedRedis
from worker.rqworker import PalmyraWorker
from worker.top.sample import Reader, latencies, took

ALTERNATE, BACK = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is not shown here."""
    with one_server() as server:
        yield server


@pytest.fixture
def palmyra(redis: Redis, redis_server: EmbeddedRedis, tmp_path: Path) -> Palmyra:
    return Palmyra(redis, redis_server.url, tmp_path)


class Terminal:
    """`palmyra top` on a terminal of its own."""

    def __init__(self, palmyra: Palmyra, columns: int = 140, lines: int = 50) -> None:
        self.ours, theirs = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self.ours)
        environment = palmyra.environment | {"TERM": "xterm-256color"}
        del environment["COLUMNS"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "worker.cli", "top"],
            cwd=palmyra.home, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(theirs)
        self.seen = b""

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def until(self, words: str, after: int = 0, within_s: float = 30) -> int:
        """Read until these words were shown, from that place on; returns where to read on."""
        deadline = time.monotonic() + within_s
        while True:
            text = self.seen[after:].decode("utf-8", "replace")
            if words in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text):
                return len(self.seen)
            assert time.monotonic() < deadline, (words, text[-3000:])
            self._read()

    def _read(self, timeout_s: float = 0.2) -> bool:
        if select.select([self.ours], [], [], timeout_s)[0]:
            try:
                self.seen += os.read(self.ours, 65536)
            except OSError:  # the other end is closed
                return False
        return True

    def ended(self) -> int:
        """Read to its end; its exit code."""
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read()
        while select.select([self.ours], [], [], 0.1)[0] and self._read():
            pass
        return self.process.wait(timeout=1)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.ours)


@pytest.fixture
def terminal(palmyra: Palmyra) -> Iterator[Terminal]:
    one = Terminal(palmyra)
    yield one
    one.close()


@pytest.mark.parametrize("end", ["q", "ctrl-c", "terminated"])
def test_it_ends_and_leaves_the_terminal_as_it_was(terminal: Terminal, end: str) -> None:
    """By q, Ctrl-C or SIGTERM: exit 0, the usual screen, keys shown again, the cursor too; Redis is empty."""
    terminal.until("no worker runs")
    assert ALTERNATE in terminal.seen
    assert not termios.tcgetattr(terminal.ours)[3] & termios.ICANON, "keys come at once"
    if end == "terminated":
        terminal.process.send_signal(signal.SIGTERM)
    else:
        terminal.press(b"q" if end == "q" else b"\x03")
    assert terminal.ended() == 0
    assert termios.tcgetattr(terminal.ours)[:4] == terminal.before[:4]
    assert BACK in terminal.seen
    assert terminal.seen.rindex(b"\x1b[?25h") > terminal.seen.rindex(b"\x1b[?25l")
    assert b"Traceback" not in terminal.seen


def test_it_shows_what_comes_and_fits_every_size(palmyra: Palmyra, terminal: Terminal) -> None:
    """Each second anew, and at once when the terminal gets another size."""
    at = terminal.until("no worker runs")
    palmyra.discover(1)
    PalmyraWorker(palmyra.redis, palmyra.keys, "fetch", "cli-fetch-one").register_birth()
    at = terminal.until("cli-fetch-one", after=at)
    terminal.resize(60, 40)
    os.killpg(terminal.process.pid, signal.SIGWINCH)
    time.sleep(1.5)
    terminal._read()
    at = terminal.until("cli-fetch-one", after=len(terminal.seen))
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", terminal.seen[-4000:].decode("utf-8", "replace")).split(
        "\n"
    )
    assert max(len(line.rstrip("\r")) for line in lines[2:]) <= 60


def test_it_says_when_redis_is_away_and_when_it_is_back(tmp_path: Path) -> None:
    """What was last seen stays; q is heard all the while."""
    home = tmp_path / "redis"
    home.mkdir()
    server = EmbeddedRedis(home, home / "redis.sock", options={"appendonly": "no"})
    server.start()
    with Redis.from_url(server.url) as redis:
        terminal = Terminal(Palmyra(redis, server.url, tmp_path))
        try:
            terminal.until("no worker runs")
            server.stop()
            at = terminal.until("Redis does not answer")
            server.start()
            PalmyraWorker(redis, Keys("cli"), "fetch", "cli-fetch-new").register_birth()
            at = terminal.until("cli-fetch-new", after=at)
            assert "does not answer" not in terminal.seen[at - 2500 : at].decode("utf-8", "replace")[-800:]
            server.stop()
            terminal.until("Redis does not answer", after=at)
            terminal.press(b"q")
            assert terminal.ended() == 0
        finally:
            terminal.close()
            server.stop()


def test_one_frame_for_pipes(palmyra: Palmyra) -> None:
    """--once, or no terminal: plain text, and no control character whatever feeds and groups are called."""
    palmyra.registry.add("http://127.0.0.1:9/feed", title="\x1b[2J\u202eevil [red]markup[/red]")
    palmyra.publish(1)
    palmyra.redis.xgroup_create(palmyra.keys.stream, "\x1b[31mdesk", id="0")
    for done in palmyra.each(("top",)):  # off a terminal that is --once
        assert "\x1b" not in done.stdout
        assert "\u202e" not in done.stdout
        assert r"\x1b[31mdesk" in done.stdout
        assert "[red]markup" in done.stdout
        assert "waiting" in done.stdout
    (look,) = palmyra.json("top")
    assert look["totals"]["discovered"] == 0
    assert look["stages"]["fetch"] == {"waiting": 0, "leased": 0, "running": 0}
    assert look["memory"]["used_bytes"] > 0
    assert look["polling_stopped"] is False
    assert "\x1b" not in json.dumps(look)


def test_what_waits_what_runs_and_who_holds_it(palmyra: Palmyra) -> None:
    """The way of links by stage, the host that keeps them waiting, and the marks of memory."""
    for number in range(3):
        palmyra.discover(number)
    lease = {"fetch_window": 1, "article_window": 1, "host_delay_s": 100, "max_pages": 9}
    palmyra.ledger.lease(**lease)
    palmyra.redis.config_set("maxmemory", 10**8)
    try:
        look = Reader(palmyra.redis, palmyra.keys).look()
        frame = palmyra.run("top", "--once").stdout
    finally:
        palmyra.redis.config_set("maxmemory", 0)
    assert (look.stages["fetch"].waiting, look.stages["fetch"].running) == (2, 1)
    (host,) = look.hosts
    assert (host.name, host.waiting) == ("news.test", 2)
    assert host.free_in_s > 50
    assert look.today.discovered == look.totals["discovered"] == 3
    assert "80 | 90 %" in frame
    assert "news.test" in frame


def test_a_look_takes_six_round_trips(palmyra: Palmyra) -> None:
    """However much there is; what costs more is read every ten seconds only."""
    for number in range(20):
        palmyra.discover(number)
        palmyra.registry.add(f"http://127.0.0.1:9/{number}")
        palmyra.publish(number)
    for stage in ("fetch", "article"):
        PalmyraWorker(palmyra.redis, palmyra.keys, stage, stage).register_birth()
    reader = Reader(palmyra.redis, palmyra.keys)
    reader.look()
    before = counters(palmyra.redis)
    for _ in range(10):
        reader.look()
    trips = (counters(palmyra.redis).reads - before.reads - 1) / 10
    assert trips <= 6


def test_latencies_are_of_first_revisions() -> None:
    """Each part of the way, where its times are known; a day without a time is none."""
    times: dict[str, Any] = {"published": "2026-01-01T10:00:00+01:00", "seen": "2026-01-01T09:00:10Z"}
    times |= {"fetched": "2026-01-01T09:00:11Z", "emitted": "2026-01-01T09:00:13Z"}

    def event(revision: int = 1, **known: Any) -> bytes:
        return json.dumps({"data": {"revision": revision, "timings": times | known}}).encode()

    first = took(event())
    assert first == {
        "published → seen": 10, "seen → fetched": 1, "fetched → emitted": 2, "seen → emitted": 3,
    }  # fmt: skip
    assert took(event(2)) == took(b"no json") == took(b"[]") == {}
    assert "published → seen" not in took(event(published="2026-01-01"))
    (one, *_) = latencies([first]).values()
    assert (one.p50_s, one.p95_s, one.count) == (10, 10, 1)
    several = latencies([{"seen → emitted": float(n)} for n in range(101)])["seen → emitted"]
    assert (several.p50_s, several.p95_s) == (50, 95)
