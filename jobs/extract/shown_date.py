"""Dates as readers see them, in words or digits, beside the headline.

Free text is full of dates, and pages show today's. So only short pieces of text that follow the headline are
looked at, up to where the article's own text begins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from babel import Locale

from jobs.extract.near_heading import after, before, is_line

_LANGUAGES = (
    "en", "de", "fr", "es", "it", "pt", "nl", "da", "sv", "nb", "fi", "pl", "cs", "sk", "hu", "ro", "tr",
    "ru", "uk", "bg", "el", "hr", "sr", "sl", "et", "lv", "lt", "id", "ms", "vi", "ca",
)  # fmt: skip
_WORD = r"([^\W\d_]{3,12})\.?"
_DAY_MONTH = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th|er|[.º])?[\s-]*(?:(?:de|of|do)\s+)?{_WORD},?[\s-]+(?:(?:de|del)\s+)?"
    r"(\d{4})(?!\d)",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(rf"(?<!\w){_WORD}\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})(?!\d)", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"(?<![\d/.-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)")
_DAY_FIRST = re.compile(r"(?<![\d/.-])(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?!\d)")
_SLASHES = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})/(\d{4})(?![\d/])")
_EAST_ASIAN = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]")
_WEEKDAY = re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|tag\b", re.IGNORECASE)
_CHANGED = re.compile(
    r"updat|modifi|revised|reviewed|edited|aktualisiert|ge[äa]ndert|mis [àa] jour|mise [àa] jour|actualizad"
    r"|atualizad|aggiornat|bijgewerkt|opdateret|uppdaterad|oppdatert|zaktualizowan|güncelle|обновлен|更新|수정",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the line at the headline says; each a plain date or None."""

    published: str | None = None
    modified: str | None = None


NOTHING_SHOWN = Shown()


def shown(heading: Any, language: str | None) -> Shown:
    """The dates that stand after a heading (an lxml element), before the text begins, or right before it.

    Args:
        heading: the element of the headline.
        language: of the page, for names of months that mean different months elsewhere; None: not known.
    """
    found: dict[str, str] = {}
    label = ""
    for piece in after(heading):
        if day := in_words(piece.text, language):
            kind = "modified" if _is_changed(label, piece.text) else "published"
            found.setdefault(kind, day)
        label = piece.text
        if len(found) == 2:
            break
    if not found and (day := _before(heading, language)):
        return Shown(published=day)
    return Shown(**found)


def _before(heading: Any, language: str | None) -> str | None:
    """The date right before a heading, in its own block. One with a day of the week is the page's clock."""
    for piece in before(heading):
        day = None if _WEEKDAY.search(piece.text) else in_words(piece.text, language)
        if day and not _CHANGED.search(piece.text):
            return day
    return None


def _is_changed(label: str, piece: str) -> bool:
    """Whether it is the date of a change: says so itself, or the label before it does."""
    labelled = len(label) < 40 and not any(c.isdigit() for c in label)
    return bool(_CHANGED.search(f"{label} {piece}" if labelled else piece))


def in_words(text: str, language: str | None = None) -> str | None:
    """The first date in a short text, as ``YYYY-MM-DD``; None too where day and month may be mixed up."""
    if not is_line(text) or not any(c.isdigit() for c in text):
        return None
    if match := _YEAR_FIRST.search(text):
        return _iso(match[1], match[3], match[4])
    if match := _EAST_ASIAN.search(text):
        return _iso(*match.groups())
    if match := _DAY_FIRST.search(text):
        return _iso(match[3], match[2], match[1])
    if match := _DAY_MONTH.search(text):
        return _iso(match[3], month(match[2], language), match[1])
    if match := _MONTH_DAY.search(text):
        return _iso(match[3], month(match[1], language), match[2])
    match = _SLASHES.search(text)
    return _slashed(match, language) if match else None


def _slashed(match: re.Match[str], language: str | None) -> str | None:
    """Only English-speaking countries disagree about which comes first."""
    first, second = int(match[1]), int(match[2])
    if first > 12 or (language and not language.lower().startswith("en")) or first == second:
        return _iso(match[3], second, first)
    return _iso(match[3], first, second) if second > 12 else None


def _iso(year: Any, month_number: Any, day: Any) -> str | None:
    try:
        return date(int(year), int(month_number or 0), int(day)).isoformat()
    except ValueError:
        return None


def month(name: str, language: str | None = None) -> int | None:
    """The number of a month by its name in any of many languages; None where they don't agree."""
    spelled = name.casefold().rstrip(".")
    names = _months()
    for known in ((language or "").lower()[:2], "en"):
        if number := names.get(known, {}).get(spelled):
            return number
    meant = {months[spelled] for months in names.values() if spelled in months}
    return meant.pop() if len(meant) == 1 else None


@cache
def _months() -> dict[str, dict[str, int]]:
    """Language → name of a month, whole or short, in lower case → its number (CLDR's, through Babel)."""
    found: dict[str, dict[str, int]] = {}
    for language in _LANGUAGES:
        widths = [
            width
            for context in Locale.parse(language).months.values()
            for kind, width in context.items()
            if kind in ("wide", "abbreviated")
        ]
        found[language] = {
            name.casefold().rstrip("."): number
            for width in widths
            for number, name in width.items()
            if not name.isdigit()
        }
    found["en"]["sept"] = 9
    return found
