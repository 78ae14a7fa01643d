"""Lists of feeds, in and out."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.feeds.opml import OpmlError, Outline, read, write

STARTER = Path(__file__).parents[3] / "feeds.opml"
ONE_LINE = st.text(max_size=30).map(lambda t: " ".join(t.encode("utf-8", "ignore").decode().split()))
CLEAN = ONE_LINE.filter(lambda t: all(c.isprintable() and c not in "\ufffe\uffff" for c in t))
URLS = st.integers(0, 50).map(lambda n: f"https://news.example/feed/{n}?a=1&b=2")
OUTLINES = st.builds(
    Outline,
    url=URLS,
    title=CLEAN,
    site_url=st.sampled_from(["", "https://news.example/"]),
    folders=st.lists(CLEAN.filter(bool), max_size=3).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(OUTLINES, max_size=12))
def test_what_is_written_is_read_again(outlines: list[Outline]) -> None:
    """Every feed comes back with its title, site and folders; each URL once; a second writing is the same."""
    first = {o.url: o for o in reversed(outlines)}
    document = write(outlines)
    again = read(document)
    assert {o.url: o for o in again} == first
    assert len(again) == len(first)
    assert write(again) == document


@given(st.binary(max_size=200))
def test_any_bytes_give_a_list_or_a_reason(data: bytes) -> None:
    """Nothing but OpmlError is raised."""
    try:
        assert isinstance(read(data), list)
    except OpmlError:
        return


def test_folders_titles_and_variants() -> None:
    """Nested folders, attributes in any case, feed: URLs and feeds inside feeds are understood."""
    document = b"""<?xml version="1.0"?><!DOCTYPE opml><opml version="1.0"><head/><body>
    <outline text="World"><outline title="Europe" text="x">
      <outline type="rss" text="One" xmlUrl="https://one.example/rss" htmlUrl="https://one.example/"/>
      <outline text="Two" XMLURL="feed://two.example/rss"><outline xmlurl="feed:https://three.example/rss"/></outline>
    </outline></outline>
    <outline text="One again" xmlUrl="https://one.example/rss"/>
    <outline text="https://four.example/rss" xmlUrl=" https://four.example/rss "/><outline text="Empty"/>
    </body></opml>"""
    assert read(document) == [
        Outline("https://one.example/rss", "One", "https://one.example/", ("World", "Europe")),
        Outline("http://two.example/rss", "Two", "", ("World", "Europe")),
        Outline("https://three.example/rss", "", "", ("World", "Europe")),
        Outline("https://four.example/rss"),
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "empty"),
        (b"<opml><body><outline></body></opml>", "line 1"),
        (b"<html><body/></html>", "<html>, not <opml>"),
        (b"<opml><head/></opml>", "no <body>"),
        (b'<!DOCTYPE opml [<!ENTITY a "b">]><opml><body><outline xmlUrl="&a;"/></body></opml>', "entities"),
        (
            b'<!DOCTYPE opml [<!ENTITY a SYSTEM "file:///etc/hostname">]><opml><body>&a;</body></opml>',
            "entities",
        ),
    ],
)
def test_errors_say_what_and_where(document: bytes, message: str) -> None:
    """A list that can't be used is refused with its fault named."""
    with pytest.raises(OpmlError, match=message):
        read(document)


def test_text_that_xml_cannot_hold() -> None:
    """Control characters in a title don't keep a list from being exported."""
    assert read(write([Outline("https://one.example/", "a\x00b\nc\ud800")]))[0].title == "ab c"


def test_the_starter_list() -> None:
    """The list that comes with palmyra: real feeds with titles and sites, each once, in folders."""
    feeds = read(STARTER.read_bytes())
    assert 35 <= len(feeds) <= 60
    for feed in feeds:
        assert feed.title
        assert feed.folders
        assert urlsplit(feed.url).scheme == "https"
        assert urlsplit(feed.site_url).scheme == "https"
    assert len({f.title for f in feeds}) == len(feeds)
