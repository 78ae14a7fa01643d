"""What is odd about a feed that can be read: what its operator, or its publisher, should know. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from jobs.body import MAX_BODY_BYTES
from jobs.client import Answer
from jobs.entry import Entry, ParsedFeed
from jobs.link import Found
from worker.feeds.registry import Feed
from worker.feeds.spans import duration

NEAR_CAP = 0.6
"""Of the largest body: from here on it is worth knowing."""
WORTH_PACKING_BYTES = 50_000
OLD_S = 30 * 86_400
AHEAD_S = 300.0
"""Dates no further ahead are a clock that is a little fast."""
_XML_TYPES = ("xml", "json", "rss", "atom", "rdf", "gzip", "octet-stream")


def oddities(
    feed: Feed, answer: Answer, parsed: ParsedFeed, found: Sequence[Found], *, now_ms: int
) -> tuple[str, ...]:
    """One clause each, the transport first.

    Args:
        feed: what was asked for.
        answer: of its server, status 200.
        parsed: the document in it.
        found: its links.
        now_ms: the present, ms since the epoch.
    """
    return (
        *_transport(feed, answer),
        *parsed.notes,
        *_identity(parsed, found),
        *_dates(parsed.entries, now_ms),
    )


def _transport(feed: Feed, answer: Answer) -> Iterator[str]:
    size = len(answer.body)
    if size > NEAR_CAP * MAX_BODY_BYTES:
        yield f"{size:,} bytes, near the limit of {MAX_BODY_BYTES:,}: beyond it nothing is read"
    if size > WORTH_PACKING_BYTES and not answer.headers.get("content-encoding"):
        yield f"{size:,} bytes sent uncompressed, although we take gzip, br and zstd"
    if not answer.etag and not answer.last_modified:
        yield "neither ETag nor Last-Modified: each poll downloads the whole document"
    if feed.request_headers and feed.login.url.startswith("http:"):
        yield "your headers or password are sent to it unencrypted (http)"
    temporary = [str(status) for status, _ in answer.redirects if status not in (301, 308)]
    if temporary:
        yield f"redirected for the time being ({', '.join(temporary)}): each poll costs another request"
    kind = answer.content_type.partition(";")[0].strip().lower()
    if kind and not any(word in kind for word in _XML_TYPES):
        yield f"served as {kind[:60]}, which is no type of feeds"


def _identity(parsed: ParsedFeed, found: Sequence[Found]) -> Iterator[str]:
    entries = parsed.entries
    if parsed.relative_links:
        yield f"relative links: {parsed.relative_links}; read against the feed's own address"
    if entries and not any(entry.guid for entry in entries) and "sitemap" not in parsed.format:
        yield "no entry has a guid: that is no loss, since links are what tells entries apart"
    guids = Counter(entry.guid for entry in entries if entry.guid)
    reused = sum(count for count in guids.values() if count > 1)
    if reused:
        yield f"entries that share their guid with another link: {reused}; each link counts"
    if len(found) < len(entries):
        yield f"links that can't be used, or are another's in other words: {len(entries) - len(found)}"


def _dates(entries: Sequence[Entry], now_ms: int) -> Iterator[str]:
    if not entries:
        return
    dates = [moment for entry in entries if (moment := published_s(entry)) is not None]
    now_s = now_ms / 1000
    ahead = sum(date > now_s + AHEAD_S for date in dates)
    if not dates:
        yield "no entry has a date: its links count as new from when they are first seen"
    elif ahead:
        which = "every entry is" if ahead == len(entries) else f"{ahead} of {len(entries)} entries are"
        yield f"{which} dated in the future: a wrong clock or time zone at the publisher's"
    elif len(dates) < len(entries):
        yield f"entries without a date: {len(entries) - len(dates)} of {len(entries)}"
    if len(dates) > 2 and len(set(dates)) == 1:
        yield "all entries have the same date: it is the document's, and says nothing of them"
    if dates and now_s - max(dates) > OLD_S:
        yield f"nothing newer than {duration(now_s - max(dates))}: is it still kept?"


def published_s(entry: Entry) -> float | None:
    """When an entry was published, s since the epoch, as far as its feed says; a plain day is its start."""
    text = entry.published or entry.updated
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def span_s(entries: Sequence[Entry]) -> float | None:
    """Seconds between the oldest and the newest entry; None where fewer than two say."""
    dates = [moment for entry in entries if (moment := published_s(entry)) is not None]
    return max(dates) - min(dates) if len(dates) > 1 else None
