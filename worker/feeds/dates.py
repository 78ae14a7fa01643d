"""Publishers' dates: RFC 3339 with the offset they wrote, a plain date, or nothing. Nothing beats wrong."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

EARLIEST_YEAR = 1990
MAX_AHEAD = timedelta(days=1)
MAX_OFFSET = timedelta(hours=14)

# Zone names that mean one thing only, beyond those of RFC 822 (which email.utils knows).
_ZONES = {
    "Z": "+0000", "WET": "+0000", "WEST": "+0100", "BST": "+0100", "CET": "+0100", "MEZ": "+0100",
    "CEST": "+0200", "MESZ": "+0200", "EET": "+0200", "EEST": "+0300", "MSK": "+0300", "TRT": "+0300",
    "PKT": "+0500", "WIB": "+0700", "HKT": "+0800", "SGT": "+0800", "JST": "+0900", "KST": "+0900",
    "AEST": "+1000", "AEDT": "+1100", "NZST": "+1200", "NZDT": "+1300",
}  # fmt: skip
_RFC822_ZONES = frozenset({"UT", "UTC", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT"})
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ]\s*(\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?\s*(Z|[+-]\d\d(?::?\d\d)?|[A-Z]{2,5})?",
    re.IGNORECASE,
)
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")
_VAGUE = re.compile(r"\d{4}(-\d\d)?")
_HALF_DAY = re.compile(r"\d\s*[ap]\.?m\b", re.IGNORECASE)
_COMMENT = re.compile(r"([+-]\d{4})\s*\([^)]*\)$")
_TRAILING_ZONE = re.compile(r"\s\(?([A-Za-z]{1,5})\)?$")


def rfc3339(raw: str | None, utc: time.struct_time | None, now: datetime) -> str | None:
    """A date as written, cleaned.

    Args:
        raw: what the publisher wrote: RFC 822 / 2822, ISO 8601 / W3C-DTF, or something else.
        utc: what a more lenient parser made of it, in UTC, if anything: the last resort.
        now: aware; what lies more than a day ahead of it, or before 1990, is dropped.

    Returns:
        ``2024-05-01T10:00:00+02:00``; a time without a zone counts as UTC. ``2024-05-01`` where only the day
        is known: no time is given, or its zone or half of the day is anybody's guess.
    """
    text = _COMMENT.sub(r"\1", " ".join((raw or "")[:100].split()))
    if not text or _VAGUE.fullmatch(text):
        return None
    day = _DAY.fullmatch(text)
    if day:
        return _plain_day("-".join(day.groups()), now)
    moment = _parse(text) or (None if _ISO.fullmatch(text) else _from_struct(utc))
    if moment is None or not _sane(moment, now):
        return None
    return moment.isoformat() if _time_is_known(text) else moment.date().isoformat()


def _parse(text: str) -> datetime | None:
    """An aware time, or None. Sub-second digits are dropped."""
    iso = _ISO.fullmatch(text)
    try:
        if iso:
            zone = (iso[3] or "").upper()
            offset = "+0000" if zone in ("UT", "UTC", "GMT") else _ZONES.get(zone, zone)
            moment = datetime.fromisoformat(f"{iso[1]}T{iso[2]}{'' if offset.isalpha() else offset}")
        else:
            zone_name = _TRAILING_ZONE.search(text)
            known = _ZONES.get(zone_name[1].upper()) if zone_name else None
            moment = parsedate_to_datetime(
                text[: zone_name.start()] + " " + known if zone_name and known else text
            )
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).replace(microsecond=0)


def _from_struct(utc: time.struct_time | None) -> datetime | None:
    try:
        return datetime(*utc[:6], tzinfo=UTC) if utc else None
    except (ValueError, TypeError):
        return None


def _time_is_known(text: str) -> bool:
    """Whether the text gives a time of day that can be placed on the globe."""
    zone = _TRAILING_ZONE.search(text)
    named = zone[1].upper() if zone else "UTC"
    placed = named in _ZONES or named in _RFC822_ZONES
    return bool(placed and not _HALF_DAY.search(text) and re.search(r"\d[:.]\d\d|T\d\d", text))


def _plain_day(day: str, now: datetime) -> str | None:
    try:
        moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError:
        return None
    return day if _sane(moment, now) else None


def _sane(moment: datetime, now: datetime) -> bool:
    offset = moment.utcoffset() or timedelta()
    if abs(offset) > MAX_OFFSET or offset.seconds % 60:
        return False
    try:
        return moment.year >= EARLIEST_YEAR and moment <= now + MAX_AHEAD
    except OverflowError:
        return False
