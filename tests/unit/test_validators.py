"""Validators: kept short, and given back to the site as they came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.validators import MAX_DATE_CHARS, MAX_ETAG_CHARS, Validators, pack

URL = "https://one.test/story"
VALUES = st.none() | st.text(max_size=MAX_ETAG_CHARS + 20)


@given(VALUES, VALUES)
def test_what_is_kept_is_bounded_and_can_be_sent(etag: str | None, last_modified: str | None) -> None:
    """Whatever a site sends: a short line each, of characters that a header may hold, and unchanged."""
    packed = pack(etag, last_modified)
    assert len(packed) <= MAX_ETAG_CHARS + MAX_DATE_CHARS + 1
    validators = Validators.read(URL, packed)
    for value in (validators.headers() if validators else {}).values():
        value.encode("latin-1")
        assert value in (etag, last_modified)


def test_validators_come_back_as_they_were_sent() -> None:
    """Weak or strong, one of them or both: in the header that asks for them (RFC 9110, 13.1)."""
    date = "Sun, 22 Nov 2026 10:00:00 GMT"
    for etag, last_modified, headers in (
        ('W/"x"', date, {"If-None-Match": 'W/"x"', "If-Modified-Since": date}),
        ('"x"', None, {"If-None-Match": '"x"'}),
        (None, date, {"If-Modified-Since": date}),
    ):
        validators = Validators.read(URL, pack(etag, last_modified))
        assert validators == Validators(URL, etag or "", last_modified or "")
        assert validators.headers() == headers


def test_none_are_none() -> None:
    """A page without validators is asked for without conditions."""
    assert pack(None, None) == pack("", "") == ""
    assert Validators.read(URL, "") is None
