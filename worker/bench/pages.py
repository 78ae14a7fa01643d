"""The pages of a benchmark: a folder as `worker.demo.corpus` reads it, and the same pages as plain files."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import PalmyraError
from worker.demo.corpus import Corpus
from worker.demo.newsroom import Newsroom

OPENED_S = 1_750_000_000.0
"""When the newsroom of our own pages opened (Unix time): fixed, so that each run has the same bytes."""
INTERVAL_S = 60.0
ORIGIN = "http://127.0.0.1"


@dataclass(frozen=True, slots=True)
class Pages:
    """What a benchmark runs over."""

    name: str
    folder: Path
    """With ``gold.jsonl`` and ``pages/<id>.html.gz``: what the page server is started on."""
    files: tuple[Path, ...]
    """The same pages, not compressed."""


def own(folder: Path, count: int) -> Pages:
    """`count` pages of the demo newsroom: its articles in turn, edition after edition."""
    clock = [OPENED_S]
    newsroom = Newsroom(interval_s=INTERVAL_S, clock=lambda: clock[0])
    clock[0] += count * INTERVAL_S
    bodies = {}
    for number, publication in enumerate(newsroom.published(count)):
        answer = newsroom.answer(publication.path, [ORIGIN])
        if answer is None:
            raise AssertionError(f"the newsroom does not know its own page {publication.path}")
        bodies[f"page-{number}"] = answer.body
    return _written("the demo newsroom's articles", folder, bodies)


def saved(corpus: Path, folder: Path, count: int | None) -> Pages:
    """The first `count` pages of a folder of saved ones, or all.

    Raises:
        BadCorpus: see `Corpus`.
        PalmyraError: there are none, or fewer than asked for.
    """
    found = list(Corpus(corpus).pages.values())
    if not found or len(found) < (count or 1):
        raise PalmyraError(f"{corpus} has {len(found)} pages, and {count or 1} are asked for (--pages).")
    bodies = {page.id: gzip.decompress(page.file.read_bytes()) for page in found[:count]}
    return _written(corpus.resolve().name, folder, bodies)


def _written(name: str, folder: Path, bodies: dict[str, bytes]) -> Pages:
    """Both forms of the pages on disk."""
    for part in ("pages", "plain"):
        (folder / part).mkdir(parents=True)
    files = []
    for page_id, body in bodies.items():
        (folder / "pages" / f"{page_id}.html.gz").write_bytes(gzip.compress(body, compresslevel=1))
        files.append(folder / "plain" / f"{page_id}.html")
        files[-1].write_bytes(body)
    lines = (json.dumps({"id": page_id}) for page_id in bodies)
    (folder / "gold.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return Pages(name, folder, tuple(files))
