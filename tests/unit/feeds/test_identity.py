"""Which entries are one article: the link decides, whatever guids say (docs/decisions.md, what is new)."""

from __future__ import annotations

import json

import pytest

from jobs.entry import ParsedFeed
from jobs.urls import link_id
from worker.feeds.found import links_of
from worker.feeds.parse import parse

URL = "https://news.example/feeds/all.xml"


def rss(*items: str) -> ParsedFeed:
    listed = "".join(f"<item>{item}</item>" for item in items)
    return parse(f'<rss version="2.0"><channel>{listed}</channel></rss>'.encode(), url=URL)


def atom(*entries: str) -> ParsedFeed:
    listed = "".join(f"<entry>{entry}</entry>" for entry in entries)
    return parse(f'<feed xmlns="http://www.w3.org/2005/Atom">{listed}</feed>'.encode(), url=URL)


def json_feed(*items: dict[str, object]) -> ParsedFeed:
    return parse(
        json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode(), url=URL
    )


def ids(feed: ParsedFeed) -> list[str]:
    return [found.id for found in links_of(feed.entries)]


def urls(feed: ParsedFeed) -> list[str]:
    return [entry.url for entry in feed.entries]


# -- guids -------------------------------------------------------------------------------------------------
def test_a_guid_with_another_link_is_another_article() -> None:
    """In one document and from one to the next: publishers reuse guids."""
    feed = rss("<guid>n-1</guid><link>/a</link>", "<guid>n-1</guid><link>/b</link>")
    assert len(set(ids(feed))) == 2


def test_a_link_with_another_guid_is_the_same_article() -> None:
    """Guids that change from poll to poll publish nothing again, and do not look like a change."""
    before, after = (rss(f"<guid>{guid}</guid><link>/a</link><title>A</title>") for guid in ("n-1", "n-2"))
    assert ids(before) == ids(after)
    assert before.entries[0].fingerprint() == after.entries[0].fingerprint()


@pytest.mark.parametrize(
    ("feed", "url"),
    [
        (rss("<guid>https://news.example/1</guid>"), "https://news.example/1"),
        (rss('<guid isPermaLink="true">https://news.example/1</guid>'), "https://news.example/1"),
        (rss('<guid isPermaLink="false">https://news.example/?p=1</guid>'), "https://news.example/?p=1"),
        (atom("<id>https://news.example/1</id>"), "https://news.example/1"),
        (json_feed({"id": "https://news.example/1"}), "https://news.example/1"),
    ],
    ids=["by default", "said to be one", "said to be none", "atom", "json"],
)
def test_a_guid_that_is_a_url_stands_in_for_a_missing_link(feed: ParsedFeed, url: str) -> None:
    """Whether it says that it is a permalink or not: there is nothing better."""
    assert urls(feed) == [url]


def test_a_link_goes_before_a_permalink() -> None:
    """Also where the two differ: many permalinks are of a former address, or of the feed itself."""
    assert urls(rss("<guid>https://old.example/1</guid><link>https://news.example/1</link>")) == [
        "https://news.example/1"
    ]


@pytest.mark.parametrize(
    "wrapped",
    [
        "https://feedproxy.google.com/~r/news/~3/AbC/",
        "http://feeds.news.example/~r/news/~3/AbC/",
        "http://feeds.feedblitz.com/~/1234/0/news/",
        "http://rss.feedsportal.com/c/1/f/2/s/3/l/0L0Snews/story01.htm",
        "https://tracking.feedpress.it/link/1/2",
        "https://news.google.com/rss/articles/CBMiAU_yqLM?oc=5",
    ],
)
def test_a_permalink_goes_before_a_link_that_only_its_service_can_resolve(wrapped: str) -> None:
    """The publisher's own URL is in the document: no foreign service is needed."""
    assert urls(rss(f"<link>{wrapped}</link><guid>https://news.example/1</guid>")) == [
        "https://news.example/1"
    ]
    assert urls(rss(f"<link>{wrapped}</link><guid>n-1</guid>")) == [wrapped], "better than nothing"


# -- entries without any link ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "feed",
    [
        rss("<guid>17</guid><title>T</title><description>All of it.</description>", "<link>/ok</link>"),
        rss("<title>T</title><pubDate>Wed, 01 May 2024 10:00:00 GMT</pubDate>", "<link>/ok</link>"),
        atom("<id>tag:news.example,2024:1</id><content>All of it.</content>", '<link href="/ok"/>'),
        json_feed({"id": "1", "content_text": "All of it."}, {"url": "/ok"}),
    ],
    ids=["guid", "nothing", "tag URI", "json"],
)
def test_an_entry_without_any_link_is_left_out_and_counted(feed: ParsedFeed) -> None:
    """There is no page to fetch, and nothing to lead readers to; the notes say how many there were."""
    assert urls(feed) == ["https://news.example/ok"]
    assert feed.notes == ("1 entry without a usable link: dropped",)


# -- variants of a link ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "variant",
    [
        "http://news.example/1?a=1&b=2",
        "https://NEWS.example:443/1?a=1&b=2",
        "https://news.example/1?b=2&a=1",
        "https://news.example/x/../1?a=1&b=2",
        "https://news.example/%31?a=1&b=2",
        "https://news.example/1?a=1&b=2&utm_source=rss&utm_medium=feed",
        "https://news.example/1?a=1&fbclid=x&b=2",
        "https://news.example/1?a=1&b=2&ref=rss",
        "https://news.example/1;jsessionid=7F?a=1&b=2",
        "https://news.example/1?a=1&b=2#comments",
        "https://www.google.com/url?q=https%3A%2F%2Fnews.example%2F1%3Fa%3D1%26b%3D2",
    ],
)
def test_variants_of_a_link_are_one_article(variant: str) -> None:
    """Scheme, spelling, tracking, order of parameters, session, place in the page, wrapping."""
    feed = rss(f"<link>{variant.replace('&', '&amp;')}</link><guid>n-1</guid>")
    assert ids(feed) == [link_id("https://news.example/1?a=1&b=2")]


@pytest.mark.parametrize(
    "other",
    [
        "/2",
        "/1-2",
        "/1?id=5",
        "/1?id=6",
        "/1/",
        "/1?page=2",
        "https://blog.news.example/1",
        "/1?ref=homepage",
    ],
)
def test_another_link_is_another_article(other: str) -> None:
    """What names the article on some site is never dropped: a lost article is not found again, a copy is."""
    feed = rss("<link>/1</link><guid>n-1</guid>", f"<link>{other}</link><guid>n-1</guid>")
    assert len(set(ids(feed))) == 2


def test_one_document_lists_an_article_once() -> None:
    """The first entry of a link counts, so that copies with less in them take nothing away."""
    feed = rss(
        "<link>/1</link><title>First</title>",
        "<link>/1?utm_source=x</link><title>Second</title>",
        "<link>/1</link><title>Third</title>",
    )
    (found,) = links_of(feed.entries)
    assert found.entry.title == "First"
