"""Where `palmyra tail` writes to, and how."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import typer

from jobs.errors import PalmyraError
from worker.commands import table
from worker.commands.context import print_json
from worker.export.format import Format
from worker.printable import printable

Show = Callable[[int, dict[str, Any]], None]
"""Takes when an event was made (ms since the epoch) and the event."""


class CantWrite(PalmyraError):
    """The file can't be written."""


@contextmanager
def destination(form: Format | None, output: Path | None, *, overwrite: bool = True) -> Iterator[Show]:
    """What shows events: as lines for people without a format, else in that format.

    Args:
        overwrite: whether a file that exists may be written over.

    Raises:
        typer.BadParameter: the options do not fit each other.
        CantWrite: the file can't be written, or exists.
        NoParquet: pyarrow is not installed.
    """
    if form is None and output is not None:
        raise typer.BadParameter("a file needs --format, too", param_hint="--output")
    if form is None or (form is Format.JSON and output is None):
        yield _lines if form is None else _json
        return
    from worker.export.writer import writer  # with the models, which other commands have no use for

    with _opened(form, output, overwrite=overwrite) as out:
        one = writer(form, out)
        try:
            yield lambda _, event: one.write(event)
        finally:
            one.close()


@contextmanager
def _opened(form: Format, output: Path | None, *, overwrite: bool) -> Iterator[BinaryIO]:
    if output is None:
        if form is Format.PARQUET and sys.stdout.isatty():
            raise typer.BadParameter("Parquet is not for terminals: give a file", param_hint="--output")
        yield sys.stdout.buffer
        return
    try:
        with output.open("wb" if overwrite else "xb") as file:
            yield file
    except FileExistsError:
        raise CantWrite(
            f"{output} exists. A group's events come once, so with --group no file is written over: "
            "name another."
        ) from None
    except OSError as error:
        raise CantWrite(f"{output} can't be written: {error.strerror or error}") from None


def _json(_: int, event: dict[str, Any]) -> None:
    print_json(event)
    sys.stdout.flush()


def _lines(made_ms: int, event: dict[str, Any]) -> None:
    data = event["data"]
    at = table.when(made_ms)[11:]
    if event["type"].startswith("news.story."):
        sys.stdout.write(printable(_story_line(at, event)) + "\n")
        sys.stdout.flush()
        return
    source = (data.get("source") or {}).get("domain") or ""
    kind = event["type"].split(".")[2]
    mark = "" if kind == "published" else f"[{kind}] "
    line = f"{at}  {source:<24}  {data.get('language') or '--'}  {mark}{data.get('headline') or data['url']}"
    sys.stdout.write(printable(line) + "\n")
    sys.stdout.flush()


def _story_line(at: str, event: dict[str, Any]) -> str:
    data, kind = event["data"], event["type"].split(".")[2]
    spread = f"{data['size']} articles, {len(data['sources'])} sources, {' '.join(data['languages'])}"
    return f"{at}  {data['id']}  {kind:<6}  {spread}  {data['newest']['headline'] or data['newest']['url']}"
