"""What feed documents give, whatever state they are in."""

from __future__ import annotations

import json
import pickle
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.entry import Entry, Image, ParsedFeed
from worker.feeds.parse import FeedError, FeedReason, parse

URL = "https://news.example/feeds/all.xml"
NOW = datetime(2024, 5, 2, 12, 0, tzinfo=UTC)


def read(document: str | bytes, content_type: str = "") -> ParsedFeed:
    body = document.encode() if isinstance(document, str) else document
    return parse(body, url=URL, content_type=content_type, now=NOW)


def rss(items: str, channel: str = "<title>The News</title>") -> str:
    namespaces = (
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" '
        'xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0" xmlns:atom="http://www.w3.org/2005/Atom"'
    )
    return f'<?xml version="1.0"?><rss version="2.0" {namespaces}><channel>{channel}{items}</channel></rss>'


def item(inside: str, link: str = "https://news.example/1") -> Entry:
    """The entry of a feed with one item."""
    feed = read(rss(f"<item><link>{link}</link>{inside}</item>"))
    assert len(feed.entries) == 1
    return feed.entries[0]


def refused(document: str | bytes) -> FeedError:
    with pytest.raises(FeedError) as caught:
        read(document)
    return caught.value


RSS = rss(
    """<item><title>Bridge opens</title><link>https://news.example/bridge</link>
    <guid isPermaLink="false">n-17</guid><description><![CDATA[<p>After <b>ten</b> years &amp; two
    floods.</p>]]></description><content:encoded><![CDATA[<p>After ten years and two floods the bridge
    is open. Thousands came.</p>]]></content:encoded><dc:creator>Newsroom staff</dc:creator>
    <pubDate>Wed, 01 May 2024 10:00:00 +0200</pubDate><category>Local</category><category>local</category>
    <media:content url="/small.jpg" medium="image" width="100"/>
    <media:content url="/large.jpg" medium="image" width="900"/></item>""",
    "<title>The News</title><link>https://news.example/</link><language>en-gb</language>",
)
ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de">
<title>Die Nachrichten</title><link rel="self" href="https://news.example/feeds/all.xml"/><link href="/"/>
<entry><id>tag:news.example,2024:1</id><title type="html">Br&amp;uuml;cke &amp;lt; fertig</title>
<link rel="replies" href="/1/comments"/><link rel="alternate" type="application/pdf" href="/1.pdf"/>
<link rel="alternate" type="text/html" href="/1"/><author><name>Redaktion</name></author>
<published>2024-05-01T10:00:00+02:00</published><updated>2024-05-01T11:30:00.25Z</updated>
<summary>Nach zehn Jahren.</summary></entry></feed>"""
RDF = """<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x">
<title>News</title><link>https://news.example/</link></channel><item rdf:about="https://news.example/1">
<title>One</title><link>https://news.example/1</link><dc:date>2024-05-01T08:00:00Z</dc:date></item></rdf:RDF>"""
RSS091 = """<rss version="0.91"><channel><title>Old</title><item><title>A</title><link>https://news.example/a
</link></item></channel></rss>"""
JSON = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "JSON News",
    "home_page_url": "https://news.example/",
    "language": "en",
    "items": [
        {
            "id": 7,
            "url": "/7",
            "external_url": "https://elsewhere.example/",
            "title": "Seven",
            "summary": "Short.",
            "content_html": "<p>A longer text than the summary.</p>",
            "image": "/7.jpg",
            "authors": [{"name": "Newsroom staff"}, {"url": "https://news.example/staff"}],
            "date_published": "2024-05-01T10:00:00-04:00",
            "tags": ["City", 5],
        }
    ],
}


class TestFormats:
    def test_rss_gives_every_field(self) -> None:
        """An RSS 2.0 item gives plain texts, absolute URLs, the publisher's offset and each tag once."""
        feed = read(RSS)
        assert (feed.title, feed.site_url, feed.language, feed.format) == (
            "The News",
            "https://news.example/",
            "en-gb",
            "rss20",
        )
        assert feed.entries == (
            Entry(
                url="https://news.example/bridge",
                guid="n-17",
                title="Bridge opens",
                summary="After ten years & two floods.",
                content="<p>After ten years and two floods the bridge\n    is open. Thousands came.</p>",
                authors=("Newsroom staff",),
                published="2024-05-01T10:00:00+02:00",
                tags=("Local",),
                images=(Image("https://news.example/large.jpg"), Image("https://news.example/small.jpg")),
                language="en-gb",
            ),
        )
        assert feed.notes == ()

    def test_atom_takes_the_alternate_html_link(self) -> None:
        """Of an Atom entry's links the alternate HTML one counts, resolved; both dates keep their offsets."""
        feed = read(ATOM)
        assert (feed.title, feed.site_url, feed.format) == (
            "Die Nachrichten",
            "https://news.example/",
            "atom10",
        )
        entry = feed.entries[0]
        assert (entry.url, entry.guid) == ("https://news.example/1", "tag:news.example,2024:1")
        assert (entry.title, entry.summary) == ("Brücke < fertig", "Nach zehn Jahren.")
        assert (entry.published, entry.updated) == ("2024-05-01T10:00:00+02:00", "2024-05-01T11:30:00+00:00")
        assert (entry.authors, entry.language) == (("Redaktion",), "de")

    def test_rdf_dates_are_publication_dates(self) -> None:
        """RSS 1.0 says when an item was published by dc:date."""
        feed = read(RDF)
        assert feed.format == "rss10"
        assert (feed.entries[0].published, feed.entries[0].updated) == ("2024-05-01T08:00:00+00:00", None)

    def test_rss_091(self) -> None:
        """The oldest RSS still in use is read; line breaks around a link are not part of it."""
        feed = read(RSS091)
        assert (feed.format, feed.entries[0].url) == ("rss091u", "https://news.example/a")

    @pytest.mark.parametrize(
        "version", ["https://jsonfeed.org/version/1", "https://jsonfeed.org/version/1.1"]
    )
    def test_json_feed(self, version: str) -> None:
        """JSON Feed 1.0 and 1.1 give the same fields; the item's own URL comes before the external one."""
        feed = read(json.dumps(JSON | {"version": version}))
        assert (feed.title, feed.site_url, feed.notes) == ("JSON News", "https://news.example/", ())
        assert feed.entries == (
            Entry(
                url="https://news.example/7",
                guid="7",
                title="Seven",
                summary="Short.",
                content="<p>A longer text than the summary.</p>",
                authors=("Newsroom staff",),
                published="2024-05-01T10:00:00-04:00",
                tags=("City",),
                images=(Image("https://news.example/7.jpg"),),
                language="en",
            ),
        )

    def test_json_feed_1_0_author_and_text(self) -> None:
        """The old ``author`` counts, and plain content becomes HTML that means the same."""
        old = {"id": "https://news.example/8", "author": {"name": "Desk"}, "content_text": "a < b\n\nc"}
        entry = read(json.dumps({"version": "https://jsonfeed.org/version/1", "items": [old]})).entries[0]
        assert (entry.url, entry.authors, entry.content) == (
            "https://news.example/8",
            ("Desk",),
            "<p>a &lt; b</p><p>c</p>",
        )

    def test_empty_feeds_are_feeds(self) -> None:
        """A feed without entries is no error: it has nothing to say at present."""
        assert read(rss("")).notes == ("it lists no entries",)
        assert read('{"version": "https://jsonfeed.org/version/1.1", "items": []}').entries == ()


class TestLinks:
    @pytest.mark.parametrize(
        ("inside", "url"),
        [
            ("<link>/a/1</link>", "https://news.example/a/1"),
            ("<link>1?x=2&amp;y=3</link>", "https://news.example/feeds/1?x=2&y=3"),
            ("<link>//other.example/1</link>", "https://other.example/1"),
            ("<link>www.news.example/1</link>", "https://www.news.example/1"),
            ("<link>\n https://news.example/a b\n</link>", "https://news.example/a%20b"),
            ("<link><![CDATA[https://news.example/?a=1&amp;b=2]]></link>", "https://news.example/?a=1&b=2"),
            ("<guid>https://news.example/perma</guid>", "https://news.example/perma"),
            ("<guid>/perma</guid>", "https://news.example/perma"),
            (
                "<link/><guid isPermaLink='false'>https://news.example/?p=1</guid>",
                "https://news.example/?p=1",
            ),
            (
                "<link>https://feeds.example/~r/1</link>"
                "<feedburner:origLink>https://news.example/real</feedburner:origLink>",
                "https://news.example/real",
            ),
            ("<atom:link rel='self' href='/no'/><link>/yes</link>", "https://news.example/yes"),
            ("<link>/a\u202egpj.1</link>", "https://news.example/a%E2%80%AEgpj.1"),
        ],
    )
    def test_usable_links(self, inside: str, url: str) -> None:
        """Relative, wrapped, permalink-only and sloppily written links all give the absolute one meant."""
        assert read(rss(f"<item>{inside}<title>t</title></item>")).entries[0].url == url

    @pytest.mark.parametrize(
        "inside",
        [
            "<title>no link</title>",
            "<guid>12345</guid>",
            "<guid isPermaLink='false'>/17</guid>",
            "<link>javascript:alert(1)</link>",
            "<link>mailto:desk@news.example</link>",
            "<link>http://</link>",
            "<link>http://[bad/</link>",
            f"<link>https://news.example/{'x' * 5000}</link>",
        ],
    )
    def test_entries_without_a_usable_link_are_dropped(self, inside: str) -> None:
        """Such an entry is left out, and the notes say so; the others stay."""
        feed = read(rss(f"<item>{inside}</item><item><link>/ok</link></item>"))
        assert [e.url for e in feed.entries] == ["https://news.example/ok"]
        assert feed.notes == ("1 entry without a usable link: dropped",)

    def test_xml_base(self) -> None:
        """Atom links are resolved against xml:base (RFC 4287, 2)."""
        text = ATOM.replace("<entry>", '<entry xml:base="https://cdn.example/de/">').replace(
            'type="text/html" href="/1"', 'type="text/html" href="1"'
        )
        assert read(text).entries[0].url == "https://cdn.example/de/1"

    def test_a_guid_is_kept_as_written(self) -> None:
        """A numeric guid is not turned into a URL: it must not change when the feed moves."""
        assert item("<guid>12345</guid>").guid == "12345"

    def test_repeated_links_collapse(self) -> None:
        """The first of several entries with one link stays."""
        feed = read(rss("".join(f"<item><link>/1</link><title>{n}</title></item>" for n in "abc")))
        assert [e.title for e in feed.entries] == ["a"]
        assert feed.notes == ("2 entries with the link of an earlier one: dropped",)


class TestTexts:
    @pytest.mark.parametrize(
        ("written", "title"),
        [
            ("AT&amp;T", "AT&T"),
            ("AT&amp;amp;T", "AT&T"),
            ("&lt;b&gt;Bold&lt;/b&gt; move", "Bold move"),
            ("<![CDATA[<b>Bold</b> move]]>", "Bold move"),
            ("&amp;lt;b&amp;gt;Twice&amp;lt;/b&amp;gt;", "Twice"),
            ("3 &lt; 5 &amp; 7 &gt; 6", "3 < 5 & 7 > 6"),
            ("<![CDATA[<p>One</p><p>two</p>]]>", "One two"),
            ("<![CDATA[W<b>o</b>rd]]>", "Word"),
            ("<![CDATA[<script>alert(1)</script>Safe<!-- no -->]]>", "Safe"),
            ('<![CDATA[<img alt="a > b" src="x">Text]]>', "Text"),
            ("  many\n\n  blanks &#160; ", "many blanks"),
            ("a\x07b\x1b[31mc&#8238;d&#173;e", "ab[31mcde"),
            ("caf&eacute;", "café"),
            ("Doğu\u200cnun", "Doğu\u200cnun"),
            ("cut <![CDATA[<a href='x]]>", "cut"),
        ],
    )
    def test_titles_are_plain(self, written: str, title: str) -> None:
        """Tags, entities, control characters and blanks are gone; what only looks like a tag stays."""
        assert item(f"<title>{written}</title>").title == title

    def test_long_texts_are_bounded(self) -> None:
        """Summaries end at 2,000 characters at a whole word, content at 200,000 outside of a tag."""
        entry = item(f"<description>{'word ' * 3000}</description>")
        assert entry.summary is not None
        assert len(entry.summary) <= 2000
        assert entry.summary.endswith("word…")
        long = item(f"<content:encoded><![CDATA[{'<p>text</p>' * 30_000}]]></content:encoded>")
        assert long.content is not None
        assert 199_000 < len(long.content) <= 200_000
        assert long.content.endswith(("</p>", "text"))

    def test_a_long_description_is_the_content(self) -> None:
        """Many RSS feeds carry the article in the description: it counts as both."""
        entry = item(f"<description><![CDATA[<p>{'word ' * 1000}</p>]]></description>")
        assert entry.content is not None
        assert entry.content.startswith("<p>word")

    def test_a_caption_is_not_the_content(self) -> None:
        """A media:description, which is about a picture, does not pass for the article."""
        entry = item(
            "<description>What happened in the city today.</description>"
            "<media:content url='/a.jpg'><media:description>A bridge</media:description></media:content>"
        )
        assert (entry.summary, entry.content) == ("What happened in the city today.", None)

    def test_addresses_are_no_names(self) -> None:
        """Of an author only the name is taken, never the mail address."""
        for written in ("desk@news.example (City Desk)", "City Desk (desk@news.example)", "City Desk"):
            assert item(f"<author>{written}</author>").authors == ("City Desk",)
        assert item("<author>desk@news.example</author>").authors == ()
        assert item("<author>City Desk (Agency)</author>").authors == ("City Desk (Agency)",)

    def test_several_authors(self) -> None:
        """Each dc:creator is one author."""
        authors = "<dc:creator>City Desk</dc:creator><dc:creator>Night Desk</dc:creator>"
        assert item(authors).authors == ("City Desk", "Night Desk")


class TestDates:
    @pytest.mark.parametrize(
        ("written", "published"),
        [
            ("Wed, 01 May 2024 10:00:00 +0200", "2024-05-01T10:00:00+02:00"),
            ("01 May 2024 10:00 GMT", "2024-05-01T10:00:00+00:00"),
            ("Wed, 1 May 2024 10:00:00 EDT", "2024-05-01T10:00:00-04:00"),
            ("Wed, 01 May 2024 10:00:00 CEST", "2024-05-01T10:00:00+02:00"),
            ("Wed, 01 May 2024 10:00:00 +0200 (CEST)", "2024-05-01T10:00:00+02:00"),
            ("2024-05-01T10:00:00.123456Z", "2024-05-01T10:00:00+00:00"),
            ("2024-05-01 10:00:00 +05:30", "2024-05-01T10:00:00+05:30"),
            ("2024-05-01T10:00-0300", "2024-05-01T10:00:00-03:00"),
            ("2024-05-01 10:00:00", "2024-05-01T10:00:00+00:00"),
            ("2024-05-01", "2024-05-01"),
            ("Wed, 01 May 2024", "2024-05-01"),
            ("Wed, 01 May 2024 10:00:00 XYZ", "2024-05-01"),
            ("Wed, 01 May 2024 10:00 PM", "2024-05-01"),
            ("2024-05", None),
            ("2024", None),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None),
            ("2024-06-01T10:00:00Z", None),
            ("2024-05-03T10:00:00Z", "2024-05-03T10:00:00+00:00"),
            ("2024-05-01T10:00:00+99:00", None),
            ("2024-02-31", None),
            ("yesterday", None),
            ("9" * 5000, None),
        ],
    )
    def test_dates_keep_the_publishers_offset(self, written: str, published: str | None) -> None:
        """A date is as the publisher wrote it, a plain day where only that is sure, and null before wrong."""
        assert item(f"<pubDate>{written}</pubDate>").published == published

    def test_no_date_is_no_complaint(self) -> None:
        """A missing date is null; an unreadable one is noted."""
        assert item("<title>t</title>").published is None
        odd = read(rss("<item><link>/1</link><pubDate>soon</pubDate></item>")).notes
        assert odd == ("1 entry with a date that can't be read or can't be true: left out",)

    def test_json_and_atom_dates_too(self) -> None:
        """The same rule for every format."""
        items = [{"url": "/1", "date_published": "2044-01-01T00:00:00Z", "date_modified": "2024-05-01"}]
        entry = read(json.dumps(JSON | {"items": items})).entries[0]
        assert (entry.published, entry.updated) == (None, "2024-05-01")


class TestEncodings:
    TEXT = rss("<item><title>Größe “ja” – 5 €</title><link>/1</link></item>")

    def title(self, body: bytes, content_type: str = "") -> str | None:
        return read(body, content_type).entries[0].title

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
    def test_unicode(self, encoding: str) -> None:
        """Every Unicode encoding is recognised, with a BOM or without."""
        assert self.title(self.TEXT.encode(encoding)) == "Größe “ja” – 5 €"

    def test_declared_in_the_document(self) -> None:
        """An encoding in the XML declaration is used."""
        text = self.TEXT.replace('version="1.0"?', 'version="1.0" encoding="windows-1252"?')
        assert self.title(text.encode("cp1252")) == "Größe “ja” – 5 €"

    def test_declared_by_the_server(self) -> None:
        """A charset parameter is used, and comes before the declaration (RFC 7303)."""
        text = rss("<item><title>тест</title><link>/1</link></item>")
        assert self.title(text.encode("koi8-r"), "text/xml; charset=KOI8-R") == "тест"

    def test_latin_1_declared_as_utf_8(self) -> None:
        """The commonest lie: entries are read all the same, with a note."""
        feed = read(self.TEXT.encode("cp1252"), "application/rss+xml; charset=utf-8")
        assert feed.entries[0].title == "Größe “ja” – 5 €"
        assert feed.notes == ("not valid utf-8, read as cp1252",)

    def test_utf_8_declared_as_latin_1(self) -> None:
        """The second commonest lie."""
        assert self.title(self.TEXT.encode(), "text/xml; charset=iso-8859-1") == "Größe “ja” – 5 €"

    def test_a_cut_character_does_not_spoil_the_rest(self) -> None:
        """One bad byte in a UTF-8 feed costs one character, not every accent in it."""
        body = self.TEXT.encode().replace("5 €".encode(), b"5 \xe2\x82")
        assert self.title(body) == "Größe “ja” – 5 �"

    @pytest.mark.parametrize("name", ["punycode", "zlib", "unicode_escape", "idna", "nonsense", "utf-16"])
    def test_declared_nonsense_is_ignored(self, name: str) -> None:
        """Only text encodings are used, whatever Python's codecs could do."""
        assert self.title(self.TEXT.encode(), f"text/xml; charset={name}") == "Größe “ja” – 5 €"

    def test_not_text(self) -> None:
        """Bytes that are in no encoding say so."""
        assert refused(b"\xff\xfe" + b"\x00\xd8" * 200).reason is FeedReason.BAD_ENCODING


class TestBroken:
    def test_a_web_page_is_no_feed(self) -> None:
        """HTML in place of a feed is named as such, with its title and the feeds it names."""
        error = refused(
            "<!DOCTYPE html>\n<!-- x --><html><head><title>Example &amp; Times</title>"
            '<link rel="alternate" type="application/rss+xml" href="/rss.xml">'
            "<link href='/atom.xml' type='application/atom+xml'></head><body><p>Hi</body></html>"
        )
        assert error.reason is FeedReason.NOT_A_FEED
        assert error.feeds == ("https://news.example/rss.xml", "https://news.example/atom.xml")
        assert str(error) == (
            "the document is not a feed: it is a web page (“Example & Times”); it names these feeds: "
            "https://news.example/rss.xml, https://news.example/atom.xml"
        )

    @pytest.mark.parametrize(
        ("document", "reason", "found"),
        [
            (b"", "empty", "0 bytes"),
            (b" \n\t ", "empty", "none of them text"),
            (b"\xef\xbb\xbf", "empty", "none of them text"),
            (b'<?xml version="1.0"?>', "empty", "none of them text"),
            (b"Not found", "not_a_feed", "“Not found”"),
            (b"\x89PNG\r\n\x1a\n" + bytes(100), "not_a_feed", "PNG"),
            (b"<html><body>x</body></html>", "not_a_feed", "web page"),
            (b"<opml version='2.0'/>", "not_a_feed", "feeds import"),
            (b"<svg><item/></svg>", "not_a_feed", "<svg>"),
            (b'{"error": "no"}', "not_a_feed", "not a JSON Feed"),
            (b"[1, 2]", "not_a_feed", "not a JSON Feed"),
            (b'{"items": [{"url": "https://ne', "truncated", "line 1"),
            (b'{"items": nope}', "malformed", "line 1, column 11"),
            (b'{"items": ' + b"9" * 9999 + b"}", "malformed", "digits"),
            (b'{"items": ' + b"[" * 200_000, "too_complex", "nested"),
            (b"<rss version='2.0'><channel><title>News</title><item><titl", "truncated", "</rss>"),
            (b"x" * (16 * 1024 * 1024 + 1), "too_large", "16,777,217"),
        ],
    )
    def test_what_gives_nothing_says_why(self, document: bytes, reason: str, found: str) -> None:
        """Each kind of useless document has its reason word and a message that says what was found."""
        error = refused(document)
        assert error.reason == reason
        assert found in str(error)

    def test_a_truncated_feed_gives_its_complete_entries(self) -> None:
        """A document cut off in the third item gives two entries and says that it is cut."""
        items = "".join(
            f"<item><link>https://news.example/{n}</link><title>{n}</title></item>" for n in range(9)
        )
        text = rss(items)
        feed = read(text[: text.index("/2</link>")])
        assert [e.url for e in feed.entries] == ["https://news.example/0", "https://news.example/1"]
        assert any("cut off" in note for note in feed.notes)

    @pytest.mark.parametrize(
        "inside",
        [
            "<title>Fish & chips</title>",
            "<title>a&nbsp;b</title>",
            "<title>a</b></title>",
            "<title>bell \x07</title>",
            "<title>a&#xD800;b&#0;c&#99999999999;</title>",
            "<georss:polygon xmlns:georss='http://www.georss.org/georss'>1 x</georss:polygon>",
            "<nope:thing>undeclared prefix</nope:thing>",
        ],
    )
    def test_malformed_xml_gives_its_entries(self, inside: str) -> None:
        """What XML parsers refuse is read leniently: one bad character must not silence a feed."""
        feed = read(rss(f"<item>{inside}<link>/1</link></item><item><link>/2</link></item>"))
        assert [e.url for e in feed.entries] == ["https://news.example/1", "https://news.example/2"]

    @pytest.mark.parametrize(
        "before", ["\n\n ", "\ufeff", "<!-- cached -->\n", "PHP Notice: x in y\n", "\x00"]
    )
    def test_rubbish_before_the_feed(self, before: str) -> None:
        """What servers print before the document does not keep it from being read."""
        assert read(before + RSS).entries[0].title == "Bridge opens"

    @pytest.mark.parametrize(
        "name", ["links", "authors", "tags", "title_detail", "published_parsed", "updated"]
    )
    def test_elements_that_look_like_results(self, name: str) -> None:
        """An element may have any name, also one that the feed parser uses for something else."""
        feed = read(rss(f"<item><{name} a='b'/><link>/1</link></item>"))
        assert isinstance(feed, ParsedFeed)


class TestDangers:
    @pytest.mark.parametrize(
        "inside",
        [
            "<item " + " ".join(f'a{n}="x"' for n in range(30_000)) + "/>",
            "<item>" + "<" * 2_000_000,
            "<item><author>" + "a" * 100_000 + "</author></item>",
        ],
        ids=["attributes", "open tags", "author"],
    )
    def test_known_dangers_are_refused_at_once(self, inside: str) -> None:
        """What takes feedparser tens of seconds is refused in less than one."""
        started = time.perf_counter()
        assert refused(rss(inside)).reason is FeedReason.TOO_COMPLEX
        assert time.perf_counter() - started < 2

    def test_in_utf_16_too(self) -> None:
        """The look at the document sees its text, so that no encoding hides a danger."""
        document = rss("<item " + " ".join(f'a{n}="x"' for n in range(6_000)) + "/>")
        assert refused(document.encode("utf-16")).reason is FeedReason.TOO_COMPLEX

    def test_entity_bombs(self) -> None:
        """Entities that grow when used are refused, or not expanded."""
        lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
        bomb = f'<!DOCTYPE rss [<!ENTITY l0 "ha">{lines}]>' + rss(
            "<item><link>/1</link><title>&l11;</title></item>"
        )
        title = read(bomb.replace('<?xml version="1.0"?>', "")).entries[0].title
        assert title is None or len(title) < 100
        long = f'<!DOCTYPE rss [<!ENTITY a "{"x" * 5000}">]>' + rss("<item><title>&a;</title></item>")
        assert refused(long).reason is FeedReason.TOO_COMPLEX

    def test_external_entities_are_not_read(self) -> None:
        """No file gets into a feed."""
        document = '<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/hostname">]>' + rss(
            "<item><link>/1</link><title>[&a;]</title></item>"
        )
        assert read(document).entries[0].title in ("[]", "[&a;]")

    def test_the_newest_of_too_many_entries_are_kept(self) -> None:
        """10,000 entries, the oldest first: the newest 1,000 are kept in their order, with a note."""
        items = "".join(
            f"<item><link>/{n}</link><pubDate>{2000 + n // 500}-01-01T00:{n % 60:02d}:00Z</pubDate></item>"
            for n in range(10_000)
        )
        feed = read(rss(items))
        assert len(feed.entries) == 1000
        assert {e.published[:4] for e in feed.entries if e.published} == {"2018", "2019"}
        assert feed.entries[0].url == "https://news.example/9000"
        assert feed.notes == ("9,000 entries over the limit of 1,000: only the newest were kept",)


def test_feed_errors_survive_pickling() -> None:
    """What a child process raises arrives as it was."""
    error = refused("<html><link type='application/rss+xml' href='/f'></html>")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (copy.reason, copy.found, copy.feeds, str(copy)) == (
        error.reason,
        error.found,
        error.feeds,
        str(error),
    )


PIECES = st.sampled_from(
    [
        *(
            "<rss version='2.0'>",
            "<channel>",
            "<item>",
            "</item>",
            "<link>",
            "</link>",
            "/1",
            "<title>",
            "</title>",
        ),
        *(
            "<feed xmlns='http://www.w3.org/2005/Atom'>",
            "<entry>",
            "</entry>",
            "<link href='/2'/>",
            "<content>",
        ),
        *(
            "<![CDATA[",
            "]]>",
            "<!--",
            "-->",
            "<?",
            "?>",
            "<!DOCTYPE rss [",
            "&",
            "&#",
            "&#x",
            ";",
            "&nbsp;",
            "<",
            ">",
        ),
        *(
            "&#xD800;",
            "&#99999999;",
            "'",
            '"',
            "\x00",
            "\ud7ff",
            "<image>",
            "<width/>",
            "<svg>",
            "<author>",
            "a@b.c",
        ),
        *(
            "<pubDate>",
            "2024-13-01",
            "{",
            '"items":[',
            '{"url":"/1"',
            "}",
            "]",
            ",",
            '"\\ud800"',
            "<guid>",
            "é",
            "x",
        ),
    ]
)
DOCUMENTS = st.one_of(
    st.binary(max_size=300),
    st.lists(PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode()),
    st.lists(PIECES, max_size=15).map(
        lambda pieces: ("<rss version='2.0'><channel>" + "".join(pieces)).encode()
    ),
    st.tuples(st.sampled_from([RSS, ATOM, RDF, json.dumps(JSON)]), st.integers(0, 2000), PIECES).map(
        lambda t: (t[0][: t[1]] + t[2] + t[0][t[1] :]).encode()
    ),
    st.tuples(st.sampled_from([RSS, ATOM, RDF, json.dumps(JSON)]), st.integers(0, 2000)).map(
        lambda t: t[0][: t[1]].encode("utf-16")
    ),
)


@settings(max_examples=300, deadline=None)
@given(
    DOCUMENTS,
    st.sampled_from(["", "text/xml; charset=utf-16", "application/json", "text/html; charset=big5"]),
)
def test_nothing_but_feed_errors_ever_comes_out(document: bytes, content_type: str) -> None:
    """Whatever the bytes: a parsed feed whose entries can be stored, or a reasoned FeedError."""
    try:
        feed = parse(document, url=URL, content_type=content_type)
    except FeedError:
        return
    for entry in feed.entries:
        assert entry.url.startswith(("http://", "https://"))
        assert Entry.from_json(entry.to_json().encode().decode()) == entry
        assert "\x00" not in entry.to_json()
