"""`palmyra verify` and `palmyra tail --format`, as people and scripts run them."""

from __future__ import annotations

import gzip
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet  # type: ignore[import-untyped]  # it has no types
from redis import Redis

from jobs.event import encode
from jobs.keys import Keys
from tests.acceptance.system import wait_for
from tests.command import ROOT, Done, Palmyra
from tests.polling import one_server
from worker.cli import main
from worker.client_testing import load
from worker.embedded import EmbeddedRedis
from worker.golden import golden_events
from worker.stream import trim


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is not the commands'."""
    with one_server() as server:
        yield server


@dataclass
class Command:
    """The command's own `main`, in this process: starting one takes seconds."""

    redis: Redis
    keys: Keys
    capture: pytest.CaptureFixture[bytes]
    raw: bytes = b""
    """What it wrote last to standard output."""

    def run(self, *arguments: str, code: int = 0) -> Done:
        sys.argv = ["palmyra", *arguments]
        self.capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        self.raw, err = self.capture.readouterr()
        assert ended.value.code == code, err
        return Done(arguments, code, self.raw.decode(errors="replace"), err.decode())


@pytest.fixture
def palmyra(
    redis: Redis,
    redis_server: EmbeddedRedis,
    keys: Keys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setenv("PALMYRA_REDIS_URL", redis_server.url)
    monkeypatch.setenv("PALMYRA_NAMESPACE", keys.namespace)
    monkeypatch.setenv("COLUMNS", "300")
    return Command(redis, keys, capsysbinary)


def entries(palmyra: Command) -> dict[str, str]:
    """Stream entry ids by event id."""
    found: Any = palmyra.redis.xrange(palmyra.keys.stream)
    return {fields[b"id"].decode(): entry.decode() for entry, fields in found}


def published(palmyra: Command, event: str, entry: str) -> None:
    """Let the ledger know of an article's newest revision."""
    article, revision = event.split(":")
    palmyra.redis.hset(palmyra.keys.link(article), mapping={"rev": revision, "entry": entry})


def stored(path: Path, *numbers: int) -> Path:
    """A file of these golden events."""
    lines = [encode(golden_events()[number].model_dump(mode="json")) for number in numbers]
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


# -- verify ------------------------------------------------------------------------------------------------
def test_what_a_consumer_stored_is_checked(
    palmyra: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Well: exit 0. Else a table of what is wrong and where, and exit 1. No Redis is needed."""
    monkeypatch.setenv("PALMYRA_REDIS_URL", "redis://127.0.0.1:1")
    good = stored(tmp_path / "good.jsonl.gz", 0, 1, 2, 3, 4)
    assert palmyra.run("verify", str(good)).stdout == "5 events of 3 articles: all as the contract says\n"
    bad = stored(tmp_path / "bad.jsonl", 0, 0, 4, 1, 3)
    bad.write_bytes(bad.read_bytes() + b'\n{"id": "\x1b[2J"}\n')
    done = palmyra.run("verify", str(bad), code=1)
    assert done.stdout.startswith("6 events of 3 articles, 3 problems\n")
    assert "line 2" in done.stdout
    assert "line 7" in done.stdout
    assert "goldenbridge2345:2" in done.stdout
    assert "\x1b" not in done.stdout
    found = json.loads(palmyra.run("verify", str(bad), "--json", "--ignore", "twice", code=1).stdout)
    assert found["problems"] == {"schema": 1, "gap": 1}
    assert [one["where"] for one in found["examples"]] == ["line 7", ""]
    palmyra.run("verify", code=3)  # the stream needs one


def test_the_stream_is_checked_against_the_ledger(palmyra: Command) -> None:
    """Every newest revision that the ledger published is there; what was trimmed is not asked for."""
    load(palmyra.redis, palmyra.keys.namespace)
    at = entries(palmyra)
    for event in {event.subject: event.id for event in golden_events()}.values():
        published(palmyra, event, at[event])
    assert palmyra.run("verify").stdout == "5 events of 3 articles: all as the contract says\n"
    lost = "goldenharvest234:2"
    palmyra.redis.xdel(palmyra.keys.stream, at[lost])
    found = json.loads(palmyra.run("verify", "--json", code=1).stdout)
    assert [(one["kind"], one["event"]) for one in found["examples"]] == [("missing", lost)]
    assert found["problems"] == {"missing": 1}
    palmyra.run("verify", "--since", at["goldenbridge2345:2"])
    trim(palmyra.redis, palmyra.keys, keep_days=-1)
    assert palmyra.run("verify").stdout.startswith("0 events")


def test_a_file_is_checked_against_the_ledger(palmyra: Command, tmp_path: Path) -> None:
    """A consumer that lost events finds out which."""
    load(palmyra.redis, palmyra.keys.namespace)
    lost = "goldenbridge2345:3"
    published(palmyra, lost, entries(palmyra)[lost])
    file = str(stored(tmp_path / "mine.jsonl", 0, 1, 2, 3))
    palmyra.run("verify", file)
    found = json.loads(palmyra.run("verify", file, "--ledger", "--json", code=1).stdout)
    assert [one["event"] for one in found["examples"]] == [lost]


def test_verify_fits_a_terminal(tmp_path: Path) -> None:
    """Read from a pipe, in a process; no line is longer than 80 columns, where it is as narrow as that."""
    bad = stored(tmp_path / "bad.jsonl", 0, 0, 4, 1)
    bad.write_bytes(bad.read_bytes() + b"{}\n")
    command = f"stty cols 80; unset COLUMNS; cat {bad} | {sys.executable} -m worker.cli verify -"
    done = subprocess.run(
        ["script", "--quiet", "--return", "--command", command, "/dev/null"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    shown = re.sub("\x1b\\[[0-9;]*m", "", done.stdout)
    assert "goldenbridge2345:2" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("missing.jsonl",), 1, "missing.jsonl can't be read"),
        ((".",), 1, ". can't be read"),
        (("--since", "tomorrow"), 2, "tomorrow"),
        (("--ignore", "nonsense"), 2, "is none of schema, id, twice"),
    ],
)
def test_verify_says_what_it_can_not_do(
    palmyra: Command, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """What, and where; usage errors are exit 2."""
    assert said in palmyra.run("verify", *arguments, code=code).stderr


# -- tail --format -----------------------------------------------------------------------------------------
def tail(palmyra: Command, *arguments: str, code: int = 0) -> Done:
    return palmyra.run("tail", "--since", "start", *arguments, code=code)


def test_tail_writes_the_formats(palmyra: Command, tmp_path: Path) -> None:
    """To standard output or a file, selected as ever."""
    load(palmyra.redis, palmyra.keys.namespace)
    assert tail(palmyra, "--format", "json").stdout == tail(palmyra, "--json").stdout
    items = [json.loads(line) for line in tail(palmyra, "--format", "ninjs").stdout.splitlines()]
    assert [item["pubStatus"] for item in items] == ["usable"] * 4 + ["canceled"]
    file = tmp_path / "out.csv"
    done = tail(palmyra, "--format", "csv", "--output", str(file), "--where", "language == 'de'")
    assert done.stdout == ""
    head, first, *rest = file.read_bytes().split(b"\r\n")
    assert head.startswith(b"event_id,event_type,")
    assert first.startswith(b"goldenharvest234:2,")
    assert rest == [*rest[:1], b""]  # the withdrawal always passes: whoever holds the article must hear of it
    tail(palmyra, "--format", "parquet", "--output", str(tmp_path / "out.parquet"))
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table["event_id"].to_pylist() == [event.id for event in golden_events()]
    tail(palmyra, "--format", "parquet")
    assert parquet.read_table(io.BytesIO(palmyra.raw)) == table


def test_tail_as_a_group_writes_and_acknowledges(
    redis: Redis, redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    """In real processes: each run goes on where the last one stopped."""
    palmyra = Palmyra(redis, redis_server.url, tmp_path)
    load(redis, palmyra.keys.namespace)
    command = ("tail", "--group", "g", "--format", "csv")
    assert len(palmyra.run(*command).stdout.splitlines()) > 5
    assert len(palmyra.run(*command).stdout.splitlines()) == 1  # the header alone


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--format", "xml"), 2, "'json', 'ninjs', 'csv', 'parquet'"),
        (("--output", "x"), 2, "--format"),
        (("--format", "csv", "--output", "no/such/folder/x"), 1, "no/such/folder/x can't be written"),
        (("--format", "parquet", "--group", "g"), 2, "whole only at its end"),
        (
            ("--format", "csv", "--group", "g", "--output", "there"),
            1,
            "there exists. A group's events come once",
        ),
    ],
)
def test_tail_says_what_it_can_not_write(
    palmyra: Command, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """And what to do instead."""
    Path("there").write_text("events that came before")
    assert said in tail(palmyra, *arguments, code=code).stderr
    assert Path("there").read_text() == "events that came before"


def test_a_parquet_file_is_whole_after_ctrl_c(
    redis: Redis, redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    """With --follow the file is closed when one ends it; until then only a bounded part waits in memory."""
    palmyra, file = Palmyra(redis, redis_server.url, tmp_path), tmp_path / "out.parquet"
    load(redis, palmyra.keys.namespace, golden_events() * 101)
    arguments = ("--since", "start", "--follow", "--format", "parquet", "--output", str(file))
    process = palmyra.start("tail", *arguments)
    try:
        # The first 500 are in the file.
        wait_for(lambda: file.exists() and file.stat().st_size > 1000, 30, lambda: str(process.poll()))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert 500 <= parquet.read_table(file).num_rows <= 505


def test_tail_without_pyarrow_names_the_extra(palmyra: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message and exit 1, no traceback; the other formats work."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = tail(palmyra, "--format", "parquet", code=1)
    assert "pip install 'palmyra[parquet]'" in done.stderr
    tail(palmyra, "--format", "csv")
