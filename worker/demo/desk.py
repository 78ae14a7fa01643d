"""The language desks: how each names itself, writes dates and marks pages up. Data from ``desks.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

DESKS = Path(__file__).with_name("desks.toml")


@dataclass(frozen=True, slots=True)
class Desk:
    """One language edition of the newsroom."""

    language: str
    name: str
    tagline: str
    feed: dict[str, str]
    """``path`` and ``format`` (a key of `feed.FORMATS`)."""
    markup: tuple[str, ...]
    """The metadata its pages carry; the words are explained in the data file."""
    sections: tuple[str, ...]
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    date: str
    clock: str
    time: str
    edition: str
    says: dict[str, Any]
    """What the pages say around an article."""
    full_text_in_feed: bool = False

    def day(self, moment: datetime) -> str:
        """``July 23, 2024``"""
        return self._write(self.date, moment)

    def clock_day(self, moment: datetime) -> str:
        """``Tuesday, July 23, 2024``"""
        return self._write(self.clock, moment)

    def moment(self, moment: datetime) -> str:
        """``July 23, 2024, 09:30``"""
        return self._write(self.time, moment)

    def _write(self, pattern: str, moment: datetime) -> str:
        # Python's own names of months follow the process's locale.
        names = {"month": self.months[moment.month - 1], "weekday": self.weekdays[moment.weekday()]}
        date = self.date.format(day=moment.day, year=moment.year, **names)
        numbers = {"day": moment.day, "year": moment.year, "hour": moment.hour, "minute": moment.minute}
        return pattern.format(date=date, **names, **numbers)


def load(path: Path = DESKS) -> dict[str, Desk]:
    """The desks by language."""
    tables = tomllib.loads(path.read_text("utf-8"))
    return {language: _desk(language, table) for language, table in tables.items()}


def _desk(language: str, table: dict[str, Any]) -> Desk:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    return Desk(language=language, **values)
