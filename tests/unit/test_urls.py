"""One URL, one identity; and no secret leaves with it."""

from __future__ import annotations

import re
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import Permanent, Reason
from jobs.urls import Parts, canonical, domain, join, link_id, redact, split

CANONICAL = [
    # Spelling
    ("HTTP://WWW.Example.COM", "http://www.example.com/"),
    ("https://example.com:443/a", "https://example.com/a"),
    ("http://example.com:80/a", "http://example.com/a"),
    ("http://example.com:443/a", "http://example.com:443/a"),
    ("https://example.com./a", "https://example.com/a"),
    ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
    ("https://xn--bcher-kva.example/%c3%bc", "https://xn--bcher-kva.example/%C3%BC"),
    ("https://example.com/%7Euser/%2f", "https://example.com/~user/%2F"),
    ("https://example.com/a b", "https://example.com/a%20b"),
    ("https://example.com/100%", "https://example.com/100%25"),
    ("  https://exam\nple.com/a\t ", "https://example.com/a"),
    ("https:\\\\example.com\\a", "https://example.com/a"),
    ("http://[2606:4700:0:0:0:0:0:1111]/", "http://[2606:4700::1111]/"),
    # Dot segments, RFC 3986 5.2.4
    ("https://e.com/a/b/c/./../../g", "https://e.com/a/g"),
    ("https://e.com/../x", "https://e.com/x"),
    ("https://e.com/a/..", "https://e.com/"),
    ("https://e.com/a/%2e%2e/b", "https://e.com/b"),
    ("https://e.com/a//b", "https://e.com/a//b"),
    # What is kept
    ("https://e.com/a/", "https://e.com/a/"),
    ("https://e.com/a?b=2&a=1", "https://e.com/a?b=2&a=1"),
    ("https://e.com/?12345", "https://e.com/?12345"),
    ("https://e.com/?id=", "https://e.com/?id="),
    ("https://e.com/?p=1&cid=2&eid=3&uid=4&ref=5&source=6&s=7&session=8", None),
    ("https://e.com/?ref=a1b2&from=homepage", None),
    ("https://e.com/#!/article/1", "https://e.com/#!/article/1"),
    ("https://e.com/#/article/1", "https://e.com/#/article/1"),
    # What goes
    ("https://e.com/a?", "https://e.com/a"),
    ("https://e.com/a?&&id=1&", "https://e.com/a?id=1"),
    ("https://e.com/a#comments", "https://e.com/a"),
    ("https://e.com/a#:~:text=hello", "https://e.com/a"),
    ("https://e.com/a?utm_source=rss&utm_medium=x&id=3", "https://e.com/a?id=3"),
    ("https://e.com/a?UTM_Source=rss", "https://e.com/a"),
    ("https://e.com/a?utm%5Fsource=rss", "https://e.com/a"),
    ("https://e.com/a?id=1&amp;utm_source=rss", "https://e.com/a?id=1"),
    ("https://e.com/a?fbclid=x&gclid=y&mc_cid=z&_ga=1&at_medium=RSS", "https://e.com/a"),
    ("https://e.com/a?ref=rss&id=1&partner=rss&emc=rss", "https://e.com/a?id=1"),
    ("https://e.com/a;jsessionid=AB12?id=1", "https://e.com/a?id=1"),
]


@pytest.mark.parametrize(("url", "expected"), CANONICAL, ids=[url for url, _ in CANONICAL])
def test_canonical(url: str, expected: str | None) -> None:
    """Spelling and tracking make no difference; everything that may name the article is kept."""
    assert canonical(url) == (expected or url)


parts = st.text(st.characters(exclude_categories=()), max_size=20)


@settings(deadline=None)
@given(parts, parts, parts)
def test_canonical_is_a_fixed_point(path: str, query: str, fragment: str) -> None:
    """The canonical form of a canonical form is itself, printable ASCII, and has the same identity."""
    url = f"https://example.com/{path}?{query}#{fragment}"
    once = canonical(url)
    assert canonical(once) == once
    assert link_id(once) == link_id(url)
    assert re.fullmatch(r"[\x21-\x7e]+", once)


def _split(url: str) -> Parts | Reason:
    try:
        return split(url)
    except Permanent as error:
        return error.reason


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_url_or_a_bad_url(text: str) -> None:
    """Whatever a feed calls a link, the answer is a URL or BAD_URL, never another error."""
    for url in (text, f"http://{text}", f"https://example.com/{text}"):
        found = _split(url)
        assert found is Reason.BAD_URL or _split(str(found)) == found


SAME = [
    ("http://e.com/a", "https://e.com/a"),
    ("http://e.com:80/a", "https://e.com:443/a"),
    ("https://e.com/a?x=1&y=2", "https://e.com/a?y=2&x=1"),
    ("https://e.com/a#top", "https://e.com/a?utm_campaign=x"),
]
DIFFERENT = [
    ("https://e.com/a", "https://e.com/a/"),
    ("https://e.com/a", "https://e.com/A"),
    ("https://e.com/a?id=1", "https://e.com/a?id=2"),
    ("https://e.com/a?id=1&id=2", "https://e.com/a?id=2&id=1"),
    ("https://e.com/#!/1", "https://e.com/#!/2"),
    ("https://e.com/a", "https://e.com:8443/a"),
    ("https://e.com/a", "https://www.e.com/a"),
    ("https://e.com/a?b", "https://e.com/a%3Fb"),
    ("https://e.com/?a=1&b=2", "https://e.com/?a=1%26b=2"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_article_has_one_id(one: str, other: str) -> None:
    """The identity ignores the scheme, the order of parameters and what `canonical` removes."""
    assert link_id(one) == link_id(other)
    assert re.fullmatch(r"[a-z2-7]{16}", link_id(one))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_articles_have_two_ids(one: str, other: str) -> None:
    """What servers may tell apart has different identities."""
    assert link_id(one) != link_id(other)


def test_the_id_never_changes() -> None:
    """The id is stored for months: this value must be the same in every version."""
    assert link_id("https://example.com/news/1?b=2&a=1") == "xqfncuzgxp5xtigl"


DOMAINS = [
    ("https://www.example.com/x", "example.com"),
    ("https://a.b.example.co.uk/", "example.co.uk"),
    ("https://one.github.io/", "one.github.io"),  # the list's private section
    ("https://github.io/", "github.io"),
    ("https://co.uk/", "co.uk"),
    ("http://www.city.kawasaki.jp/", "city.kawasaki.jp"),  # an exception rule
    ("http://a.b.c.kawasaki.jp/", "b.c.kawasaki.jp"),  # a wildcard rule
    ("http://www.食狮.公司.cn/", "xn--85x722f.xn--55qx5d.cn"),
    ("http://news.intern.example-tld-of-nobody/", "intern.example-tld-of-nobody"),
    ("http://localhost:8000/", "localhost"),
    ("http://127.0.0.1:8000/", "127.0.0.1"),
    ("http://[::1]:8000/", "[::1]"),
]


@pytest.mark.parametrize(("url", "expected"), DOMAINS)
def test_domain(url: str, expected: str) -> None:
    """The registrable domain by the public suffix list; addresses and single labels are their own."""
    assert domain(url) == expected


def test_domain_asks_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is the bundled one: loading it afresh opens no socket."""
    from jobs import suffixes

    monkeypatch.setattr(socket, "socket", None)
    monkeypatch.setattr(socket, "getaddrinfo", None)
    suffixes.registrable.cache_clear()
    suffixes._rules.cache_clear()
    assert domain("https://x.example.co.uk/") == "example.co.uk"
    assert len(suffixes._rules()) > 9000


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_domain_fits_into_a_redis_key(host: str) -> None:
    """A domain has no white space, control or other characters that a key or a log could trip over."""
    try:
        found = domain(f"http://{host}/")
    except Permanent:
        return
    assert re.fullmatch(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]", found)


JOINED = [
    ("https://e.com/a/b", "c", "https://e.com/a/c"),
    ("https://e.com/a/b", "/c", "https://e.com/c"),
    ("https://e.com/a/b?x", "?y", "https://e.com/a/b?y"),
    ("https://e.com/a/b", "//other.com/x", "https://other.com/x"),
    ("https://e.com/a/b", "http:\\\\other.com\\x", "http://other.com/x"),
    ("https://e.com/a/b", "../../../x", "https://e.com/x"),
]


@pytest.mark.parametrize(("base", "reference", "expected"), JOINED)
def test_join(base: str, reference: str, expected: str) -> None:
    """References resolve as RFC 3986 says, with backslashes read as browsers read them."""
    assert join(base, reference) == expected


@pytest.mark.parametrize(
    "reference", ["javascript:x", "ftp://e.com/", "http://[::1/", "//u@e.com/", "data:,x"]
)
def test_join_refuses_what_is_not_http(reference: str) -> None:
    """A reference that leads out of http(s), or carries user-info, is BAD_URL."""
    with pytest.raises(Permanent) as error:
        join("https://e.com/", reference)
    assert error.value.reason is Reason.BAD_URL


REDACTED = [
    ("https://user:pw@e.com/f", "https://e.com/f"),
    ("https://user:p@w@e.com/f", "https://e.com/f"),
    ("http:/user:pw@e.com/f", "http:/e.com/f"),
    ("https://e.com/@author/x", None),
    ("https://e.com/f?token=abc&id=1", "https://e.com/f?token=***&id=1"),
    ("https://e.com/f?api_key=a&apiKey=b&key=c", "https://e.com/f?api_key=***&apiKey=***&key=***"),
    ("https://e.com/f?x-amz-signature=d&sid=e", "https://e.com/f?x-amz-signature=***&sid=***"),
    ("https://e.com/f?Password=a;secret=b", "https://e.com/f?Password=***;secret=***"),
    ("https://e.com/f?%74oken=abc", "https://e.com/f?%74oken=***"),
    ("https://e.com/f?to\nken=abc", "https://e.com/f?token=***"),
    ("https://e.com/f#access_token=abc", "https://e.com/f#access_token=***"),
    ("https://e.com/f?author=me&keyword=x&monkey=y&authority=z", None),
    ("\x1b[31mhttps://e.com/\u202e\u200b", "[31mhttps://e.com/"),
]


@pytest.mark.parametrize(("url", "expected"), REDACTED)
def test_redact(url: str, expected: str | None) -> None:
    """No user-info, no secret-looking parameter's value and nothing unprintable is left; the rest stays."""
    assert redact(url) == (expected or url)


def test_errors_name_the_url_without_its_secrets() -> None:
    """A BAD_URL message can be shown to anybody."""
    with pytest.raises(Permanent) as error:
        canonical("https://user:hunter2@e.com/?token=abc")
    assert "e.com" in error.value.detail
    assert "hunter2" not in str(error.value)
    assert "abc" not in str(error.value)
