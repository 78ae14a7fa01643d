"""Many pages at once: one JSON line in, one JSON line out, in order, whatever a page does.

Each page is extracted in a process of a pool, under a deadline and a limit of memory; one that crashes, hangs
or eats memory costs its process and gets a line that says so.
"""

from __future__ import annotations

import gzip
import itertools
import json
import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import TimeoutError as DeadlinePassed
from contextlib import contextmanager
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, cast

import typer
from pebble import ProcessExpired, ProcessFuture, ProcessPool
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jobs.enrich import loading
from jobs.enrich.loading import Choice
from jobs.entry import Entry
from jobs.errors import Outcome, Reason
from jobs.event import encode
from jobs.extract import warm
from worker.commands.extract_one import article_of, read_page
from worker.config import load
from worker.factory import enrichment
from worker.procs import limit_memory

DEADLINE_S = 10.0
MEMORY_BYTES = 500 * 1024**2
"""That a process may take beyond what it has before its first page."""
RECYCLE_AFTER = 2_000
"""Pages a process does before it is replaced, so that nothing can pile up."""
AHEAD = 8
"""Pages waiting for each core: they keep it busy behind a slow page, and bound what is in memory."""
BAD_INPUT, INTERNAL = "bad_input", "internal"


def run(stream: BufferedReader, folder: Path, *, deadline_s: float = DEADLINE_S) -> int:
    """Extract what the lines of `stream` name; `folder` is where relative files are looked for second.

    Returns the exit code: 0, whatever became of single pages.
    """
    out = typer.get_binary_stream("stdout")
    lines, total = _lines(stream)
    with _progress(total) as done, _pool() as pool:
        waiting: deque[tuple[Any, ProcessFuture[str]]] = deque()
        for line in lines:
            name = _id(line)
            waiting.append((name, pool.schedule(work, args=(line, str(folder)), timeout=deadline_s)))
            while len(waiting) > AHEAD * pool_size():
                _finish(*waiting.popleft(), deadline_s, out)
                done()
        while waiting:
            _finish(*waiting.popleft(), deadline_s, out)
            done()
    return 0


def pool_size() -> int:
    """Processes: one for each core that we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _pool() -> Iterator[ProcessPool]:
    # A fork server: children start from an imported state, and never from a process that has threads.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["worker.commands.extract_batch"])
    pool = ProcessPool(pool_size(), max_tasks=RECYCLE_AFTER, initializer=_prepare, context=context)
    try:
        yield pool
        pool.close()  # type: ignore[no-untyped-call]  # pebble's gap
    finally:
        pool.stop()  # type: ignore[no-untyped-call]  # after `close`, only what an error or Ctrl-C left is there to be stopped
        pool.join()


@cache
def _choice() -> Choice:
    return enrichment(load().settings)


def _prepare() -> None:
    warm()
    loading.warm(_choice())
    limit_memory(MEMORY_BYTES)


def work(line: bytes, folder: str) -> str:
    """One line's answer. Runs in a process of the pool."""
    name = _id(line)
    try:
        return encode({"id": name, "article": _article(line, Path(folder))})
    except _BadInput as error:
        return _error(name, BAD_INPUT, str(error))
    except Outcome as outcome:
        return _error(name, outcome.reason, str(outcome))
    except MemoryError:
        return _error(name, Reason.TOO_COMPLEX, f"{Reason.TOO_COMPLEX.meaning}: out of memory")
    except Exception as error:  # noqa: BLE001 - whatever a page brings to light costs its own line only
        return _error(name, INTERNAL, f"{type(error).__name__}: {error}")


class _BadInput(Exception):
    """A line that can't be understood, or whose file can't be read."""


def _article(line: bytes, folder: Path) -> dict[str, Any]:
    asked = _parsed(line)
    file, url, feed = asked.get("html_file"), asked.get("url"), asked.get("feed") or {}
    if "id" not in asked or not isinstance(file, str) or not isinstance(feed, dict):
        raise _BadInput('a line needs "id" and "html_file", and "feed" must be an object if it is there')
    if url is not None and not isinstance(url, str):
        raise _BadInput('"url" must be a string or null')
    entry = Entry(
        url or "",
        title=_said(feed, "title"),
        summary=_said(feed, "summary"),
        content=_said(feed, "content"),
        published=_said(feed, "published"),
    )
    article = article_of(_page(file, folder), url=url, final_url=url, entry=entry, choice=_choice())
    return article.model_dump(mode="json")


def _said(feed: dict[str, Any], name: str) -> str | None:
    value = feed.get(name)
    return value if isinstance(value, str) else None


def _page(file: str, folder: Path) -> bytes:
    path = Path(file) if Path(file).exists() else folder / file
    try:
        return read_page(path)
    except OSError as error:
        raise _BadInput(f"can't read {file}: {error.strerror or error}") from error


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _BadInput(f"not JSON: {error}") from error
    if not isinstance(asked, dict):
        raise _BadInput("not a JSON object")
    return asked


def _id(line: bytes) -> Any:
    try:
        return _parsed(line).get("id")
    except _BadInput:
        return None


def _finish(name: Any, future: ProcessFuture[str], deadline_s: float, out: IO[bytes]) -> None:
    try:
        answer = future.result()
    except DeadlinePassed:
        answer = _error(name, Reason.TOO_COMPLEX, f"{Reason.TOO_COMPLEX.meaning}: more than {deadline_s:g} s")
    except ProcessExpired as error:
        answer = _error(name, Reason.POISON, f"the process died (code {error.exitcode})")
    out.write(answer.encode() + b"\n")
    out.flush()


def _error(name: Any, reason: str, message: str) -> str:
    return encode({"id": name, "error": {"reason": str(reason), "message": message}})


def _lines(stream: BufferedReader) -> tuple[Iterable[bytes], int | None]:
    """The lines that are not blank, gunzipped if need be, and how many there are where that can be known."""
    gzipped = stream.peek(2)[:2] == b"\x1f\x8b"
    opened = cast(IO[bytes], gzip.GzipFile(fileobj=stream)) if gzipped else stream
    total = None
    if opened.seekable() and stream.seekable():
        total = sum(1 for line in opened if line.strip())
        opened.seek(0)
    return (line for line in opened if line.strip()), total


@contextmanager
def _progress(total: int | None) -> Iterator[Any]:
    """A progress bar on a terminal's standard error, nothing elsewhere; yields what to call for each page."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield itertools.count().__next__
        return
    columns = (TextColumn("extracting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)
