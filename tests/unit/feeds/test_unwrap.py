"""Links that services wrap are unwrapped where they say where they lead, and only there."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.feeds.parse import parse
from worker.feeds.unwrap import MAX_LAYERS, is_sealed, unwrap

STORY = "https://news.example/2024/story?id=1&page=2"
QUOTED = "https%3A%2F%2Fnews.example%2F2024%2Fstory%3Fid%3D1%26page%3D2"


def google_news(url: str, *, amp: str = "") -> str:
    """An article id as Google News made them until 2024."""
    size = len(url)
    length = bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])
    data = b"\x08\x13\x22" + length + url.encode() + b"\xd2\x01" + bytes([len(amp)]) + amp.encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize(
    "wrapped",
    [
        f"https://www.google.com/url?rct=j&sa=t&url={QUOTED}&ct=ga&cd=CAIyGg&usg=AOv",
        f"https://www.google.co.uk/url?q={QUOTED}&sa=D",
        f"http://news.google.com/news/url?sa=t&fd=R&url={QUOTED}",
        f"https://news.google.com/rss/articles/{google_news(STORY)}?oc=5",
        f"https://news.google.com/__i/rss/rd/articles/{google_news(STORY, amp=STORY)}?oc=5",
        f"https://www.bing.com/news/apiclick.aspx?ref=FexRss&aid=&tid=1&url={QUOTED}&c=1&mkt=en-us",
        f"https://r.search.yahoo.com/_ylt=A;_ylu=B/RV=2/RE=1714/RO=10/RU={QUOTED}/RK=2/RS=x-",
        f"https://l.facebook.com/l.php?u={QUOTED}&h=AT0",
        f"https://www.facebook.com/l.php?u={QUOTED}",
        f"https://l.instagram.com/?u={QUOTED}&e=1",
        f"https://out.reddit.com/t3_abc?url={QUOTED}&token=x",
        f"https://t.umblr.com/redirect?z={QUOTED}&t=1",
        f"https://vk.com/away.php?to={QUOTED}",
        f"https://www.youtube.com/redirect?event=video&q={QUOTED}",
        f"https://duckduckgo.com/l/?uddg={QUOTED}",
        f"https://eur01.safelinks.protection.outlook.com/?url={QUOTED}&data=05",
        f"https://href.li/?{STORY}",
        f"https://href.li/?{QUOTED}",
        f"https://click.linksynergy.com/deeplink?id=1&mid=2&murl={QUOTED}",
        "https://news-example.cdn.ampproject.org/c/s/news.example/2024/story?id=1&page=2",
        "https://www.google.com/amp/s/news.example/2024/story?id=1&page=2",
    ],
)
def test_each_service_is_unwrapped(wrapped: str) -> None:
    """To the publisher's own link, decoded once."""
    assert unwrap(wrapped) == STORY


@pytest.mark.parametrize(
    "link",
    [
        STORY,
        "https://t.co/AbCdEf",
        "https://www.google.com/search?q=https://news.example/",
        "https://news.example/url?url=https://other.example/",
        "https://google.com.evil.example/url?url=https://other.example/",
        "https://www.google.com/url?url=/relative",
        "https://www.google.com/url?url=javascript:alert(1)",
        "https://www.google.com/url",
        "https://www.facebook.com/newsroom/posts/1",
        "https://www.youtube.com/watch?v=1",
        "https://www.google.com/url?" + "&".join(f"x{n}=1" for n in range(200)),
        "https://news.google.com/rss/articles/not-base64!",
        "https://news.google.com/rss/articles/CBMi",
        "https://[broken/url?url=https://news.example/",
    ],
)
def test_everything_else_stays_as_it_is(link: str) -> None:
    """Also what only looks like a service's link, and what wraps no web address."""
    assert unwrap(link) == link


def test_layers_are_unwrapped_but_not_without_end() -> None:
    """A wrapped link that is wrapped again."""
    link = STORY
    for _ in range(2):
        link = f"https://www.facebook.com/l.php?u={link.replace('%', '%25').replace('&', '%26')}"
    assert unwrap(link) == STORY
    for _ in range(MAX_LAYERS):
        link = f"https://www.facebook.com/l.php?u={link.replace('%', '%25').replace('&', '%26')}"
    assert unwrap(link).startswith("https://www.facebook.com/l.php")


def test_an_entry_has_the_unwrapped_link() -> None:
    """Long before it is fetched, so that the same article from two services is one link."""
    link = f"https://www.google.com/url?url={QUOTED}&amp;ct=ga"
    feed = parse(
        f"<rss><channel><item><link>{link}</link></item></channel></rss>".encode(), url="https://a.test/"
    )
    assert [entry.url for entry in feed.entries] == [STORY]


def test_what_only_google_can_unwrap_is_said() -> None:
    """Newer Google News ids carry no URL: the link stays, and the feed's notes say so."""
    link = f"https://news.google.com/rss/articles/{google_news('AU_yqLPM14jxFi6_aBWlj6aUK8aPvAKbWe1LTVSDh')}?oc=5"
    assert unwrap(link) == link
    assert is_sealed(link)
    assert not is_sealed("https://news.google.com/topstories")
    feed = parse(
        f"<rss><channel><item><link>{link}</link></item></channel></rss>".encode(), url="https://a.test/"
    )
    assert [entry.url for entry in feed.entries] == [link]
    assert feed.notes == ("1 entry that only Google News can unwrap: the link stays wrapped",)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_link_makes_it_raise(path: str, query: str) -> None:
    """Whatever a feed writes, the answer is a link."""
    for host in (
        "www.google.com",
        "news.google.com",
        "r.search.yahoo.com",
        "x.cdn.ampproject.org",
        "href.li",
    ):
        assert unwrap(f"https://{host}/{path}?{query}")
        assert unwrap(f"https://{host}/rss/articles/{path}")
