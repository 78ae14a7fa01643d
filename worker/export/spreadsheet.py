"""Rows as CSV (RFC 4180, UTF-8) that spreadsheets open without running anything."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

from worker.export.row import COLUMNS, row

SEPARATOR = "; "
"""Between the items of a list; a semicolon inside of an item becomes a comma."""
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Spreadsheets take this for the beginning of a formula, in both widths (OWASP, "CSV Injection").
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def header() -> str:
    """The line of column names."""
    return _line([column.name for column in COLUMNS])


def line(event: Mapping[str, Any]) -> str:
    """An event's line, with its line end. A text may have line ends of its own, in quotation marks."""
    return _line([_cell(value) for value in row(event).values()])


def _cell(value: Any) -> Any:
    """Numbers as they are, None as nothing, texts so that no spreadsheet takes them for a formula."""
    if isinstance(value, list):
        value = SEPARATOR.join(item.replace(";", ",") for item in value)
    if not isinstance(value, str):
        return value
    text = _CONTROLS.sub("", value)
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def _line(cells: list[Any]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
