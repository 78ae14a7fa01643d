"""What of an event goes onto the wire."""

from __future__ import annotations

import json

import pytest

from tests.site import made
from worker.web.card import MOST_SUMMARY, card, http_url, language, read_event, shortened


def test_a_card_has_what_a_reader_scans() -> None:
    """Headline, link, source, section, language, times and summary come from the event as they are."""
    shown = card("1-1", made())
    assert shown is not None
    assert (shown.headline, shown.url, shown.source) == ("A headline", "https://one.test/story", "One Test")
    assert (shown.section, shown.language, shown.took_ms) == ("World", "en", 2400)
    assert (shown.published, shown.summary) == ("2024-07-23T10:00:00+02:00", "A summary.")


def test_what_is_missing_has_a_plain_word_in_its_place() -> None:
    """No headline, no name, no summary: the card says so, or takes the domain and the text."""
    bare = made(
        headline=None, summary=None, source={"name": None, "domain": "one.test"}, text="Only text here."
    )
    shown = card("1-1", bare)
    assert shown is not None
    assert (shown.headline, shown.source, shown.summary) == ("(no headline)", "one.test", "Only text here.")


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "//evil.test/",
        "http:///x",
        "http://[",
        "https://one.test/\x00",
        "ftp://one.test/",
        "",
        None,
        7,
    ],
)
def test_only_web_addresses_become_links(value: object) -> None:
    """Whatever a browser might run, or misread as an address, is not a link."""
    assert http_url(value) is None


def test_web_addresses_stay_as_they_are() -> None:
    """Also with other scripts' letters, a port and a query."""
    for url in ("https://one.test/a?b=c#d", "http://127.0.0.1:8123/x", "HTTPS://ONE.test/ü"):
        assert http_url(url) == url


def test_a_lang_attribute_is_a_language_tag() -> None:
    """Anything that is not shaped like one is left out."""
    assert (language("en"), language("pt-BR")) == ("en", "pt-BR")
    assert [language(bad) for bad in ('en" onclick="x', "", "english language", None, "e")] == [None] * 5


def test_a_long_summary_is_cut_at_a_word() -> None:
    """The card stays small however long the text is."""
    cut = shortened("word " * 10_000)
    assert len(cut) <= MOST_SUMMARY + 1
    assert cut.endswith("word…")
    assert shortened("two\n lines ") == "two lines"


@pytest.mark.parametrize(
    "fields",
    [{}, {b"event": b"not json"}, {b"event": b"[]"}, {b"event": b'{"data": 1}'}, {b"event": b"[" * 100_000}],
)
def test_what_is_no_event_is_passed_over(fields: dict[bytes, bytes]) -> None:
    """A foreign entry on the stream does not end the page or the reader."""
    assert read_event(fields) is None


def test_events_of_unknown_types_and_odd_fields_do_no_harm() -> None:
    """Another type of event is no card; fields of the wrong type count as absent."""
    assert card("1-1", made() | {"type": "something.else.v9"}) is None
    odd = card(
        "1-1", made(headline=5, source="x", timings=None, word_count="many", language=["en"], section={})
    )
    assert odd is not None
    assert (odd.headline, odd.source, odd.took_ms, odd.word_count) == (
        "(no headline)",
        "unknown source",
        None,
        0,
    )
    assert read_event({b"event": json.dumps(made()).encode()}) == made()
