"""Rows as Parquet, through pyarrow, which comes with the extra ``parquet``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from jobs.errors import PalmyraError
from worker.export.row import COLUMNS, Row, row

MOST_ROWS = 500
MOST_CHARS = 8_000_000
"""A row group is written when it has so many rows, or texts of so many characters: what memory it takes."""


class NoParquet(PalmyraError):
    """Parquet needs the package pyarrow, which is not installed: pip install 'palmyra[parquet]'"""

    def __init__(self) -> None:
        super().__init__(str(self.__doc__))


class ParquetFile:
    """Writes a Parquet file row group by row group. It can be read after `close` only.

    Raises:
        NoParquet: pyarrow is not installed.
    """

    def __init__(self, out: BinaryIO, *, most_rows: int = MOST_ROWS) -> None:
        try:
            import pyarrow  # type: ignore[import-untyped]  # it has no types
            from pyarrow import parquet
        except ImportError:
            raise NoParquet from None
        text = pyarrow.string()
        types = {"text": text, "integer": pyarrow.int64(), "number": pyarrow.float64()}
        types["list"] = pyarrow.list_(text)
        self._arrow = pyarrow
        self._schema = pyarrow.schema([(column.name, types[column.shape]) for column in COLUMNS])
        self._writer = parquet.ParquetWriter(out, self._schema, compression="zstd")
        self._most_rows = most_rows
        self._rows: list[Row] = []
        self._chars = 0

    def write(self, event: Mapping[str, Any]) -> None:
        """Add an event."""
        self._rows.append(row(event))
        self._chars += len(self._rows[-1]["text"] or "")
        if len(self._rows) >= self._most_rows or self._chars >= MOST_CHARS:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the file's end."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        self._rows, self._chars = [], 0
