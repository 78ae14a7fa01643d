"""The formats that events can be written in."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """What `palmyra tail --format` writes."""

    JSON = "json"
    NINJS = "ninjs"
    CSV = "csv"
    PARQUET = "parquet"
