"""Writing events to a file or to standard output, in one of the formats."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Protocol

from jobs.event import encode
from worker.export import spreadsheet
from worker.export.format import Format
from worker.export.ninjs import ninjs
from worker.export.parquet import ParquetFile
from worker.printable import printable

# Marks that reorder text on a terminal. In JSON they can be written as escapes, which change nothing.
_REORDERING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Writer(Protocol):
    """Takes events one by one."""

    def write(self, event: Mapping[str, Any]) -> None:
        """Add an event (CloudEvents, as on the stream)."""

    def close(self) -> None:
        """Nothing more comes. Does not close the file."""


class _Lines:
    """A line an event."""

    def __init__(self, out: BinaryIO, line: Callable[[Mapping[str, Any]], str], head: str = "") -> None:
        self._out, self._line = out, line
        self._put(head)

    def write(self, event: Mapping[str, Any]) -> None:
        self._put(self._line(event))

    def close(self) -> None:
        self._out.flush()

    def _put(self, text: str) -> None:
        if self._out.isatty():
            text = printable(text.replace("\r\n", "\n"), newlines=True)
        self._out.write(text.encode())
        self._out.flush()


def writer(form: Format, out: BinaryIO) -> Writer:
    """What writes events to `out` in this format.

    Raises:
        NoParquet: it is Parquet, and pyarrow is not installed.
    """
    if form is Format.PARQUET:
        return ParquetFile(out)
    if form is Format.CSV:
        return _Lines(out, spreadsheet.line, spreadsheet.header())
    return _Lines(out, _ninjs_line if form is Format.NINJS else _json_line)


def _json_line(event: Mapping[str, Any]) -> str:
    return _escaped(encode(dict(event)))


def _ninjs_line(event: Mapping[str, Any]) -> str:
    return _escaped(encode(ninjs(event)))


def _escaped(line: str) -> str:
    return _REORDERING.sub(lambda match: f"\\u{ord(match[0]):04x}", line) + "\n"
