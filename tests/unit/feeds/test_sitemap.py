"""Sitemaps as feeds: what of them is news, and which sitemaps of an index are read."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.body import MAX_BODY_BYTES
from jobs.entry import Image, ParsedFeed
from worker.feeds.parse import FeedError, FeedReason, parse

URL = "https://news.example/maps/map.xml"
NOW = datetime(2024, 5, 2, 12, 0, tzinfo=UTC)
NAMESPACES = (
    'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" '
    'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
)
NEWS = """<news:news><news:publication><news:name>The News</news:name><news:language>en</news:language>
</news:publication><news:publication_date>2024-05-01T10:00:00+02:00</news:publication_date>
<news:title>Bridge &amp; tunnel open</news:title><news:keywords>bridges, tunnels ,</news:keywords>
</news:news>"""


def read(document: str | bytes) -> ParsedFeed:
    body = document.encode() if isinstance(document, str) else document
    return parse(body, url=URL, now=NOW)


def refused(document: str | bytes) -> FeedError:
    with pytest.raises(FeedError) as caught:
        read(document)
    return caught.value


def page(loc: str, inside: str = "") -> str:
    return f"<url><loc>{loc}</loc>{inside}</url>"


def changed(date: str) -> str:
    return f"<lastmod>{date}</lastmod>"


def urlset(*pages: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {NAMESPACES}>{"".join(pages)}</urlset>'


def index(*maps: tuple[str, str]) -> ParsedFeed:
    """An index of sitemaps: URL and date of change, if any."""
    listed = (f"<sitemap><loc>{loc}</loc>{changed(date) if date else ''}</sitemap>" for loc, date in maps)
    return read(f"<sitemapindex {NAMESPACES}>{''.join(listed)}</sitemapindex>")


def test_a_news_sitemap_is_a_feed() -> None:
    """Title, date, language, keywords, pictures and the publication's name arrive where a feed has them."""
    image = (
        "<image:image><image:loc>/1.jpg</image:loc><image:caption>The bridge</image:caption></image:image>"
    )
    feed = read(urlset(page(" https://news.example/1\n", changed("2024-05-02") + NEWS + image)))
    (entry,) = feed.entries
    assert (feed.format, feed.title, feed.language) == ("sitemap", "The News", "en")
    assert feed.site_url == "https://news.example/"
    assert (entry.url, entry.title) == ("https://news.example/1", "Bridge & tunnel open")
    assert (entry.published, entry.updated) == ("2024-05-01T10:00:00+02:00", "2024-05-02")
    assert (entry.tags, entry.language) == (("bridges", "tunnels"), "en")
    assert entry.images == (Image("https://news.example/1.jpg", "The bridge"),)
    assert feed.notes == ()


def test_in_a_news_sitemap_only_what_is_marked_as_news_counts() -> None:
    """However recently the others changed, and however old the news."""
    old = NEWS.replace("2024-05-01", "2020-05-01")
    feed = read(urlset(page("/about", changed("2024-05-02")), page("/story", old)))
    assert [entry.url for entry in feed.entries] == ["https://news.example/story"]
    assert "1 pages without the news extension were left out" in feed.notes


def test_of_a_plain_sitemap_what_changed_in_the_last_days_is_taken() -> None:
    """The newest first; without a date, too old, or the front page: left out, and it says so."""
    pages = {"/old": "2024-04-28", "/day": "2024-04-30", "/new": "2024-05-02T08:00:00Z", "/undated": ""}
    pages |= {"/bad": "yesterday", "/edge": "2024-04-29T12:00:01Z", "/": "2024-05-02T11:00:00Z"}
    feed = read(urlset(*(page(loc, changed(date) if date else "") for loc, date in pages.items())))
    assert [entry.url.rpartition("/")[2] for entry in feed.entries] == ["new", "day", "edge"]
    assert "it is no news sitemap: 4 pages not changed in the last 3 days left out" in feed.notes


def test_a_plain_sitemap_is_bounded() -> None:
    """Of more than 1,000 recent pages the newest are taken."""
    pages = [page(f"/{n}", changed(f"2024-05-01T{n // 60 % 24:02}:{n % 60:02}:00Z")) for n in range(1300)]
    entries = read(urlset(*pages)).entries
    assert len(entries) == 1000
    assert entries[0].url == "https://news.example/1299"
    assert entries[-1].url == "https://news.example/300"


@pytest.mark.parametrize(
    "document",
    [
        urlset(page("/a?x=1&y=2", NEWS)),
        f"<urlset>{page('/a?x=1&amp;y=2', NEWS)}</urlset>",  # prefixes that nobody declared
        f'<s:urlset xmlns:s="x" xmlns:n="y"><s:url><s:loc>/a?x=1&amp;y=2</s:loc>{NEWS.replace("news:", "n:")}'
        "</s:url></s:urlset>",
        urlset(page("<![CDATA[/a?x=1&y=2]]>", NEWS)),
        urlset(page("/a?x=1&amp;y=2", NEWS), "<url><loc>/b</loc").removesuffix("</urlset>"),
        urlset(page("/a?x=1&amp;y=2", NEWS)).replace("tunnel", "t&eacute;nnel"),
    ],
    ids=["bare ampersand", "undeclared", "other prefixes", "cdata", "cut off", "HTML entity"],
)
def test_common_mistakes_cost_nothing(document: str) -> None:
    """The entry is there, with the URL that was meant."""
    assert [entry.url for entry in read(document).entries] == ["https://news.example/a?x=1&y=2"]


def test_a_gzip_file_is_unpacked() -> None:
    """As a sitemap that is served as application/gzip; also one in several members."""
    document = urlset(page("/1", NEWS)).encode()
    assert read(gzip.compress(document)) == read(document)
    assert read(gzip.compress(document[:50]) + gzip.compress(document[50:])) == read(document)


def test_unpacking_is_bounded() -> None:
    """A bomb, a file cut off and a damaged one are errors that say so."""
    packed = gzip.compress(urlset(page("/1", NEWS)).encode())
    assert refused(gzip.compress(bytes(MAX_BODY_BYTES + 1))).reason == FeedReason.TOO_LARGE
    assert refused(packed[:-20]).reason == FeedReason.TRUNCATED
    assert refused(packed[:12] + bytes(40) + packed[60:]).reason == FeedReason.TRUNCATED


def test_an_index_names_its_newest_sitemaps() -> None:
    """News before the others, then the newest by date; what changed long ago holds nothing recent."""
    feed = index(
        ("/2023.xml", "2023-12-31"),
        ("/tags.xml", "2024-05-01"),
        ("/posts.xml", "2024-05-02T09:00:00Z"),
        ("/authors.xml", "2024-04-30"),
        ("/news-sitemap.xml.gz", ""),
    )
    assert feed.format == "sitemapindex"
    assert feed.children == tuple(
        f"https://news.example/{name}.xml{gz}"
        for name, gz in (("news-sitemap", ".gz"), ("posts", ""), ("tags", ""))
    )
    assert feed.entries == ()
    assert "an index of 5 sitemaps: the newest 3 are read" in feed.notes


def test_an_index_without_dates_goes_by_numbers() -> None:
    """2024-05 comes after 2024-04 and 10 after 9, whatever their order."""
    months = [f"/sitemap-{year}-{month}.xml" for month in range(1, 13) for year in (2022, 2023)]
    assert [url[-11:] for url in index(*((m, "") for m in months)).children] == [
        "2023-12.xml", "2023-11.xml", "2023-10.xml",
    ]  # fmt: skip


def test_an_index_leads_to_no_other_site() -> None:
    """Only to its own registrable domain; nothing else than http(s) either."""
    feed = index(
        ("https://maps.news.example/a.xml", ""), ("https://other.test/b.xml", ""), ("file:///etc/passwd", "")
    )
    assert feed.children == ("https://maps.news.example/a.xml",)
    assert "1 sitemaps of other sites left out" in feed.notes


def test_an_empty_sitemap_is_a_feed_without_entries() -> None:
    """A news sitemap is empty when nothing happened for two days."""
    feed = read(urlset())
    assert (feed.entries, feed.notes) == ((), ("it lists no entries",))


def test_what_is_cut_off_before_its_first_url_is_truncated() -> None:
    """Then there is nothing to take."""
    assert refused(f"<urlset {NAMESPACES}><url><loc>https://news.ex").reason == FeedReason.TRUNCATED


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_sitemap_never_raises_anything_else(data: st.DataObject) -> None:
    """An entry list or a reasoned error, whatever bytes are missing or changed, packed or not."""
    body = urlset(page("/1", NEWS), page("/2", changed("2024-05-02"))).encode()
    if data.draw(st.booleans()):
        body = gzip.compress(body, mtime=0) if data.draw(st.booleans()) else zlib.compress(body)
    start = data.draw(st.integers(0, len(body)))
    damaged = body[:start] + data.draw(st.binary(max_size=20)) + body[start + data.draw(st.integers(0, 50)) :]
    with suppress(FeedError):
        assert read(damaged).format
