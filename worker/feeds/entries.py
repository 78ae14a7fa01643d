"""From what a document says about its entries to `Entry`: the same cleaning for every format."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from jobs.entry import Entry, Image
from worker.feeds.dates import rfc3339
from worker.feeds.links import web_link
from worker.feeds.plain import clip, plain, printable
from worker.feeds.unwrap import is_sealed, leads_through_a_service, unwrap

MAX_ENTRIES = 1_000
MAX_LINKS = 20
"""Candidates for an entry's link that are looked at."""
MAX_TITLE_CHARS = 1_000
MAX_SUMMARY_CHARS = 2_000
MAX_CONTENT_CHARS = 200_000
MAX_NAME_CHARS = 200
MAX_MARKUP_NAME = 2_000
MAX_GUID_CHARS = 2_000
MAX_AUTHORS = 20
MAX_TAGS = 50
MAX_IMAGES = 10

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}")
_MAIL_ADDRESS = re.compile(r"\S+@\S+")
_ENCLOSED = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Written:
    """One date as the document has it."""

    text: str | None = None
    utc: time.struct_time | None = None
    """What the feed parser made of it."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One entry as the document has it, before cleaning."""

    links: tuple[str, ...]
    """Candidates for its link, the best first, relative ones included."""
    guid: str | None = None
    title: str | None = None
    """May hold markup, as all texts here."""
    summary: str | None = None
    content: str | None = None
    """HTML."""
    authors: tuple[str, ...] = ()
    published: Written = Written()
    updated: Written = Written()
    tags: tuple[str, ...] = ()
    images: tuple[tuple[str, str | None], ...] = ()
    """URL and caption."""
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A feed document, read but not cleaned. Every format ends here."""

    title: str | None
    site_link: str | None
    language: str | None
    format: str
    raws: tuple[Raw, ...]
    notes: tuple[str, ...] = ()
    ttl_s: int | None = None
    """See `ParsedFeed`."""
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()
    children: tuple[str, ...] = ()
    """See `ParsedFeed`."""
    hub_links: tuple[str, ...] = ()
    self_link: str | None = None


def collect(raws: Iterable[Raw], *, base: str, now: datetime) -> tuple[tuple[Entry, ...], list[str]]:
    """The usable entries in the document's order, and what was odd about the others.

    An entry without a link is dropped, one with the link of an earlier one too. Of more than `MAX_ENTRIES`
    the newest are kept.
    """
    odd: Counter[str] = Counter()
    by_url: dict[str, Entry] = {}
    for raw in raws:
        entry = _clean(raw, base, now, odd)
        if entry is None:
            odd["without a usable link: dropped"] += 1
        elif entry.url in by_url:
            odd["with the link of an earlier one: dropped"] += 1
        else:
            by_url[entry.url] = entry
    entries = tuple(by_url.values())
    kept = newest(entries)
    if len(kept) < len(entries):
        odd[f"over the limit of {MAX_ENTRIES:,}: only the newest were kept"] = len(entries) - len(kept)
    return kept, [f"{count:,} {'entry' if count == 1 else 'entries'} {what}" for what, count in odd.items()]


def language_tag(raw: object) -> str | None:
    """A language tag as written, if it looks like one (BCP 47)."""
    text = raw.strip() if isinstance(raw, str) else ""
    return text if _LANGUAGE.fullmatch(text) else None


def _clean(raw: Raw, base: str, now: datetime, odd: Counter[str]) -> Entry | None:
    url = _link(raw, base)
    if url is None:
        return None
    if is_sealed(url):
        odd["that only Google News can unwrap: the link stays wrapped"] += 1
    summary, content = _texts(raw)
    return Entry(
        url=url,
        guid=_guid(raw.guid),
        title=plain(raw.title or "", MAX_TITLE_CHARS),
        summary=summary,
        content=content,
        authors=_names(raw.authors, MAX_AUTHORS),
        published=_date(raw.published, now, odd),
        updated=_date(raw.updated, now, odd),
        tags=_names(raw.tags, MAX_TAGS),
        images=_images(raw.images, base),
        language=language_tag(raw.language),
    )


def _link(raw: Raw, base: str) -> str | None:
    """The entry's link: the best that is none of a service's that only forwards, or else the best."""
    given = [url for url in (web_link(link, base) for link in raw.links[:MAX_LINKS]) if url]
    links = [web_link(unwrap(url), base) or url for url in given]
    return next((url for url in links if not leads_through_a_service(url)), links[0] if links else None)


def _texts(raw: Raw) -> tuple[str | None, str | None]:
    """Summary and content. A content no longer than the summary is a caption or a copy, and is left out."""
    content = printable(raw.content or "")
    whole = plain(raw.summary or "", MAX_CONTENT_CHARS) or ""
    summary = clip(whole, MAX_SUMMARY_CHARS)
    if not content and len(whole) > MAX_SUMMARY_CHARS:
        content = printable(raw.summary or "")  # many RSS feeds carry the article in <description>
    elif content and raw.summary == raw.content:
        summary = ""
    elif len(plain(content, MAX_CONTENT_CHARS) or "") < len(whole):
        content = ""
    return summary or None, _cut(content) or None


def _cut(content: str) -> str:
    """HTML of at most `MAX_CONTENT_CHARS`, not cut inside a tag."""
    if len(content) <= MAX_CONTENT_CHARS:
        return content
    head = content[:MAX_CONTENT_CHARS]
    return head.rpartition("<")[0] or head


def _guid(raw: str | None) -> str | None:
    """The identity as written. One of absurd length identifies nothing."""
    text = printable(raw or "")
    return text if 0 < len(text) <= MAX_GUID_CHARS else None


def _names(raw: tuple[str, ...], limit: int) -> tuple[str, ...]:
    """Names as plain text, each once; mail addresses and URLs are no names."""
    names: dict[str, str] = {}
    for text in raw[: limit * 4]:
        without_mail = _MAIL_ADDRESS.sub("", text[:MAX_MARKUP_NAME]).strip()
        enclosed = _ENCLOSED.fullmatch(without_mail)  # RSS: mail@host (Name)
        name = plain(enclosed[1] if enclosed else without_mail, MAX_NAME_CHARS)
        if name and not name.startswith(("http://", "https://")):
            names.setdefault(name.casefold(), name)
    return tuple(names.values())[:limit]


def _date(written: Written, now: datetime, odd: Counter[str]) -> str | None:
    date = rfc3339(written.text, written.utc, now)
    if written.text and date is None:
        odd["with a date that can't be read or can't be true: left out"] += 1
    return date


def _images(raw: tuple[tuple[str, str | None], ...], base: str) -> tuple[Image, ...]:
    found: dict[str, Image] = {}
    for link, caption in raw[: MAX_IMAGES * 4]:
        url = web_link(link, base)
        if url:
            found.setdefault(url, Image(url, plain(caption or "", MAX_TITLE_CHARS)))
    return tuple(found.values())[:MAX_IMAGES]


def newest(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """At most `MAX_ENTRIES` of them, in their order."""
    if len(entries) <= MAX_ENTRIES:
        return entries
    by_age = sorted(range(len(entries)), key=lambda i: _moment(entries[i]), reverse=True)
    return tuple(entries[i] for i in sorted(by_age[:MAX_ENTRIES]))


def _moment(entry: Entry) -> datetime:
    """When an entry appeared, for ordering. Undated ones come last, in the document's order."""
    moment = datetime.fromisoformat(entry.published or entry.updated or "0001-01-01")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
