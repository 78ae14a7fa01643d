"""`palmyra extract`: one page or many, from the outside, in real processes."""

from __future__ import annotations

import gzip
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.unit.extract.seed_page import HEADLINE, URL, seed_page

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/article.v1.json").read_text())
COMMAND = """
import typer
from worker.commands.extract import register
app = typer.Typer()
app.callback()(lambda: None)
register(app)
app(prog_name="palmyra")
"""


def palmyra(
    *args: str | Path, cwd: Path, stdin: bytes = b"", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, "extract", *map(str, args)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "100", **(env or {})},
        check=False,
    )


def batch_lines(result: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert result.returncode == 0, result.stderr.decode()
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_json_is_the_events_data(tmp_path: Path) -> None:
    """One line that fits the published schema, from a gzipped file."""
    (tmp_path / "page.html.gz").write_bytes(gzip.compress(seed_page()))
    result = palmyra("--json", "--url", URL, "page.html.gz", cwd=tmp_path)
    article = json.loads(result.stdout)
    Draft202012Validator(SCHEMA).validate(article)
    assert (article["headline"], article["revision"], article["url"]) == (HEADLINE, 1, URL)
    assert result.stdout.count(b"\n") == 1


def test_a_page_without_a_url_gets_an_id_of_its_content(tmp_path: Path) -> None:
    """Standard input, twice the same: the same id, and no URL is made up."""
    articles = [json.loads(palmyra("--json", "-", cwd=tmp_path, stdin=seed_page()).stdout) for _ in range(2)]
    assert articles[0]["id"] == articles[1]["id"]
    assert (articles[0]["url"], articles[0]["urls"]["canonical"]) == (None, None)


def test_what_is_no_article_is_printed_all_the_same(tmp_path: Path) -> None:
    """`extract` always prints one; what would be skipped says so."""
    article = json.loads(palmyra("--json", "-", cwd=tmp_path, stdin=b"%PDF-1.7 \x00\xff").stdout)
    assert (article["text"], article["quality"]) == ("", {"score": 0.0, "issues": ["no_text"]})


def test_pretty_output_shows_text_only(tmp_path: Path) -> None:
    """What a page says is neither terminal control nor markup of ours."""
    page = seed_page().replace(HEADLINE.encode(), b"[red]Bridge[/red] &#27;]0;x&#7; :boom: \xe2\x80\xae")
    result = palmyra("--url", URL, "-", cwd=tmp_path, stdin=page)
    shown = result.stdout.decode()
    assert "[red]Bridge[/red]" in shown
    assert ":boom:" in shown
    assert not [c for c in shown if ord(c) < 32 and c != "\n"]
    assert "\u202e" not in shown
    assert "Must Read" not in shown


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ((), 2, "give a file"),
        (("--batch", "in.jsonl", "page.html"), 2, "neither"),
        (("--url", URL, URL), 2, "URL already"),
        (("missing.html",), 1, "can't read missing.html"),
        (("--batch", "missing.jsonl"), 1, "can't read missing.jsonl"),
        (("--url", "ftp://example.org/x", "-"), 1, "not an absolute http"),
        (("http://127.0.0.1:1/x",), 1, "not a public one"),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, args: tuple[str, ...], code: int, message: str) -> None:
    """A wrong call ends with 2, what can't be had with 1, both with what and where."""
    result = palmyra(*args, cwd=tmp_path)
    said = " ".join(result.stderr.decode().replace("│", " ").split())
    assert (result.returncode, result.stdout) == (code, b"")
    assert message in said


@pytest.fixture
def site() -> Iterator[str]:
    """A site on loopback that has the seed page under ``/news/palmyra`` and nothing else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/news/palmyra"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(seed_page() if found else b"<h1>nothing here</h1>")

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_url_is_fetched_through_the_guard(tmp_path: Path, site: str) -> None:
    """An allowed address is fetched; what the site does not have is an error that says so."""
    allow = {"PALMYRA_ALLOW_NETWORKS": "127.0.0.0/8"}
    article = json.loads(palmyra("--json", f"{site}/news/palmyra", cwd=tmp_path, env=allow).stdout)
    assert (article["headline"], article["source"]["domain"]) == (HEADLINE, "127.0.0.1")
    missing = palmyra("--json", f"{site}/other", cwd=tmp_path, env=allow)
    assert (missing.returncode, missing.stdout) == (1, b"")
    assert b"no such page" in missing.stderr


def test_batch_answers_every_line_in_order(tmp_path: Path) -> None:
    """Good pages and bad lines: one answer each, in the order of the input, and nothing else on stdout."""
    (tmp_path / "in").mkdir()
    (tmp_path / "here.html").write_bytes(seed_page())
    (tmp_path / "in" / "beside.html.gz").write_bytes(gzip.compress(seed_page()))
    (tmp_path / "huge.html").write_bytes(b"<p>a" * 40_000)
    (tmp_path / "broken.html.gz").write_bytes(gzip.compress(seed_page())[:200])
    feed = {"title": "x", "summary": "The army is back.", "published": "2016-03-27T10:00:00+02:00", "more": 1}
    asked: list[dict[str, Any]] = [
        {"id": "a", "url": URL, "html_file": "here.html", "feed": feed},
        {"id": 2, "url": None, "html_file": "beside.html.gz"},
        {"id": "huge", "url": None, "html_file": "huge.html"},
        {"id": "gone", "url": None, "html_file": "gone.html"},
        {"id": "broken", "url": None, "html_file": "broken.html.gz"},
        {"id": "url", "url": "file:///etc/passwd", "html_file": "here.html"},
        {"id": "no file"},
    ]
    lines = [json.dumps(line) for line in asked] + ["", "not JSON", "[]"]
    (tmp_path / "in" / "in.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    result = palmyra("--batch", "in/in.jsonl.gz", cwd=tmp_path)
    answers = batch_lines(result)
    assert [answer["id"] for answer in answers] == [
        "a",
        2,
        "huge",
        "gone",
        "broken",
        "url",
        "no file",
        None,
        None,
    ]
    assert result.stderr == b""
    first, second = (answer["article"] for answer in answers[:2])
    assert (first["summary"], first["published"]) == (feed["summary"], feed["published"])
    assert first["provenance"]["published"] == "feed"
    assert first["text"] == second["text"]
    assert [answer["error"]["reason"] for answer in answers[2:]] == [
        "too_complex", "bad_input", "bad_input", "bad_url", "bad_input", "bad_input", "bad_input",
    ]  # fmt: skip
    assert "gone.html" in answers[3]["error"]["message"]


def test_batch_survives_a_page_that_kills_its_process(tmp_path: Path) -> None:
    """A process that dies costs its own page's article; the pages around it are answered."""
    (tmp_path / "good.html").write_bytes(seed_page())
    os.mkfifo(tmp_path / "deadly")  # whoever reads it waits, until it is killed below
    names = ["good.html", "deadly", "good.html", "good.html"]
    lines = "\n".join(json.dumps({"id": n, "url": None, "html_file": n}) for n in names).encode()
    killer = threading.Thread(target=kill_reader, args=(tmp_path / "deadly",))
    killer.start()
    answers = batch_lines(palmyra("--batch", "-", cwd=tmp_path, stdin=lines))
    killer.join()
    assert [answer["id"] for answer in answers] == names
    assert answers[1]["error"]["reason"] == "poison"
    assert all(answers[i]["article"]["headline"] == HEADLINE for i in (0, 2, 3))


def kill_reader(fifo: Path) -> None:
    """SIGKILL for the process that waits for what is written to `fifo`."""
    descriptor = eventually(lambda: open_to_write(fifo))
    # A reader that was just let in does not show the file among its own at once.
    os.kill(eventually(lambda: reader_of(fifo)), signal.SIGKILL)
    os.close(descriptor)


def open_to_write(fifo: Path) -> int | None:
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # nobody reads yet
        return None


def reader_of(fifo: Path) -> int | None:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            targets = {link.readlink() for link in (process / "fd").iterdir()}
        except OSError:  # ended, or not ours
            continue
        if fifo in targets and int(process.name) != os.getpid():
            return int(process.name)
    return None


def eventually(look: Callable[[], int | None], seconds: float = 20) -> int:
    ends = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)
    return found


def test_batch_survives_a_page_that_hangs(tmp_path: Path) -> None:
    """A page past its deadline costs its process, and its line says so; the deadline is 10 s for users."""
    (tmp_path / "good.html").write_bytes(seed_page())
    os.mkfifo(tmp_path / "endless")
    names = ["endless", "good.html"]
    lines = "\n".join(json.dumps({"id": n, "url": None, "html_file": n}) for n in names).encode()
    code = (
        "import sys, pathlib; from worker.commands.extract_batch import run, DEADLINE_S;"
        "assert DEADLINE_S == 10; run(sys.stdin.buffer, pathlib.Path(), deadline_s=1)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        input=lines,
        capture_output=True,
        cwd=tmp_path,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    hung, good = batch_lines(result)
    assert (hung["id"], hung["error"]["reason"]) == ("endless", "too_complex")
    assert "1 s" in hung["error"]["message"]
    assert good["article"]["headline"] == HEADLINE


def test_help_shows_examples(tmp_path: Path) -> None:
    """`--help` explains the sources, the batch format and gives examples to copy."""
    shown = palmyra("--help", cwd=tmp_path).stdout.decode()
    assert "Examples" in shown
    assert "palmyra extract --batch pages.jsonl" in shown
    assert '"html_file"' in shown


def test_the_command_is_cheap_until_it_runs() -> None:
    """Registering it loads neither the extractor nor an HTTP client: every palmyra command pays for that."""
    code = (
        "import sys, typer; from worker.commands.extract import register; register(typer.Typer());"
        "sys.exit(bool({'lxml', 'trafilatura', 'httpcore2', 'pydantic'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
