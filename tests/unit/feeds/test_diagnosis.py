"""What is told as odd of a feed that can be read, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.body import MAX_BODY_BYTES
from jobs.client import Answer
from jobs.entry import Entry, ParsedFeed
from worker.feeds.diagnosis import oddities, span_s
from worker.feeds.poller import links_of
from worker.feeds.registry import Feed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
FEED = Feed("id", "https://news.test/rss")
ANSWER = Answer(
    url=FEED.url,
    final_url=FEED.url,
    status=200,
    headers={"etag": '"1"', "content-type": "application/rss+xml"},
    body=b"<rss/>",
    wire_bytes=6,
    took_ms=10,
    address="192.0.2.1",
    received_s=NOW.timestamp(),
)


def entry(number: int, *, hours_ago: float | None = 1, **known: Any) -> Entry:
    date = None if hours_ago is None else (NOW - timedelta(hours=hours_ago)).isoformat()
    return Entry(f"https://news.test/{number}", guid=f"g{number}", published=date, **known)


def parsed(*entries: Entry, **known: Any) -> ParsedFeed:
    return ParsedFeed(entries=entries, format="rss20", **known)


SOUND = parsed(*(entry(n, hours_ago=n) for n in range(1, 5)))


def told(document: ParsedFeed = SOUND, *, feed: Feed = FEED, **answered: Any) -> tuple[str, ...]:
    answer = replace(ANSWER, **answered)
    return oddities(feed, answer, document, links_of(document.entries, NOW_MS), now_ms=NOW_MS)


def test_a_sound_feed_is_not_odd() -> None:
    """No false alarms: they would hide the true ones."""
    assert told() == ()
    assert told(parsed()) == ()


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (parsed(entry(1), relative_links=1), "relative links: 1"),
        (parsed(replace(entry(1), guid=None)), "no entry has a guid"),
        (parsed(entry(1), replace(entry(2), guid="g1")), "share their guid with another link: 2"),
        (
            parsed(entry(1), replace(entry(1), url="http://news.test/1", guid="2")),
            "another's in other words: 1",
        ),
        (parsed(entry(1, hours_ago=-3), entry(2, hours_ago=-4)), "every entry is dated in the future"),
        (parsed(entry(1, hours_ago=-3), entry(2)), "1 of 2 entries are dated in the future"),
        (parsed(entry(1, hours_ago=None)), "no entry has a date"),
        (parsed(entry(1, hours_ago=None), entry(2)), "entries without a date: 1 of 2"),
        (parsed(*(entry(n) for n in range(3))), "all entries have the same date"),
        (parsed(entry(1, hours_ago=24 * 90)), "nothing newer than 90 days"),
        (parsed(entry(1), notes=("cut off",)), "cut off"),
    ],
)
def test_what_is_odd_about_a_document(document: ParsedFeed, words: str) -> None:
    """Each in a clause, and nothing besides."""
    (odd,) = told(document)
    assert words in odd


BIG = b"x" * int(MAX_BODY_BYTES * 0.7)
PACKED = {**ANSWER.headers, "content-encoding": "gzip"}


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        ({"body": BIG, "headers": PACKED}, "near the limit of 5,242,880"),
        ({"body": b"x" * 60_000}, "60,000 bytes sent uncompressed"),
        ({"headers": {}}, "neither ETag nor Last-Modified"),
        ({"headers": {"etag": "1", "content-type": "text/html; charset=x"}}, "served as text/html"),
        ({"redirects": ((302, "https://news.test/"),)}, "redirected for the time being (302)"),
    ],
)
def test_what_is_odd_about_an_answer(answered: dict[str, Any], words: str) -> None:
    """How a feed is served is its publisher's to mend, and costs both."""
    (odd,) = told(**answered)
    assert words in odd


def test_secrets_in_the_open_are_told() -> None:
    """A password that is sent over http can be read on the way."""
    feed = replace(FEED, url="http://news.test/rss", user="me", password="x")
    assert "unencrypted" in told(feed=feed)[0]
    assert told(feed=replace(feed, url=FEED.url)) == ()


def test_a_documents_span_is_from_its_oldest_to_its_newest_entry() -> None:
    """A plain day counts as its beginning; one date alone spans nothing."""
    assert span_s([entry(1, hours_ago=1), entry(2, hours_ago=5)]) == 4 * 3600
    assert span_s([entry(1), entry(2, hours_ago=None)]) is None
