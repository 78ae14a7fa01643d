"""What must hold of whatever comes out of a parse, whatever went in."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from urllib.parse import urlsplit

from jobs.entry import Entry, ParsedFeed
from jobs.link import Found
from worker.feeds import entries
from worker.feeds.found import links_of
from worker.feeds.links import MAX_LINK_CHARS
from worker.feeds.parse import MAX_HUBS, FeedError, FeedReason, parse
from worker.feeds.sitemap import MAX_CHILDREN

URL = "https://news.example/feeds/all.xml"

# Written here once more, on purpose: C0 and C1 controls, what reverses a line, and what can't be encoded.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNPRINTABLE_IN_MARKUP = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d[+-]\d\d:\d\d)?")
_LANGUAGE = re.compile(r"[A-Za-z0-9_-]{2,50}")
MAX_NOTES = 20
MAX_NOTE_CHARS = 500
LONGEST_TTL_S = 366 * 86_400


def parsed(body: bytes, *, url: str = URL, content_type: str = "") -> ParsedFeed | FeedError:
    """What a parse gives, found to be sound. What it raises other than a FeedError comes out."""
    try:
        feed = parse(body, url=url, content_type=content_type)
    except FeedError as error:
        assert_reasoned(error)
        return error
    assert_sound(feed)
    return feed


def assert_reasoned(error: FeedError) -> None:
    """A reason of the vocabulary, one printable line of bounded length, and it survives the way out."""
    assert isinstance(error.reason, FeedReason)
    line(str(error), 1_000)
    assert str(error).startswith(error.reason.meaning)
    assert len(error.feeds) <= 10
    for url in error.feeds:
        link(url)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (again.reason, again.feeds, str(again)) == (error.reason, error.feeds, str(error))


def assert_sound(feed: ParsedFeed) -> None:
    """Every field is bounded and printable, every link one of the web; the ledger takes all of it."""
    covered = {
        "title", "site_url", "language", "entries", "format", "notes", "ttl_s", "skip_hours", "skip_days",
        "children", "hubs", "self_url", "relative_links",
    }  # fmt: skip
    assert {f.name for f in fields(ParsedFeed)} <= covered, "a field that nobody looks at here"
    line(feed.title, entries.MAX_TITLE_CHARS)
    line(feed.format, 50)
    line(feed.language, 50, _LANGUAGE)
    for url in (feed.site_url, *feed.hubs, feed.self_url):
        link(url)
    assert len(feed.notes) <= MAX_NOTES
    for note in feed.notes:
        line(note, MAX_NOTE_CHARS)
    assert feed.ttl_s is None or 0 < feed.ttl_s <= LONGEST_TTL_S
    assert set(feed.skip_hours) <= set(range(24))
    assert set(feed.skip_days) <= set(range(7))
    assert feed.relative_links >= 0
    assert len(feed.hubs) <= MAX_HUBS
    assert len(feed.children) <= MAX_CHILDREN
    for url in feed.children:
        link(url)
    assert len(feed.entries) <= entries.MAX_ENTRIES
    assert len({entry.url for entry in feed.entries}) == len(feed.entries)
    for entry in feed.entries:
        assert_sound_entry(entry)
    assert_recordable(links_of(feed.entries))
    assert pickle.loads(pickle.dumps(feed)) == feed  # noqa: S301 - our own


def assert_sound_entry(entry: Entry) -> None:
    """The same for one entry."""
    covered = {
        "url", "guid", "title", "summary", "content", "authors", "published", "updated", "tags", "images",
        "language",
    }  # fmt: skip
    assert {f.name for f in fields(Entry)} <= covered, "a field that nobody looks at here"
    assert entry.url
    link(entry.url)
    markup(entry.guid, entries.MAX_GUID_CHARS)
    line(entry.title, entries.MAX_TITLE_CHARS)
    line(entry.summary, entries.MAX_SUMMARY_CHARS)
    markup(entry.content, entries.MAX_CONTENT_CHARS)
    names(entry.authors, entries.MAX_AUTHORS)
    names(entry.tags, entries.MAX_TAGS)
    date(entry.published)
    date(entry.updated)
    line(entry.language, 50, _LANGUAGE)
    assert len(entry.images) <= entries.MAX_IMAGES
    for image in entry.images:
        link(image.url)
        line(image.caption, entries.MAX_TITLE_CHARS)


def assert_recordable(found: list[Found]) -> None:
    """What the ledger gets: UTF-8, and the same when it is read again."""
    for one in found:
        text = one.entry.to_json()
        assert Entry.from_json(text.encode("utf-8").decode("utf-8")) == one.entry
        assert json.loads(text)["url"] == one.url
        assert one.fresh_ms > 0
        assert re.fullmatch(r"[\w-]{1,64}", one.id)
        line(one.host, 300)


def link(url: str | None) -> None:
    """An absolute link of the web, or none."""
    if url is None:
        return
    line(url, MAX_LINK_CHARS)
    parts = urlsplit(url)
    assert parts.scheme in ("http", "https")
    assert parts.hostname


def line(text: str | None, most: int, pattern: re.Pattern[str] | None = None) -> None:
    """One line for people, or none; never an empty one, but for a format."""
    if text is None:
        return
    assert len(text) <= most, f"{len(text)} characters"
    assert not _UNPRINTABLE.search(text), ascii(text[:300])
    assert text == text.strip()
    assert pattern is None or pattern.fullmatch(text), ascii(text)


def markup(text: str | None, most: int) -> None:
    """Markup or an identifier, or none."""
    if text is not None:
        assert 0 < len(text) <= most
        assert not _UNPRINTABLE_IN_MARKUP.search(text), ascii(text[:300])


def names(texts: Iterable[str], most: int) -> None:
    """A list of names, each once."""
    listed = list(texts)
    assert len(listed) <= most
    assert len(set(listed)) == len(listed)
    for name in listed:
        assert name
        line(name, entries.MAX_NAME_CHARS)


def date(text: str | None) -> None:
    """A date as RFC 3339 has it, or a plain day, or none."""
    if text is not None:
        assert _DATE.fullmatch(text), text
        datetime.fromisoformat(text)
