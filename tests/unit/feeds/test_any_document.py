"""Nothing ever raises out of a parse, and what comes out is sound, whatever document of whatever format."""

from __future__ import annotations

import gzip
import json
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.entry import ParsedFeed
from tests.unit.feeds.soundness import assert_sound, parsed
from worker.feeds.parse import FeedError

ANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:georss="http://www.georss.org/georss"
 xmlns:atom="http://www.w3.org/2005/Atom" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/">
<channel><title>The News</title><link>https://news.example/</link><language>en-gb</language><ttl>15</ttl>
<atom:link rel="hub" href="https://hub.example/"/><atom:link rel="self" href="https://news.example/rss"/>
<sy:updatePeriod>hourly</sy:updatePeriod><skipHours><hour>3</hour><hour>24</hour></skipHours>
<skipDays><day>Sunday</day></skipDays><cloud domain="rpc.example" port="80"/>
<item><title>Bridge opens</title><link>https://news.example/bridge?utm_source=rss</link>
<guid isPermaLink="false">n-17</guid><description><![CDATA[<p>After <b>ten</b> years &amp; two floods.</p>]]>
</description><content:encoded><![CDATA[<p>After ten years the bridge is open.</p>]]></content:encoded>
<dc:creator>Newsroom staff</dc:creator><pubDate>Wed, 01 May 2024 10:00:00 +0200</pubDate>
<category domain="x">Local</category><enclosure url="/a.jpg" type="image/jpeg" length="9"/>
<media:group><media:content url="/l.jpg" medium="image" width="900"/></media:group>
<georss:point>45.2 -71.9</georss:point><source url="https://wire.example/">Wire</source></item>
<item><guid>https://news.example/second</guid><description>No title.</description></item></channel></rss>"""
RDF = """<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x">
<title>News</title><link>https://news.example/</link></channel><item rdf:about="https://news.example/1">
<title>One</title><link>https://news.example/1</link><dc:date>2024-05-01T08:00:00Z</dc:date></item></rdf:RDF>"""
ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de">
<title>Die Nachrichten</title><link rel="self" href="https://news.example/feeds/all.xml"/><link href="/"/>
<entry xml:base="https://news.example/"><id>tag:news.example,2024:1</id>
<title type="html">Br&amp;uuml;cke &amp;lt; fertig</title><link rel="alternate" type="text/html" href="/1"/>
<author><name>Redaktion</name><email>a@news.example</email></author><category term="lokal" label="Lokales"/>
<published>2024-05-01T10:00:00+02:00</published><updated>2024-05-01T11:30:00.25Z</updated>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Nach <i>zehn</i> Jahren.</p></div>
</content></entry></feed>"""
JSON = json.dumps({
    "version": "https://jsonfeed.org/version/1.1", "title": "JSON News", "language": "en",
    "home_page_url": "https://news.example/", "feed_url": "https://news.example/feed.json",
    "hubs": [{"type": "WebSub", "url": "https://hub.example/"}],
    "items": [
        {"id": 7, "url": "/7", "title": "Seven", "content_html": "<p>Text</p>", "summary": "T",
         "date_published": "2024-05-01T10:00:00+02:00", "authors": [{"name": "A"}], "tags": ["x"],
         "image": "/i.png", "attachments": [{"url": "/a.jpg", "mime_type": "image/jpeg", "title": "t"}]},
        {"id": "https://news.example/8", "content_text": "Plain\n\ntext"},
    ],
})  # fmt: skip
NEWS_SITEMAP = """<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
<url><loc>https://news.example/a?x=1&amp;y=2</loc><lastmod>2024-05-01</lastmod><news:news><news:publication>
<news:name>The News</news:name><news:language>en</news:language></news:publication>
<news:publication_date>2024-05-01T10:00:00Z</news:publication_date><news:title>A</news:title>
<news:keywords>one, two</news:keywords></news:news><image:image><image:loc>https://news.example/a.jpg</image:loc>
</image:image></url></urlset>"""
INDEX = """<?xml version="1.0"?><sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<sitemap><loc>https://news.example/news-1.xml</loc><lastmod>2024-05-01</lastmod></sitemap>
<sitemap><loc>https://news.example/2.xml.gz</loc></sitemap></sitemapindex>"""
REAL = {
    "rss": RSS, "rdf": RDF, "atom": ATOM, "json": JSON, "news sitemap": NEWS_SITEMAP, "index": INDEX,
}  # fmt: skip


@pytest.mark.parametrize("kind", REAL)
def test_what_is_bent_below_is_read_as_it_is(kind: str) -> None:
    """Each of the documents that the tests below bend is a feed to begin with."""
    found = parsed(REAL[kind].encode())
    assert isinstance(found, ParsedFeed)
    assert found.entries or found.children


# -- real documents, bent ----------------------------------------------------------------------------------
SNIPPETS = st.sampled_from([
    b"<", b">", b"&", b"&#", b"&#x0;", b"&#xD800;", b"&#99999999999;", b"&nbsp;", b"&lt;", b"'", b'"',
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x1b[31m",
    b"\xe2\x80\xae", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<?xml", b"?>",
    b"<!DOCTYPE rss [<!ENTITY a 'b'>]>", b"&a;", b"<item>", b"</item>", b"<entry>", b"</channel>",
    b"<link/>", b"<link>javascript:alert(1)</link>", b"<guid>", b"{", b"}", b"[", b"]", b'"\\ud800"',
    b"null", b"1e999", b"-0", b"NaN", b"http://[::1", b"https://user:pw@h/", b"//", b"xmlns:x='",
    b"<svg>", b"<image>", b"<width>", b"<georss:point>a b</georss:point>", b"xml:base='http://[' ",
    b"<xml:x/>",
])  # fmt: skip


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A real document after some accidents: cut, repeated, overwritten, filled in, coded otherwise."""
    body = draw(st.sampled_from(sorted(REAL.values()))).encode()
    for _ in range(draw(st.integers(1, 6))):
        at, to = sorted(draw(st.tuples(st.integers(0, len(body)), st.integers(0, len(body)))))
        match draw(st.integers(0, 5)):
            case 0:
                body = body[:at] + draw(SNIPPETS) + body[at:]
            case 1:
                body = body[:at] + body[to:]
            case 2:
                body = body[:to] + body[at:to] * 2 + body[to:]
            case 3:
                body = body[:at] + draw(st.binary(max_size=8)) + body[at + 8 :]
            case 4:
                body = body[:at] + body[at:to][::-1] + body[to:]
            case _:
                body = body[: max(at, 20)]
    coded = draw(st.sampled_from(["", "", "", "utf-16", "utf-32", "cp037", "latin-1", "gzip"]))
    if coded == "gzip":
        return gzip.compress(body)[: draw(st.integers(5, 4_000))]
    return body.decode("utf-8", "replace").encode(coded, "replace") if coded else body


TYPES = st.sampled_from([
    "", "text/xml", "application/rss+xml; charset=utf-16", "application/json", "text/html; charset=big5",
    "text/xml; charset=rot13", "text/xml; charset=" + "x" * 5_000, "text/plain; charset=iso-2022-jp", "\x00",
])  # fmt: skip


@ANY
@given(bent(), TYPES)
def test_bent_documents(body: bytes, content_type: str) -> None:
    """Real feeds of each format after accidents of transport and of hand."""
    parsed(body, content_type=content_type)


@ANY
@given(
    st.one_of(
        st.binary(max_size=500), st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))
    ),
    TYPES,
)
def test_random_bytes(body: bytes, content_type: str) -> None:
    """Bytes that are nothing at all."""
    parsed(body, content_type=content_type)


# -- made up, along the formats ----------------------------------------------------------------------------
ODD = [
    "", " ", "\n", "0", "-1", "1e400", "9" * 400, "true", "None", "\u202egnp.exe", "a\u0000b",
    "\x1b]0;x\x07", "\ufffe", "\U0010ffff", "<b>bold", "&lt;script&gt;", "]]>", "{}", "%", "%zz",
    "é" * 50, "a" * 3_000, "https://news.example/a b", "/1", "#", "?", "//h", "http://",
    "https://[::1]/", "https://h:99999/", "https://h:0/", "https://xn--/", "javascript:alert(1)",
    "data:,x", "file:///etc/passwd", "mailto:a@b.c", "HTTPS://NEWS.EXAMPLE/\u2028x",
    "https://news.google.com/articles/CBMi", "https://é.example/ü",
    "https://www.google.com/url?q=https%3A%2F%2Fnews.example%2F1&url=javascript%3Ax", "tag:x,2024:1",
    "urn:uuid:1", "Wed, 01 May 2024 10:00:00 +0200", "2024-05-01", "2024-13-45T99:99:99Z", "0000-00-00",
    "99999-01-01T00:00:00Z", "2024-05-01T10:00:00+99:99", "Mon, 31 Feb 2024 25:61:61 XYZ",
    "1970-01-01T00:00:00Z", "20240501T100000", "-2024-05-01", "١٢٣", "en", "x-klingon-" * 9, "hourly",
    "Sunday", "Someday", "image/jpeg", "text/html", "application/xhtml+xml", "text/plain", "base64",
    "application/octet-stream", "alternate", "hub", "self", "enclosure", "html", "xhtml", "xml",
    "escaped", "45.2 -71.9", "nan inf",
]  # fmt: skip
VALUES = st.one_of(st.sampled_from(ODD), st.text(max_size=30), st.integers(-(10**20), 10**20).map(str))


def words(text: str) -> st.SearchStrategy[str]:
    """One of the words of a text."""
    return st.sampled_from(text.split())


ELEMENTS = words(
    """
    title link guid id description summary subtitle content content:encoded pubDate published updated
    modified issued created dc:date dcterms:modified dc:creator dc:title author name email uri
    contributor category tags enclosure source comments image url width height textInput cloud ttl
    skipHours hour skipDays day language sy:updatePeriod sy:updateFrequency generator rights
    media:content media:group media:thumbnail media:title media:credit media:rating itunes:image
    itunes:author itunes:duration itunes:explicit itunes:keywords georss:point georss:line georss:where
    gml:Point gml:pos geo:lat psc:chapters psc:chapter cc:license creativeCommons:license
    feedburner:origLink pheedo:origLink atom:link div svg info entry item channel feed rdf:RDF items
    unknown x:y keys update links guidislink xml:base loc lastmod news:news news:title news:publication
    news:publication_date news:keywords image:image image:loc sitemap html body hr xhtml:body
    """
)
ATTRIBUTE_NAMES = words(
    """
    href rel type url length isPermaLink rdf:about rdf:resource xml:base xml:lang mode src term scheme
    label domain width height medium value start version xmlns xmlns:x role title
    """
)
ATTRIBUTES = st.dictionaries(ATTRIBUTE_NAMES, VALUES, max_size=3)
NAMESPACES = """
xmlns:dc="http://purl.org/dc/elements/1.1/"
xmlns:dcterms="http://purl.org/dc/terms/"
xmlns:atom="http://www.w3.org/2005/Atom"
xmlns:content="http://purl.org/rss/1.0/modules/content/"
xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"
xmlns:media="http://search.yahoo.com/mrss/"
xmlns:itunes="http://www.itunes.com/DTDs/PodCast-1.0.dtd"
xmlns:psc="http://podlove.org/simple-chapters"
xmlns:georss="http://www.georss.org/georss"
xmlns:gml="http://www.opengis.net/gml"
xmlns:geo="http://www.w3.org/2003/01/geo/wgs84_pos#"
xmlns:cc="http://web.resource.org/cc/"
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns:pheedo="http://www.pheedo.com/namespace/pheedo"
xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0"
xmlns:xhtml="http://www.w3.org/1999/xhtml"
xmlns:creativeCommons="http://backend.userland.com/creativeCommonsRssModule"
xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"
xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"
"""


def element(name: str, attributes: dict[str, str], inside: str) -> str:
    given = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{given}>{inside}</{name}>" if inside else f"<{name}{given}/>"


def texts() -> st.SearchStrategy[str]:
    """A value as the text of an element: escaped, in CDATA, or as it is."""
    return st.one_of(VALUES.map(escape), VALUES.map(lambda text: f"<![CDATA[{text}]]>"), VALUES)


MARKUP = st.recursive(
    texts(),
    lambda inner: st.builds(element, ELEMENTS, ATTRIBUTES, st.lists(inner, max_size=4).map("".join)),
    max_leaves=12,
)
ENTRIES = st.lists(st.builds(element, ELEMENTS, ATTRIBUTES, MARKUP), max_size=10).map("".join)
SHAPES = st.sampled_from([
    f'<rss version="2.0" {NAMESPACES}><channel>%s<item><link>/1</link>%s</item></channel></rss>',
    f'<rss version="0.91" {NAMESPACES}><channel>%s</channel><item>%s</item></rss>',
    f'<rdf:RDF {NAMESPACES} xmlns="http://purl.org/rss/1.0/"><channel>%s</channel>'
    '<item rdf:about="/1">%s</item></rdf:RDF>',
    f'<feed xmlns="http://www.w3.org/2005/Atom" {NAMESPACES}>%s<entry><link href="/1"/>%s</entry></feed>',
    f'<feed version="0.3" xmlns="http://purl.org/atom/ns#" {NAMESPACES}>%s'
    "<entry><id>/1</id>%s</entry></feed>",
    f"<urlset {NAMESPACES}>%s<url><loc>/1</loc>%s</url></urlset>",
    f"<sitemapindex {NAMESPACES}>%s<sitemap><loc>/1</loc>%s</sitemap></sitemapindex>",
    "<rss><channel>%s<item>%s",
    "<atom:feed>%s<atom:entry>%s</atom:entry></atom:feed>",
])  # fmt: skip


@ANY
@given(SHAPES, ENTRIES, ENTRIES)
def test_made_up_xml(shape: str, above: str, inside: str) -> None:
    """RSS, RDF, Atom and sitemaps of known elements in unlikely places, with unlikely values."""
    parsed((shape % (above, inside)).encode("utf-8", "replace"))


KEYS = words(
    """
    version title items id url external_url home_page_url feed_url language hubs type authors author
    name tags image banner_image attachments mime_type content_html content_text summary date_published
    date_modified expired _x
    """
)
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        VALUES, st.none(), st.booleans(), st.integers(), st.floats(), st.just("\ud800"), st.just("\udfff/1")
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=15,
)


@ANY
@given(
    st.dictionaries(KEYS, JSON_VALUES, max_size=6),
    st.lists(st.one_of(JSON_VALUES, st.dictionaries(KEYS, JSON_VALUES, max_size=8)), max_size=4),
    st.booleans(),
)
def test_made_up_json(feed: dict[str, Any], items: list[Any], ascii_only: bool) -> None:
    """JSON Feeds in which anything may stand where a text, a list or an item is meant."""
    text = json.dumps(feed | {"items": items}, ensure_ascii=ascii_only)
    parsed(text.encode("utf-8", "surrogatepass"))


@ANY
@given(st.sampled_from(sorted(REAL.values())), VALUES)
def test_any_address(document: str, url: str) -> None:
    """Wherever the document is from, also from where none can be."""
    parsed(document.encode(), url=url)


# -- huge and deep -----------------------------------------------------------------------------------------
def channel(inside: str) -> str:
    return f'<rss version="2.0" {NAMESPACES}><channel>{inside}</channel></rss>'


def item(inside: str) -> str:
    return channel(f"<item><link>https://news.example/1</link>{inside}</item>")


MANY = 3_000
HUGE = {
    "a title of a megabyte": item(f"<title>{'word ' * 200_000}</title>"),
    "a title without a blank": item(f"<title>{'x' * 1_000_000}</title>"),
    "a guid of a megabyte": item(f"<guid>{'g' * 1_000_000}</guid>"),
    "a link of a megabyte": item(f"<guid>https://news.example/{'l' * 1_000_000}</guid>"),
    "only a link of a megabyte": channel(f"<item><link>https://news.example/{'l' * 1_000_000}</link></item>"),
    "a date of a megabyte": item(f"<pubDate>{'9' * 1_000_000}</pubDate>"),
    "a language of a megabyte": channel(f"<language>{'e' * 1_000_000}</language>"),
    "a ttl of many digits": channel(f"<ttl>{'9' * 100_000}</ttl>"),
    "many hours to skip": channel(f"<skipHours>{'<hour>7</hour>' * MANY}</skipHours>"),
    "many entries": channel("".join(f"<item><link>/{n}</link></item>" for n in range(MANY))),
    "many links without use": channel("<item><link>mailto:x</link></item>" * MANY),
    "many categories": item("".join(f"<category>c{n}</category>" for n in range(MANY))),
    "many authors": item("".join(f"<dc:creator>a{n}</dc:creator>" for n in range(MANY))),
    "many pictures": item("".join(f'<media:content url="/{n}.jpg"/>' for n in range(MANY))),
    "many hubs": channel('<atom:link rel="hub" href="https://h.example/"/>' * MANY),
    "a content of a megabyte": item(f"<content:encoded>{escape('<p>text</p>' * 100_000)}</content:encoded>"),
    "a content without an end of a tag": item(f"<description>{escape('<a ' * 300_000)}</description>"),
    "references": item(f"<title>{'&#160;' * 100_000}</title>"),
    "nested elements": item("<div>" * MANY + "</div>" * MANY),
    "nested entries": channel("<item><link>/1</link>" * MANY),
    "nested feeds": "<feed>" * MANY,
    "many namespaces": item("".join(f'<n{n}:x xmlns:n{n}="u{n}"/>' for n in range(MANY))),
    "a name of a megabyte": item(f"<{'n' * 1_000_000}/>"),
    "nested JSON": '{"items":' + "[" * 50_000,
    "nested JSON that ends": '{"items":[' + "[" * 900 + "]" * 900 + "]}",
    "an integer of many digits": '{"items":[{"id":' + "9" * 100_000 + "}]}",
    "a float of many digits": '{"items":[{"url":"/1","id":' + "9" * 400 + ".5}]}",
    "many JSON items": json.dumps({"items": [{"url": f"/{n}", "tags": ["t"] * 99} for n in range(MANY)]}),
    "a sitemap of many pages": f"<urlset>{'<url><loc>/1</loc></url>' * MANY}</urlset>",
    "an index of many sitemaps": "<sitemapindex>"
    + "".join(f"<sitemap><loc>/{n}.xml</loc></sitemap>" for n in range(MANY))
    + "</sitemapindex>",
    "a nested sitemap": "<urlset>" + "<url>" * MANY,
    "many comments": "<!-- x -->" * MANY + RSS,
    "entities in entities": "<!DOCTYPE rss [<!ENTITY a '" + "x" * 150 + "'>"
    + "".join(f"<!ENTITY e{n} '{'&a;' * 20}'>" for n in range(50)) + "]>" + item("<title>&e1;&e2;</title>"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HUGE)
def test_huge_documents(kind: str) -> None:
    """Whatever is too much is cut, left out or refused, each with its limit."""
    parsed(HUGE[kind].encode())


def test_a_checker_that_sees() -> None:
    """The assertions of all these tests do fail: on a control character, and on a link that is none."""
    with pytest.raises(AssertionError):
        assert_sound(ParsedFeed(title="\x1b[31m", format="rss20"))
    with pytest.raises(AssertionError):
        assert_sound(ParsedFeed(site_url="javascript:alert(1)", format="rss20"))
    assert isinstance(parsed(b""), FeedError)
