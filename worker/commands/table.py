"""Tables for the terminal: third-party text in them is neither markup nor control characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from worker.printable import printable

PIPE_WIDTH = 1000
"""Off a terminal a row is a line, however long, so that grep and its like can work with it."""


def show(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Iterable[str] = ()) -> None:
    """Print a table; `numbers` names the columns that align right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    right = set(numbers)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(table)


def when(ms: int | None) -> str:
    """A moment (ms since the epoch) in UTC, ``never`` for 0."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S") if ms else "never"


def span(seconds: float) -> str:
    """A length of time as people say it: ``40 s``, ``5 min``, ``3 h``, ``2 d``."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= size * 2:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
