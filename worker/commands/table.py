"""Tables for the terminal: third-party text in them is neither markup nor control characters."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from worker.printable import printable

GAP = 2
"""Blanks between two columns."""
LEAST = 8
"""A column is not shortened further."""
PIPE_WIDTH = 1000
"""Off a terminal a row is a line, however long, so that grep and its like can work with it."""


def show(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Iterable[str] = (),
    shortened: Iterable[str] = (),
) -> None:
    """Print a table.

    Args:
        columns: their heads.
        rows: their cells; a `Text` is printed as it is, and must hold our own words only.
        numbers: columns that align right.
        shortened: columns that on a terminal lose their end, so that a row is a line there, too.
    """
    console = _console()
    cells = [[_cell(value) for value in row] for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold")
    right, short = set(numbers), set(shortened) if console.is_terminal else set()
    fits = _fitting(columns, cells, short, console.width) if short else {}
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="ellipsis" if column in short else "fold",
            no_wrap=bool(short),
            max_width=fits.get(column),
        )
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _fitting(
    columns: Sequence[str], rows: Sequence[Sequence[Text]], short: Collection[str], room: int
) -> dict[str, int]:
    """How wide the columns that may be shortened can be if the table is to fit; the first is served first."""
    wide = {
        column: max(len(column), *(row[at].cell_len for row in rows)) if rows else len(column)
        for at, column in enumerate(columns)
    }
    left = room - GAP * (len(columns) - 1) - sum(wide[column] for column in columns if column not in short)
    fits = {}
    for column in (column for column in columns if column in short):
        fits[column] = max(min(wide[column], left), LEAST)
        left -= fits[column]
    return fits


def facts(rows: Iterable[tuple[str, object]]) -> None:
    """Print names and what they stand for; long texts are wrapped beside their name on a terminal only."""
    console = _console()
    if not console.is_terminal:
        for name, value in rows:
            sys.stdout.write(f"{name:<11} {_cell(value).plain}".rstrip() + "\n")
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=10, no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name, "dim"), _cell(value))
    console.print(table)


def width() -> int:
    """Columns of the terminal; `PIPE_WIDTH` off one."""
    return _console().width


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def _cell(value: object) -> Text:
    return value if isinstance(value, Text) else Text(printable(str(value)))


def when(ms: int | None) -> str:
    """A moment (ms since the epoch) in UTC, ``never`` for 0."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S") if ms else "never"


def span(seconds: float) -> str:
    """A length of time as people say it: ``40 s``, ``5 min``, ``3 h``, ``2 d``."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= size * 2:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
