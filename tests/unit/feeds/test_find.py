"""From a page to the feeds of its site: what the page names, the usual places, robots.txt, in this order."""

from __future__ import annotations

import asyncio

import pytest

from jobs.client import Answer
from jobs.entry import ParsedFeed
from jobs.errors import Outcome, Permanent, Reason, Retry
from worker.feeds.find import MAX_NAMED, WELL_KNOWN, Discovery, find
from worker.feeds.parse import parse

SITE = "https://site.example"
RSS = b"<rss><channel><title>News</title><item><link>/1</link></item></channel></rss>"
MAP = b"<urlset><url><loc>/1</loc><news><title>One</title></news></url></urlset>"
PAGE = b"<html><head><title>The site</title></head><body>Welcome</body></html>"


def page(*feeds: str) -> bytes:
    """A web page that names feeds."""
    links = "".join(f'<link rel="alternate" type="application/rss+xml" href="{feed}">' for feed in feeds)
    return f"<html><head><title>The site</title>{links}</head></html>".encode()


class Site:
    """What a site answers: a body, a status, or an outcome; all else is a 404. Redirects lead to `moved`."""

    def __init__(self, answers: dict[str, bytes | int | Outcome], moved: str = "") -> None:
        self.answers = {f"{SITE}{path}": answer for path, answer in answers.items()}
        self.moved = moved
        self.asked: list[str] = []

    async def get(self, url: str) -> Answer:
        self.asked.append(url.removeprefix(SITE))
        given = self.answers.get(url, 404)
        if isinstance(given, Outcome):
            raise given
        status, body = (200, given) if isinstance(given, bytes) else (given, b"no")
        final = self.moved if self.moved and len(self.asked) == 1 else url
        return Answer(url, final, status, {}, body, len(body), 1, "203.0.113.1", 0.0)

    async def parse(self, answer: Answer) -> ParsedFeed:
        return parse(answer.body, url=answer.final_url)

    def find(self, path: str = "/") -> Discovery:
        return asyncio.run(find(f"{SITE}{path}", self.get, self.parse))


def urls(found: Discovery) -> list[str]:
    return [feed.url.removeprefix(SITE) for feed in found.feeds]


def test_a_feed_is_found_with_one_request() -> None:
    """And nothing else is asked for."""
    site = Site({"/feed.xml": RSS})
    found = site.find("/feed.xml")
    assert (urls(found), found.error, site.asked) == (["/feed.xml"], None, ["/feed.xml"])


def test_what_the_page_names_is_read_and_comments_come_last() -> None:
    """What is named but is no feed does not count; the usual places are not asked then."""
    site = Site({"/": page("/comments/feed", "/broken", "/feed"), "/feed": RSS, "/comments/feed": RSS})
    found = site.find()
    assert urls(found) == ["/feed", "/comments/feed"]
    assert site.asked == ["/", "/broken", "/feed", "/comments/feed"]
    assert [feed.how for feed in found.feeds] == ["named by the page"] * 2
    assert "The site" in str(found.error)


def test_of_many_named_feeds_only_some_are_read() -> None:
    """The rest is given as named."""
    names = [f"/section-{n}" for n in range(MAX_NAMED + 2)]
    site = Site({"/": page(*names), **dict.fromkeys(names, RSS)})
    found = site.find()
    assert urls(found) == names[:MAX_NAMED]
    assert found.named == tuple(f"{SITE}{name}" for name in names[MAX_NAMED:])
    assert len(site.asked) == 1 + MAX_NAMED


def test_usual_places_are_tried_until_one_is_a_feed() -> None:
    """Pages that answer everything with a web page fool nobody; below a folder its own feed comes first."""
    site = Site({"/blog/": PAGE, "/feed": PAGE, "/rss": 500, "/rss.xml": RSS, "/feed.xml": RSS})
    found = site.find("/blog/")
    assert urls(found) == ["/rss.xml"]
    assert site.asked == ["/blog/", "/blog/feed", "/feed", "/rss", "/rss.xml"]


def test_the_final_url_says_which_site_it_is() -> None:
    """A redirect to another host moves the search there."""
    site = Site({"/": PAGE}, moved="https://www.site.example/")
    site.answers["https://www.site.example/rss"] = RSS
    assert urls(site.find()) == ["https://www.site.example/rss"]


def test_robots_txt_is_the_last_resort() -> None:
    """Of its sitemaps only those whose paths speak of news are read."""
    robots = b"User-agent: *\nDisallow: /x\nSitemap: /sitemap.xml\n sitemap : /maps/google-news.xml # daily\n"
    site = Site({"/a": PAGE, "/robots.txt": robots, "/sitemap.xml": MAP, "/maps/google-news.xml": MAP})
    found = site.find("/a")
    assert urls(found) == ["/maps/google-news.xml"]
    assert site.asked == ["/a", *WELL_KNOWN, "/robots.txt", "/maps/google-news.xml"]
    assert found.feeds[0].parsed.format == "sitemap"


def test_a_site_without_feeds_says_what_there_was() -> None:
    """Not open: waiting will not make the page a feed."""
    found = Site({"/": PAGE}).find()
    assert (found.feeds, found.is_open) == ((), False)
    assert "web page (“The site”)" in str(found.error)


@pytest.mark.parametrize(
    ("answer", "is_open"),
    [
        (Retry(Reason.DNS, "site.example"), True),
        (Retry(Reason.TIMEOUT, "site.example"), True),
        (Permanent(Reason.BLOCKED_ADDRESS, "private"), False),
        (Permanent(Reason.TOO_LARGE, "more"), False),
        (503, True),
        (429, True),
        (401, True),
        (403, True),
        (404, False),
        (410, False),
        (b"<rss><channel><item><link>https://site.ex", True),  # a feed, cut off
        (b"", False),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), False),
    ],
    ids=str,
)
def test_what_may_be_a_feed_later_is_left_open(answer: bytes | int | Outcome, is_open: bool) -> None:
    """Unreachable, busy, closed to us or broken for now, against what is no feed and will be none."""
    found = Site({"/feed.xml": answer}).find("/feed.xml")
    assert (found.feeds, found.is_open) == ((), is_open)
    assert found.error is not None


def test_outcomes_on_the_way_end_nothing() -> None:
    """A place that can't be reached is a place without a feed."""
    lost = Retry(Reason.TIMEOUT, "site.example")
    site = Site({"/": page("/named"), "/named": lost, "/feed": lost, "/robots.txt": lost, "/rss": RSS})
    assert urls(site.find()) == ["/rss"]
