"""Headers that an operator adds to a feed: kept as given, never able to break a request, never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.feeds.headers import MAX_HEADERS, HeaderError, changed, masked, parse


def test_headers_are_added_replaced_and_removed() -> None:
    """Names in one spelling, so that a second mention replaces the first."""
    text = changed("", ["x-api-key: 12:34", "Accept-Language:de, en;q=0.5"])
    assert parse(text) == {"X-Api-Key": "12:34", "Accept-Language": "de, en;q=0.5"}
    text = changed(text, ["X-API-KEY: 5"])
    assert parse(text) == {"Accept-Language": "de, en;q=0.5", "X-Api-Key": "5"}
    assert changed(text, ["accept-language:", "x-api-key: "]) == ""


@pytest.mark.parametrize(
    "header",
    ["no colon", ": value", "A b: c", "Host: other.example", "content-length: 5", "if-none-match: x", "Ü: x"],
)
def test_what_is_no_header_of_the_operators_is_refused(header: str) -> None:
    """No name that is none, and no header that is HTTP's or the poller's own."""
    with pytest.raises(HeaderError):
        changed("", [header])


@pytest.mark.parametrize(
    "header", ["X: a\r\nHost: b", "X: a\nb", "X: a\0", "X: a\x85b", "X: €", f"X: {'a' * 5000}"]
)
def test_what_could_break_a_request_is_refused(header: str) -> None:
    """No line breaks, in whatever form, and nothing that Latin-1 can't hold."""
    with pytest.raises(HeaderError):
        changed("", [header])


def test_their_number_is_bounded() -> None:
    """A feed's hash does not grow without end."""
    with pytest.raises(HeaderError):
        changed("", [f"X-{n}: 1" for n in range(MAX_HEADERS + 1)])


def test_values_are_masked() -> None:
    """Any of them may be a key."""
    assert masked(parse(changed("", ["X-Key: secret"]))) == {"X-Key": "***"}


@given(st.text(max_size=40))
def test_a_header_is_refused_or_kept_on_one_line(text: str) -> None:
    """Whatever is given."""
    try:
        kept = changed("", [text])
    except HeaderError:
        return
    assert len(kept.splitlines()) <= 1
    assert changed(kept, []) == kept
