"""How often a feed wishes to be polled: RSS ttl and RSS 1.0's syndication module."""

from __future__ import annotations

import pytest

from worker.feeds.parse import parse

SY = "http://purl.org/rss/1.0/modules/syndication/"
URL = "https://news.example/feed"


def ttl_s(wish: str) -> int | None:
    document = (
        f'<rss version="2.0" xmlns:sy="{SY}"><channel><title>News</title>{wish}'
        "<item><title>One</title><link>https://news.example/1</link></item></channel></rss>"
    )
    return parse(document.encode(), url=URL).ttl_s


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("", None),
        ("<ttl>15</ttl>", 900),
        ("<ttl> 60\n</ttl>", 3600),
        ("<ttl>0</ttl>", None),
        ("<ttl>-5</ttl>", None),
        ("<ttl>1.5</ttl>", None),
        ("<ttl>an hour</ttl>", None),
        ("<ttl>9999999</ttl>", 365 * 86_400),
        ("<ttl>99999999999999999999</ttl>", None),
        ("<ttl>²</ttl>", None),
        ("<sy:updatePeriod>hourly</sy:updatePeriod>", 3600),
        (
            "<sy:updatePeriod>\n\tHourly\t</sy:updatePeriod><sy:updateFrequency>\n 4 </sy:updateFrequency>",
            900,
        ),
        ("<sy:updatePeriod>weekly</sy:updatePeriod>", 7 * 86_400),
        ("<sy:updateFrequency>24</sy:updateFrequency>", 3600),
        ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>", None),
        ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>9999999</sy:updateFrequency>", 1),
        ("<sy:updatePeriod>always</sy:updatePeriod>", None),
        ("<ttl>5</ttl><sy:updatePeriod>daily</sy:updatePeriod>", 300),
        ("<ttl>never</ttl><sy:updatePeriod>daily</sy:updatePeriod>", 86_400),
    ],
)
def test_the_feeds_own_wish(wish: str, seconds: int | None) -> None:
    """Minutes, or updates in a period; nonsense is no wish."""
    assert ttl_s(wish) == seconds


def test_rdf_says_it_in_its_channel() -> None:
    """RSS 1.0, for which the module was made."""
    document = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
        f' xmlns:sy="{SY}"><channel rdf:about="{URL}"><title>News</title>'
        "<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency></channel>"
        '<item rdf:about="https://news.example/1"><title>One</title><link>https://news.example/1</link></item>'
        "</rdf:RDF>"
    )
    assert parse(document.encode(), url=URL).ttl_s == 1800


def test_other_formats_have_none() -> None:
    """Neither Atom nor JSON Feed has such a field; an item's ttl is not the feed's."""
    atom = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><link href="https://news.example/1"/></entry></feed>'
    json_feed = '{"version": "https://jsonfeed.org/version/1.1", "ttl": 5, "items": []}'
    for document in (atom, json_feed):
        assert parse(document.encode(), url=URL).ttl_s is None
    assert ttl_s("<item><ttl>5</ttl><link>https://news.example/2</link></item>") is None
