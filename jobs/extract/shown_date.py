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

from jobs.extract.near_heading import Piece, after, before, is_line

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
_YEAR_MONTH_DAY = re.compile(rf"(?<!\d)(\d{{4}})\s+{_WORD}\s+(\d{{1,2}})(?!\d)", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"(?<![\d/.-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)")
_DAY_FIRST = re.compile(r"(?<![\d/.-])(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?!\d)")
_DOTTED_SHORT_YEAR = re.compile(r"(?<![\d.])([0-3]\d)\.([01]\d)\.(\d\d)(?![\d.])")
_SLASHES = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})/(\d{4})(?![\d/])")
_SHORT_YEAR = re.compile(r"(?<![\d/])(0?[1-9]|1[0-2])/(1[3-9]|2\d|3[01])/(\d\d)(?![\d/])")
"""“01/25/26”: no other order has its month in the second place."""
_MACHINE = re.compile(r"\d{4}-\d\d-\d\d(?:T|\s|$)")
_READERS_ZONE = re.compile(r"(?:GMT|UTC)\s*[+-]\d")
_CLOCK = re.compile(
    r"(?<![\d:.])([01]?\d|2[0-3])[:.h]([0-5]\d)(?![\d:.]\d)\s*([ap])?\.?(?:m\b)?", re.IGNORECASE
)
_EAST_ASIAN = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]")
MAX_WORDS_BEFORE = 6
_LABEL = re.compile(
    r"^\W*(?:by|von|par|por|di|door|af|av)\b|[|•·–—]|publi|post|updat|written|veröff|aktualis|mis à jour",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|tag\b", re.IGNORECASE)
CHANGED = re.compile(
    r"updat|modifi|revised|reviewed|edited|aktualisiert|ge[äa]ndert|mis [àa] jour|mise [àa] jour|actualizad"
    r"|atualizad|aggiornat|bijgewerkt|opdateret|uppdaterad|oppdatert|zaktualizowan|güncelle|обновлен|更新|수정",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the line at the headline says; dates as plain days, or as a time element has them."""

    published: str | None = None
    modified: str | None = None
    clock: str | None = None
    """Day and time of publication (``YYYY-MM-DDTHH:MM``), where the line has both."""


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
        if day := _dated(piece, language):
            marked = marks_change(piece.element)
            changed = _is_changed(label, piece.text) if marked is None else marked
            kind = "modified" if changed else "published"
            if kind == "published" and kind not in found and (clock := _clock(piece.text, language)):
                found["clock"] = clock
            found.setdefault(kind, day)
        label = piece.text
        if "published" in found and "modified" in found:
            break
    if not found and (day := _before(heading, language)):
        return Shown(published=day)
    return Shown(**found)


def _dated(piece: Piece, language: str | None) -> str | None:
    """The date in a line, as its time element has it for machines, or in words."""
    if not is_line(piece.text) or _is_sentence(piece.text):
        return None
    element = piece.element
    for one in (element, element.getparent() if element is not None else None):
        value = (one.get("datetime") or "") if one is not None and one.tag == "time" else ""
        if _MACHINE.match(value):
            return str(value)
    return in_words(piece.text, language)


def _is_sentence(text: str) -> bool:
    """Has it many words before its first number, as a caption: “The bridge of Example in fog, 24 April”?"""
    before = re.split(r"\d", text, maxsplit=1)[0]
    return len(before.split()) > MAX_WORDS_BEFORE and not _LABEL.search(before)


def _clock(text: str, language: str | None) -> str | None:
    if _READERS_ZONE.search(text):
        return None  # rendered for whoever fetched it
    day, time_of_day = in_words(text, language), clock_in(text)
    return f"{day}T{time_of_day}" if day and time_of_day else None


def clock_in(text: str) -> str | None:
    """The time of day in a short text, as ``HH:MM``; None if there is none."""
    match = _CLOCK.search(text)
    if match is None:
        return None
    hour, half = int(match[1]), (match[3] or "").lower()
    if half:
        hour = hour % 12 + 12 * (half == "p")
    return f"{hour:02}:{match[2]}"


def _before(heading: Any, language: str | None) -> str | None:
    """The date right before a heading, in its own block. One with a day of the week is the page's clock."""
    for piece in before(heading):
        day = None if _WEEKDAY.search(piece.text) else in_words(piece.text, language)
        if day and not CHANGED.search(piece.text):
            return day
    return None


def marks_change(element: Any) -> bool | None:
    """Whether a time element's markup says that it is of a change, or of the publication; None: neither."""
    if element is None or element.tag != "time":
        return None
    names = f"{element.get('itemprop') or ''} {element.get('class') or ''}".lower()
    if any(word in names for word in ("publish", "created", "entry-date")):
        return False
    return True if "modified" in names or "updated" in names else None


def _is_changed(label: str, piece: str) -> bool:
    """Whether it is the date of a change: says so itself, or the label before it does."""
    labelled = len(label) < 40 and not any(c.isdigit() for c in label)
    return bool(CHANGED.search(f"{label} {piece}" if labelled else piece))


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
    if match := _YEAR_MONTH_DAY.search(text):
        return _iso(match[1], month(match[2], language), match[3])
    if match := _SHORT_YEAR.search(text):
        return _iso(f"20{match[3]}", match[1], match[2])
    if match := _DOTTED_SHORT_YEAR.search(text):
        return _iso(f"20{match[3]}", match[2], match[1])
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
