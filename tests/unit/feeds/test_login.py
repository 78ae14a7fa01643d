"""Feeds behind a password: the user-info of a URL becomes a header, and is seen nowhere else."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import Permanent
from jobs.urls import redact, split
from worker.feeds.login import login
from worker.feeds.registry import Feed, feed_id


def basic(pair: bytes) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


@pytest.mark.parametrize(
    ("url", "bare", "pair"),
    [
        ("https://u:p@h.test/feed?a=b@c", "https://h.test/feed?a=b@c", b"u:p"),
        ("https://u@h.test/", "https://h.test/", b"u:"),
        ("https://:p@h.test/", "https://h.test/", b":p"),
        ("https://u:p:q@h.test/", "https://h.test/", b"u:p:q"),
        ("https://m%40x:a%2Fb%20%C3%BC@h.test:8443/x", "https://h.test:8443/x", "m@x:a/b ü".encode()),
        ("https://me@mail.test:p@h.test/", "https://h.test/", b"me@mail.test:p"),
        ("HTTP://U:P@h.test", "HTTP://h.test", b"U:P"),
        ("https://ü:é@h.test/", "https://h.test/", "ü:é".encode()),
        (r"https:\\u:p@h.test\feed", r"https:\\h.test\feed", b"u:p"),
    ],
)  # fmt: skip
def test_user_info_is_taken_out(url: str, bare: str, pair: bytes) -> None:
    """Percent-encoding is undone (RFC 3986), and the pair is UTF-8 (RFC 7617)."""
    assert login(url).url == bare
    assert login(url).headers == basic(pair)
    split(bare)


@pytest.mark.parametrize(
    "url",
    [
        "https://h.test/feed",
        "https://h.test/a@b",
        "https://h.test?u:p@x",
        "https://h.test#@",
        r"https://h.test\@evil.test/",
        "",
        "nonsense",
        "ftp://u:p@h.test/",
    ],
)
def test_what_has_none_stays_as_it_is(url: str) -> None:
    """An ``@`` after the authority is none; what is no web URL is the client's to refuse."""
    assert login(url).url == url
    assert login(url).headers == {}


def test_empty_user_info_is_no_login() -> None:
    """``https://@host/`` and ``https://:@host/`` mean the host."""
    for url in ("https://@h.test/", "https://:@h.test/"):
        assert (login(url).url, login(url).headers) == ("https://h.test/", {})


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_user_info_changes_the_host_that_is_asked(user: str, path: str) -> None:
    """Whatever stands before the ``@``: the bare URL has the host of the whole, or is refused."""
    bare = login(f"https://{user}@h.test/{path}").url
    try:
        host = split(bare).host
    except Permanent:
        return
    if "/" not in user and "\\" not in user and "?" not in user and "#" not in user:
        assert host == "h.test"


def test_the_password_shows_nowhere() -> None:
    """Not in what operators and consumers see, nor in a representation, nor in the id, which is public."""
    feed = Feed(feed_id("https://u:secret@h.test/feed"), "https://u:secret@h.test/feed")
    assert feed.public_url == "https://h.test/feed" == redact(feed.url)
    assert feed.info.url == "https://h.test/feed"
    assert "secret" not in repr(feed.login)
    assert feed.id == feed_id("https://u:other@h.test/feed") == feed_id("https://u@h.test/feed")
    assert len({feed.id, feed_id("https://v:secret@h.test/feed"), feed_id("https://h.test/feed")}) == 3
