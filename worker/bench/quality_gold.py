"""Saved pages with gold: what an extractor should have found on them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.errors import PalmyraError

LIST = "gold.jsonl"


class BadGold(PalmyraError):
    """A folder has no gold that can be read."""


@dataclass(frozen=True, slots=True)
class Gold:
    """One page and what is on it."""

    set_name: str
    """Folder that it is from."""
    id: str
    file: Path
    """The page as fetched, plain or gzipped."""
    url: str | None
    text: str | None
    """Paragraphs a line each; None where it is unknown, or known to be incomplete (``gold_defect``)."""
    title: str | None
    date: str | None
    """``YYYY-MM-DD``, by the publisher's clock."""
    authors: tuple[str, ...] | None
    """None where they are unknown; ``()`` where nobody signed."""


def read(folder: Path) -> list[Gold]:
    """The pages of a folder with a ``gold.jsonl``, and of the folders in it that have one.

    Each line has ``id``, ``url`` and what is known of ``text``, ``title``, ``date``, ``authors``; the page is
    ``pages/<id>.html.gz`` beside the list.

    Raises:
        BadGold: there is none, or a line or page can't be read; the message says which.
    """
    folders = [
        f for f in (folder, *sorted(p for p in folder.iterdir() if p.is_dir())) if (f / LIST).is_file()
    ]
    found = [gold for one in folders for gold in _set(one)]
    if not found:
        raise BadGold(f"{folder}: neither it nor a folder in it has a {LIST} with pages.")
    return found


def _set(folder: Path) -> Iterator[Gold]:
    lines = (folder / LIST).read_text("utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield _gold(folder, json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise BadGold(f"{folder / LIST}, line {number}: {error!r}") from error


def _gold(folder: Path, line: dict[str, Any]) -> Gold:
    page_id = str(line["id"])
    file = folder / "pages" / f"{page_id}.html.gz"
    if Path(page_id).name != page_id or not file.is_file():
        raise ValueError(f"the page {page_id!r} is not in {folder / 'pages'}")
    authors = line.get("authors")
    return Gold(
        folder.resolve().name,
        page_id,
        file,
        line.get("url"),
        None if line.get("gold_defect") else line.get("text"),
        line.get("title"),
        line.get("date"),
        None if authors is None else tuple(authors),
    )
