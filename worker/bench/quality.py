"""`palmyra bench quality`: extractors over saved pages with gold, all on the same pages in the same run."""

from __future__ import annotations

import multiprocessing
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as DeadlinePassed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from pebble import ProcessExpired, ProcessPool

from worker.bench.bare import UNDATED
from worker.bench.quality_extractors import OURS, Extractor, Found, installed
from worker.bench.quality_gold import Gold, read
from worker.bench.quality_score import TextScore, mean_score, names_f1, same_day, same_title, text_score
from worker.commands.extract_batch import pool_size
from worker.commands.extract_one import read_page

DEADLINE_S = 120.0
"""For all extractors on one page."""
BAD_F1, BAD_SCORE = 0.8, 0.5
"""A page with a text worse than this is one that `quality.score` should put under that."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One extractor on one page. ``None``: not known in gold, or not looked for by the extractor."""

    found: Found = field(default_factory=Found)
    cpu_ms: float = 0.0
    text: TextScore | None = None
    title: float | None = None
    """1 if right, 0 if not; so `date`."""
    date: float | None = None
    authors: float | None = None
    """F1 of the set of names."""
    error: str = ""
    """Type of what it raised."""


@dataclass(frozen=True, slots=True)
class Row:
    """One extractor on one set: means over the pages."""

    set_name: str
    extractor: str
    pages: int
    text: TextScore | None
    title: float | None
    date: float | None
    authors: float | None
    cpu_ms: float


Results = list[tuple[Gold, dict[str, Measured]]]


def run(folder: Path, *, only: Sequence[str] = (), progress: Callable[[int, int], None]) -> Results:
    """Every installed extractor (or those of `only`) on every page of a folder, on all cores.

    `progress` is called with the pages done and their number.

    Raises:
        BadGold: see `worker.bench.quality_gold.read`.
    """
    pages = read(folder)
    results: Results = []
    with _pool() as pool:
        waiting = [
            (gold, pool.schedule(measure, args=(gold, tuple(only)), timeout=DEADLINE_S)) for gold in pages
        ]
        for gold, future in waiting:
            try:
                results.append((gold, future.result()))
            except (DeadlinePassed, ProcessExpired) as error:
                lost = _scored(gold, Measured(error=type(error).__name__))
                results.append((gold, dict.fromkeys(_extractors(only), lost)))
            progress(len(results), len(pages))
    return results


def measure(gold: Gold, only: Sequence[str] = ()) -> dict[str, Measured]:
    """Each extractor on one page. Runs in a process of the pool."""
    body, extractors = read_page(gold.file), list(_extractors(only).items())
    if sum(gold.id.encode()) % 2:
        extractors.reverse()  # the first one warms the caches for those after it
    done = {name: _scored(gold, _call(call, body, gold.url)) for name, call in extractors}
    return {name: done[name] for name in sorted(done, key=list(_extractors(only)).index)}


def rows(results: Results) -> list[Row]:
    """A row for each set and extractor, and where there are several sets one for all pages."""
    names = list(dict.fromkeys(gold.set_name for gold, _ in results))
    parts = [(name, [r for r in results if r[0].set_name == name]) for name in names]
    if len(parts) > 1:
        parts.append(("all", results))
    return [_row(name, one, [m[one] for _, m in part]) for name, part in parts for one in part[0][1]]


def worst(results: Results, count: int) -> Results:
    """The pages whose text we miss most, worst first."""
    scored = [(text.f1, gold, m) for gold, m in results if (text := m[OURS].text) is not None]
    return [(gold, m) for _, gold, m in sorted(scored, key=lambda s: s[0])[:count]]


def calibration(results: Results) -> dict[str, int]:
    """How well `quality.score` tells bad texts: how many are bad, how many it calls bad, and both."""
    ours = [m[OURS] for _, m in results if m[OURS].text is not None]
    bad = [m.text is not None and m.text.f1 < BAD_F1 for m in ours]
    called = [(m.found.score or 0.0) < BAD_SCORE for m in ours]
    both = sum(b and c for b, c in zip(bad, called, strict=True))
    return {"pages": len(ours), "bad": sum(bad), "called_bad": sum(called), "both": both}


def as_json(results: Results) -> dict[str, Any]:
    """All figures as plain data; no text of a page."""
    return {
        "rows": [_plain_row(row) for row in rows(results)],
        "calibration": calibration(results),
        "pages": [
            {"set": gold.set_name, "id": gold.id, "url": gold.url, **{n: _plain(one) for n, one in m.items()}}
            for gold, m in results
        ],
    }


def _plain_row(row: Row) -> dict[str, Any]:
    return {
        "set": row.set_name,
        "extractor": row.extractor,
        "pages": row.pages,
        "text": _plain_text(row.text),
        "title": row.title,
        "date": row.date,
        "authors": row.authors,
        "cpu_ms": row.cpu_ms,
    }


def _plain(one: Measured) -> dict[str, Any]:
    fields = {"title": one.title, "date": one.date, "authors": one.authors, "cpu_ms": one.cpu_ms}
    own = {"score": one.found.score, "issues": list(one.found.issues)} if one.found.score is not None else {}
    return {"text": _plain_text(one.text), **fields, **own, "error": one.error}


def _plain_text(text: TextScore | None) -> dict[str, float] | None:
    return {"f1": text.f1, "precision": text.precision, "recall": text.recall} if text else None


def _row(set_name: str, extractor: str, measured: Sequence[Measured]) -> Row:
    texts = [m.text for m in measured if m.text is not None]
    return Row(
        set_name,
        extractor,
        len(measured),
        mean_score(texts) if texts else None,
        _mean(m.title for m in measured),
        _mean(m.date for m in measured),
        _mean(m.authors for m in measured),
        fmean(m.cpu_ms for m in measured),
    )


def _mean(values: Iterator[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return fmean(known) if known else None


def _extractors(only: Sequence[str]) -> dict[str, Extractor]:
    return {name: call for name, call in installed().items() if not only or name in only or name == OURS}


def _call(extract: Extractor, body: bytes, url: str | None) -> Measured:
    started = time.process_time()
    try:
        found, error = extract(body, url), ""
    except Exception as raised:  # noqa: BLE001 - of any extractor: that it failed is its result
        found, error = Found(), type(raised).__name__
    return Measured(found, (time.process_time() - started) * 1000, error=error)


def _scored(gold: Gold, measured: Measured) -> Measured:
    found = measured.found
    return replace(
        measured,
        text=None if gold.text is None else text_score(gold.text, found.text),
        title=None
        if gold.title is None or found.title is None
        else float(same_title(gold.title, found.title)),
        date=None if gold.date is None or found.date is None else float(same_day(gold.date, found.date)),
        authors=None
        if gold.authors is None or found.authors is None
        else names_f1(gold.authors, found.authors),
    )


@contextmanager
def _pool() -> Iterator[ProcessPool]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["worker.bench.quality"])
    pool = ProcessPool(pool_size(), initializer=_warm, context=context)
    try:
        yield pool
        pool.close()  # type: ignore[no-untyped-call]  # pebble's gap
    finally:
        pool.stop()  # type: ignore[no-untyped-call]  # as above; ends what an error or Ctrl-C left
        pool.join()


def _warm() -> None:
    """First uses cost seconds: they are no page's. What extractors warn of is not ours to show."""
    warnings.simplefilter("ignore")
    for extract in installed().values():
        for _ in range(2):
            _call(extract, UNDATED, "http://127.0.0.1/warm")
