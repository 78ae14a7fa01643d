"""The stored page: what was fetched comes back, and what is no page is refused."""

from __future__ import annotations

import contextlib
import struct
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import page as page_module
from jobs.page import MAX_HEADERS_CHARS, Page, kept_headers
from tests.unit.test_entry import ENTRIES

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SIMPLE = Page("https://a.test/", "https://a.test/x", 200, b"<p>body</p>", "text/html", 1_700_000_000_000)
TEXT = st.text(max_size=30)
PAGES = st.builds(
    Page,
    url=TEXT,
    final_url=TEXT,
    status=st.integers(0, 999),
    body=st.binary(max_size=300),
    content_type=TEXT,
    fetched_ms=st.integers(0, 2**53),
    took_ms=st.integers(0, 60_000),
    wire_bytes=st.integers(0, 2**40),
    address=TEXT,
    redirects=st.lists(TEXT, max_size=3).map(tuple),
    etag=st.none() | st.text(min_size=1, max_size=20),
    last_modified=st.none() | st.text(min_size=1, max_size=20),
    headers=st.dictionaries(TEXT, TEXT, max_size=3),
    refused=st.sampled_from(("", "forbidden")),
    entry=st.none() | ENTRIES,
)


@given(PAGES.filter(lambda page: page.url and page.final_url))
def test_a_page_comes_back_as_it_was(page: Page) -> None:
    """Every field and every byte, with what the feed said of the link."""
    assert Page.unpack(page.pack()) == page


def test_a_page_is_small() -> None:
    """Markup compresses well, and the head costs little: the bound on memory per page counts on it."""
    body = b"".join(b"<li><a href='/story/%d'>Story %d</a></li>\n" % (n, n) for n in range(2000))
    assert len(replace(SIMPLE, body=body).pack()) < len(body) / 5
    assert len(replace(SIMPLE, body=b"").pack()) < 200


@given(st.binary(max_size=100))
def test_what_is_no_page_is_refused(value: bytes) -> None:
    """Whatever stands in Redis under its name: one kind of error."""
    with pytest.raises(ValueError):
        Page.unpack(value)


@given(st.integers(0, len(SIMPLE.pack()) - 1))
def test_a_page_that_is_cut_off_is_refused(size: int) -> None:
    """Half a page is never taken for a whole one."""
    with pytest.raises(ValueError):
        Page.unpack(SIMPLE.pack()[:size])


@given(st.integers(0, len(SIMPLE.pack()) - 1), st.integers(1, 255))
def test_a_damaged_page_raises_nothing_else(at: int, flip: int) -> None:
    """A flipped byte gives another page or the one kind of error."""
    packed = bytearray(SIMPLE.pack())
    packed[at] ^= flip
    with contextlib.suppress(ValueError):
        assert isinstance(Page.unpack(bytes(packed)), Page)


@pytest.mark.parametrize(
    "head",
    [
        b"[]",
        b"5",
        b'"text"',
        b'["entry"]',
        b"{}",
        b'{"url":"a"}',
        b'{"url":"a","final_url":"b","entry":"[]"}',
        b'{"url":"a","final_url":"b","entry":5}',
        b'{"url":"a","final_url":"b","headers":5}',
        b'{"url":"a","final_url":"b","headers":["x"]}',
        b"not json",
    ],
)
def test_a_head_that_is_none_is_refused(head: bytes) -> None:
    """JSON of another shape too."""
    with pytest.raises(ValueError):
        Page.unpack(struct.pack(">I", len(head)) + head + zstd.compress(b"body"))


def test_fields_of_a_newer_version_are_ignored() -> None:
    """Old article workers and new fetch workers may run side by side."""
    head = b'{"url":"a","final_url":"b","new_field":1}'
    page = Page.unpack(struct.pack(">I", len(head)) + head + zstd.compress(b"body"))
    assert (page.url, page.final_url, page.body) == ("a", "b", b"body")


def test_decompression_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb costs no more than the limit."""
    monkeypatch.setattr(page_module, "MAX_BODY_BYTES", 1000)
    assert len(Page.unpack(replace(SIMPLE, body=bytes(1000)).pack()).body) == 1000
    for size in (1001, 10_000_000):
        with pytest.raises(ValueError, match="larger than any page"):
            Page.unpack(replace(SIMPLE, body=bytes(size)).pack())


@given(PAGES.filter(lambda page: page.url and page.final_url))
def test_a_look_at_the_head_needs_no_body(page: Page) -> None:
    """Lists of many pages read the beginning of each: all but the body, and how large that is."""
    packed = page.pack()
    for size in range(4, len(packed)):
        assert Page.peek(packed[:size]) in ((replace(page, body=b""), len(page.body)), None)
    assert Page.peek(packed + bytes(18)) == (replace(page, body=b""), len(page.body))


@given(st.binary(max_size=100))
def test_a_look_at_what_is_no_page_is_refused(value: bytes) -> None:
    """With the same kind of error, or as too short to tell."""
    with contextlib.suppress(ValueError):
        assert Page.peek(value) is None


@given(st.dictionaries(st.text(max_size=40), st.text(max_size=2000), max_size=60))
def test_the_kept_headers_are_bounded(headers: dict[str, str]) -> None:
    """Whatever a site sends, and nothing is changed or cut in the middle."""
    kept = kept_headers(headers)
    assert sum(len(name) + len(value) for name, value in kept.items()) <= MAX_HEADERS_CHARS
    assert kept.items() <= headers.items()


def test_ordinary_headers_are_kept() -> None:
    """But for what has a field of its own, and cookies, which are for the browser that was asked."""
    headers = {"server": "nginx", "content-type": "text/html", "set-cookie": "id=1", "etag": "x"}
    assert kept_headers(headers | {"date": "now", "content-security-policy": "x" * 5000}) == {
        "server": "nginx",
        "date": "now",
    }
