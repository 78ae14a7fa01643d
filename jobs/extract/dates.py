"""When it was published: dates out of evidence, never out of free text, so that the page's clock can't win.

A value is RFC 3339 with the publisher's offset, or a plain date where time or offset is missing. No date is
better than a wrong one.
"""

from __future__ import annotations

import itertools
import re
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from jobs.entry import Entry
from jobs.extract.page import Parsed
from jobs.extract.plain import plain
from jobs.extract.shown_date import CHANGED, NOTHING_SHOWN, Shown, in_words, marks_change, month

PUBLISHED_META = (
    "article:published_time", "article:published", "article:published:time", "og:article:published_time",
    "og:published_time", "date-pub", "published-date",
    "datepublished", "article.published", "parsely-pub-date", "sailthru.date", "publishdate", "publish_date",
    "publish-date", "pubdate", "publication_date", "publicationdate", "date_published", "published_time",
    "cxenseparse:recs:publishtime", "citation_publication_date", "dc.date.issued", "dcterms.created",
    "dcterms.issued", "dc.date.created", "dc.date", "dcterms.date", "date", "article_date_original",
    "bt:pubdate",
)  # fmt: skip
MODIFIED_META = (
    "article:modified_time", "article:modified", "article:modified:time", "og:article:modified_time",
    "og:updated_time",
    "datemodified", "dcterms.modified", "dc.date.modified", "last-modified", "lastmod", "modified_time",
)  # fmt: skip
OLDEST = date(1900, 1, 1)
EPOCH = date(1970, 1, 1)
"""A forgotten zero, not a day on which anything was published."""
AHEAD = timedelta(days=1)
"""Offsets reach +14 hours, and some sites date tomorrow's paper; anything later is wrong."""

_ISO = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T\s]+(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s*"
    r"(Z|UTC|GMT|[+-]\d\d:?\d\d|[+-]\d\d)?)?",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d)?(Z|[+-]\d\d:?\d\d)?)?")
_IN_URL = re.compile(
    r"(?<!\d)((?:19|20)\d\d)(?:[/-]?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d)"
    r"|/(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01])(?![\d-]))"
)
"""After slashes no hyphen follows: “/2024/05/16-new-officers” has a month."""

_IN_URL_BY_NAME = re.compile(r"/((?:19|20)\d\d)/([a-z]{3,9})/(\d{1,2})(?=/)", re.IGNORECASE)
SAME_INSTANT = ("Z", "+00:00")
"""How a moment is written where its publisher's offset got lost."""
CLOCK_STEP = timedelta(minutes=30)
"""Offsets are multiples of it (but for Nepal's and two islands')."""
BEHIND, AHEAD_OF_UTC = timedelta(hours=-10), timedelta(hours=13)
"""Hawaii's and New Zealand's: what is farther off is more likely half a day of a clock without “pm”."""

_ELSEWHERE = (
    "ancestor::nav or ancestor::footer or ancestor::ul or ancestor::ol"
    " or ancestor::header[not(ancestor::article or ancestor::main)]"
    " or ancestor::*[contains(@class, 'comment') or contains(@id, 'comment')]"
)
_MARKED = re.compile(r"article|post|entry|blog|byline|publi|veröffentlicht|erschienen", re.IGNORECASE)
MAX_ABOVE = 3
MAX_LABEL_CHARS = 40
_TIMES = (
    ".//time[(@itemprop='datePublished' or @pubdate) and @datetime]",
    ".//time[contains(@class, 'publish') and @datetime]",
    ".//time[contains(@class, 'entry-date') and @datetime]",
    ".//time[@datetime]",
)
_ASIDE_BLOCK = "ancestor::aside or ancestor::nav or ancestor::footer"
_ASIDE = "ancestor::aside or ancestor::nav or ancestor::footer or ancestor::ul or ancestor::ol"


def normalise(value: Any, now_ms: int) -> str | None:
    """A date as a machine writes it (ISO 8601, RFC 2822) in our form, or None.

    None also for what can't be true: before 1900, the epoch's zero, more than a day after `now_ms`.
    """
    text = plain(value, 60)
    if text is None:
        return None
    found = _iso(text) or _rfc2822(text) or in_words(text, "en")
    return found if found and _possible(found, now_ms) else None


def _iso(text: str) -> str | None:
    match = _ISO.match(text) or _COMPACT.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    try:
        whole = datetime(*(int(n or 0) for n in (year, month, day, hour, minute, second)))  # type: ignore[arg-type]  # noqa: DTZ001 - the offset is kept as written, below
    except ValueError:
        return None
    offset = _offset(zone)
    return f"{whole.isoformat()}{offset}" if hour and offset else whole.date().isoformat()


def _offset(zone: str | None) -> str | None:
    """``+0200`` → ``+02:00``; None where the zone is missing or impossible."""
    if not zone:
        return None
    if zone.upper() in ("Z", "UTC", "GMT"):
        return "Z"
    digits = zone[1:].replace(":", "").ljust(4, "0")
    possible = int(digits[:2]) <= 14 and int(digits[2:]) < 60
    return f"{zone[0]}{digits[:2]}:{digits[2:]}" if possible else None


def _rfc2822(text: str) -> str | None:
    try:
        found = parsedate_to_datetime(text)
        return found.isoformat() if found.tzinfo else found.date().isoformat()
    except (ValueError, OverflowError):
        return None


def _possible(value: str, now_ms: int) -> bool:
    moment = as_datetime(value)
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    return moment.date() >= OLDEST and moment.date() != EPOCH and moment <= now + AHEAD


def as_datetime(value: str) -> datetime:
    """A date in our form as an aware datetime; a plain date as its first moment in UTC."""
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def published(
    page: Parsed, entry: Entry, url: str | None, now_ms: int, shown: Shown = NOTHING_SHOWN
) -> list[tuple[str, str]]:
    """(origin, date) of everything that says when it was published, most trusted first."""
    raw: list[tuple[str, Any]] = [("feed", entry.published)]
    raw += [("json-ld", page.ld.text("datePublished", "dateCreated", "uploadDate"))]
    raw += [("json-ld", value) for value in page.ld.page_dates("datePublished")]
    raw += [("meta", page.first(name)) for name in PUBLISHED_META]
    raw += [("html", value) for value in _times(page)]
    raw += [("html", value) for value in _marked(page)]
    raw += [("url", date_in_url(url)), ("text", shown.published)]
    return _usable(raw, now_ms) or _usable([("html", value) for value in _lone_time(page)], now_ms)


def _usable(raw: list[tuple[str, Any]], now_ms: int) -> list[tuple[str, str]]:
    found = ((origin, normalise(value, now_ms)) for origin, value in raw)
    return [(origin, value) for origin, value in found if value]


def modified(page: Parsed, entry: Entry, now_ms: int, shown: Shown = NOTHING_SHOWN) -> list[tuple[str, str]]:
    """(origin, date) of everything that says when it was last changed, most trusted first."""
    raw: list[tuple[str, Any]] = [("json-ld", page.ld.text("dateModified"))]
    raw += [("meta", page.first(name)) for name in MODIFIED_META]
    raw += [("feed", entry.updated), ("text", shown.modified)]
    return _usable(raw, now_ms)


def most_precise(found: list[tuple[str, str]], clock: str | None = None) -> tuple[str, str] | None:
    """The most trusted date; with the time of day, or the publisher's offset, of who has it.

    `clock`: day and time (``YYYY-MM-DDTHH:MM``) as readers see it, without an offset.
    """
    if not found:
        return None
    first = found[0]
    timed = (pair for pair in found if len(pair[1]) > 10 and pair[1][:10] == first[1][:10])
    origin, value = first if len(first[1]) > 10 else next(timed, first)
    if not value.endswith(SAME_INSTANT):
        return origin, value
    return origin, _local(value, [other for _, other in found], clock) or value


def _local(value: str, others: list[str], clock: str | None) -> str | None:
    """A moment that is given in UTC as its publisher's clock has it; None where nothing tells."""
    moment = datetime.fromisoformat(value)
    for other in others:
        if len(other) > 10 and not other.endswith(SAME_INSTANT) and datetime.fromisoformat(other) == moment:
            return other
    if clock is None:
        return None
    ahead = datetime.fromisoformat(f"{clock}Z") - moment.replace(second=0, microsecond=0)
    if not ahead or not BEHIND <= ahead <= AHEAD_OF_UTC or ahead % CLOCK_STEP:
        return None  # the same, or the time of something else
    return moment.astimezone(timezone(ahead)).isoformat()


def conflict(found: list[tuple[str, str]]) -> bool:
    """Do feed, JSON-LD and meta tags disagree by more than two days?"""
    days = [as_datetime(value) for origin, value in found if origin in ("feed", "json-ld", "meta")]
    return bool(days) and max(days) - min(days) > timedelta(days=2)


def _times(page: Parsed) -> list[str]:
    """The first ``<time datetime>`` of the article: not of the page around it, not of a list of others."""
    for scope in page.within_article():
        for path in _TIMES:
            # An article inside the article is a teaser, unless it is the one with the headline.
            found = scope.xpath(f"({path})[not({_ASIDE})]")
            own = [t for t in found if _is_own(t, scope) and not _is_change(t)]
            if own:
                return [str(own[0].get("datetime"))]
    return []


def _lone_time(page: Parsed) -> list[str]:
    """The one time on a page that has no other, where something around it says that it is an article's."""
    times = [t for t in page.tree.xpath(f"//time[@datetime][not({_ELSEWHERE})]") if not _is_change(t)]
    if len({str(t.get("datetime"))[:10] for t in times}) != 1 or not _MARKED.search(_around(times[0])):
        return []
    return [str(times[0].get("datetime"))]


def _around(element: Any) -> str:
    """The names of the elements around one, and the words before it."""
    above = itertools.islice(element.iterancestors(), MAX_ABOVE)
    names = [f"{one.get('class') or ''} {one.get('id') or ''}" for one in (element, *above)]
    before = element.getparent().getprevious()
    return " ".join([*names, (before.text_content() if before is not None else "")[:MAX_LABEL_CHARS]])


def _is_own(time: Any, scope: Any) -> bool:
    return next(time.iterancestors("article", "main"), None) is scope


def _is_change(time: Any) -> bool:
    """Is a time element that of a change: by its markup, its words, or the label before it?"""
    marked = marks_change(time)
    if marked is not None:
        return marked
    before = time.getprevious()
    label = (before.tail or before.text_content()) if before is not None else time.getparent().text
    said = f"{(label or '')[-MAX_LABEL_CHARS:]} {time.text_content()[:MAX_LABEL_CHARS]}"
    return bool(CHANGED.search(said))


def _marked(page: Parsed) -> list[str]:
    """What is marked up as the date of publication (microdata), outside lists of other articles."""
    found = page.tree.xpath(f"(//*[@itemprop='datePublished' and not(self::meta)])[not({_ASIDE_BLOCK})]")[:1]
    return [str(e.get("content") or e.get("datetime") or e.text_content()) for e in found]


def date_in_url(url: str | None) -> str | None:
    """The date in a URL such as ``/2024/05/17/``, ``/2024/may/17/`` or ``-20240517``."""
    path = (url or "").split("?")[0]
    if match := _IN_URL.search(path):
        return "-".join(part for part in match.groups() if part)
    if match := _IN_URL_BY_NAME.search(path):
        number = month(match[2], "en")
        return f"{match[1]}-{number:02}-{int(match[3]):02}" if number else None
    return None
