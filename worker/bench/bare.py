"""The yardstick: the same pages through an extractor in a bare loop on all cores, no queue, no network."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from typing import Any

from jobs.errors import PalmyraError

LONGEST_S = 600.0
WARM_PAGES = 20
URL = "http://127.0.0.1/page/{}"
UNDATED = (
    b"<html><body><article><h1>A bridge</h1><p>Published on 5 March 2024 by the council.</p>"
    + b"<p>The engineers say that the new bridge will be finished before the end of the year.</p>" * 5
    + b"</article></body></html>"
)
"""A page that gives its date in words only: the first one of these costs seconds."""


@dataclass(frozen=True, slots=True)
class Loop:
    """What one run over all pages took."""

    wall_s: float
    """From the common start to the end of the last page."""
    cpu_s: float
    """Of all processes, in that time."""
    pages: int
    with_text: int
    """Pages in which the extractor found a text."""


def trafilatura(body: bytes, url: str) -> bool:
    """Text and metadata by trafilatura with its own defaults; True if there is a text."""
    from trafilatura import bare_extraction

    found: Any = bare_extraction(body, url=url, with_metadata=True)
    return bool(found and found.text)


def palmyra(body: bytes, url: str) -> bool:
    """Palmyra's own extraction, as its article workers do it; True if there is a text."""
    from jobs.errors import Permanent
    from jobs.extract import extract

    try:
        return extract(body, url=url).skip is None
    except Permanent:
        return False


EXTRACTORS: dict[str, Callable[[bytes, str], bool]] = {"trafilatura": trafilatura, "extract": palmyra}


def loop(extractor: str, files: Sequence[Path], processes: int) -> Loop:
    """Run an extractor of `EXTRACTORS` over all files, with each process warm before the clock starts.

    Raises:
        PalmyraError: a process died.
    """
    context = multiprocessing.get_context("spawn")
    ready, start, results = context.Semaphore(0), context.Event(), context.Queue()
    taken = context.Value("l", 0)
    arguments = (extractor, list(files), ready, start, taken, results)
    children = [context.Process(target=_child, args=arguments, daemon=True) for _ in range(processes)]
    for child in children:
        child.start()
    try:
        for _ in children:
            _wait(lambda: bool(ready.acquire(timeout=1)), children)
        began = time.monotonic()
        start.set()
        done = [_result(results, children) for _ in children]
    finally:
        for child in children:
            child.terminate()
            child.join()
    wall_s = max(ended for ended, _, _, _ in done) - began
    return Loop(wall_s, sum(d[1] for d in done), sum(d[2] for d in done), sum(d[3] for d in done))


def _child(
    extractor: str, files: list[Path], ready: Any, start: Any, taken: Any, results: Queue[Any]
) -> None:
    extract = EXTRACTORS[extractor]
    for body in (UNDATED, *(file.read_bytes() for file in files[:WARM_PAGES])):
        extract(body, URL.format("warm"))
    ready.release()
    start.wait()
    cpu_before, pages, with_text = time.process_time(), 0, 0
    while (number := _next(taken)) < len(files):
        with_text += extract(files[number].read_bytes(), URL.format(files[number].stem))
        pages += 1
    # The monotonic clock is the same in all processes of a machine.
    results.put((time.monotonic(), time.process_time() - cpu_before, pages, with_text))


def _next(taken: Any) -> int:
    with taken.get_lock():
        taken.value += 1
        return int(taken.value) - 1


def _result(results: Queue[Any], children: Sequence[BaseProcess]) -> tuple[float, float, int, int]:
    got: list[tuple[float, float, int, int]] = []

    def arrived() -> bool:
        try:
            got.append(results.get(timeout=1))
        except Empty:
            return False
        return True

    _wait(arrived, children)
    return got[0]


def _wait(arrived: Callable[[], bool], children: Sequence[BaseProcess]) -> None:
    """Call `arrived` until it is true; an end of a child that told no result ends it with an error."""
    deadline = time.monotonic() + LONGEST_S
    while not arrived():
        if any(child.exitcode for child in children) or time.monotonic() > deadline:
            raise PalmyraError("A process of the bare loop died, or took too long; its error is above.")
