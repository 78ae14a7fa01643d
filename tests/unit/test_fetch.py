"""What a site's answer means for a link: every row of the judgement."""

from __future__ import annotations

import dataclasses

import pytest

from jobs.client import Answer
from jobs.errors import Outcome, Permanent, Reason, Retry, Skip
from jobs.fetch import judge, same_domain
from jobs.retry_after import MAX_S, retry_after_s
from tests.unit.walls.pages import CHALLENGES, NOT_CHALLENGES

HTML = b"<!DOCTYPE html><html><body><p>Hello</p></body></html>"
NOW_S = 1_700_000_000.0

ANSWER = Answer(
    url="https://news.example/a",
    final_url="https://www.news.example/a",
    status=200,
    headers={"content-type": "text/html; charset=utf-8"},
    body=HTML,
    wire_bytes=30,
    took_ms=120,
    address="192.0.2.7",
    received_s=NOW_S,
)


def answer(status: int = 200, body: bytes = HTML, **headers: str) -> Answer:
    """An answer; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return dataclasses.replace(ANSWER, status=status, body=body, headers={**ANSWER.headers, **named})


def verdict(given: Answer) -> Outcome:
    with pytest.raises(Outcome) as error:
        judge(given, fetched_ms=1)
    return error.value


STATUSES = [
    (204, Retry, Reason.EMPTY),
    (205, Retry, Reason.EMPTY),
    (202, Retry, Reason.BAD_RESPONSE),
    (206, Retry, Reason.BAD_RESPONSE),
    (226, Retry, Reason.BAD_RESPONSE),
    (101, Retry, Reason.BAD_RESPONSE),
    (300, Retry, Reason.BAD_RESPONSE),
    (304, Retry, Reason.BAD_RESPONSE),
    (400, Permanent, Reason.HTTP_ERROR),
    (401, Permanent, Reason.LOGIN_WALL),
    (402, Permanent, Reason.PAYWALL),
    (403, Permanent, Reason.FORBIDDEN),
    (404, Permanent, Reason.NOT_FOUND),
    (405, Permanent, Reason.HTTP_ERROR),
    (408, Retry, Reason.SERVER_ERROR),
    (410, Permanent, Reason.GONE),
    (418, Permanent, Reason.HTTP_ERROR),
    (425, Retry, Reason.SERVER_ERROR),
    (429, Retry, Reason.RATE_LIMITED),
    (451, Permanent, Reason.LEGAL_REASONS),
    (500, Retry, Reason.SERVER_ERROR),
    (502, Retry, Reason.SERVER_ERROR),
    (503, Retry, Reason.SERVER_ERROR),
    (504, Retry, Reason.SERVER_ERROR),
    (522, Retry, Reason.SERVER_ERROR),
    (999, Retry, Reason.BAD_RESPONSE),
]


@pytest.mark.parametrize(("status", "kind", "reason"), STATUSES, ids=[str(row[0]) for row in STATUSES])
def test_statuses(status: int, kind: type[Outcome], reason: Reason) -> None:
    """Each status has its outcome, whatever the body, and its detail names status and host."""
    found = verdict(answer(status))
    assert type(found) is kind
    assert found.reason is reason
    assert str(status) in found.detail
    assert "www.news.example" in found.detail


@pytest.mark.parametrize("status", [429, 503, 500, 408])
def test_retry_after_comes_along(status: int) -> None:
    """A site that says when to come back is heard."""
    found = verdict(answer(status, retry_after="120"))
    assert isinstance(found, Retry)
    assert found.after_s == 120
    silent = verdict(answer(status))
    assert isinstance(silent, Retry)
    assert silent.after_s is None


PAGES = [
    ("text/html", HTML),
    ("TEXT/HTML;charset=iso-8859-1", HTML),
    ("text/html", b"just words"),
    ("text/html", b"\xff\xfe<\x00p\x00>\x00"),
    ("application/xhtml+xml", b"<?xml version='1.0'?><html xmlns='x'/>"),
    ("application/xml", b"<?xml version='1.0'?>\n<html xmlns='x'>"),
    ("", HTML),
    ("text/plain", b"\xef\xbb\xbf \n" + HTML),
    ("application/octet-stream", b"<!-- cached --><HTML lang=en><p>"),
]


@pytest.mark.parametrize(("content_type", "body"), PAGES)
def test_pages(content_type: str, body: bytes) -> None:
    """HTML is a page, under its own types and under those that misconfigured sites give it."""
    page = judge(answer(body=body, content_type=content_type), fetched_ms=1)
    assert page.body == body
    assert page.content_type == content_type


NOT_PAGES = [
    ("application/pdf", b"%PDF-1.7 ..."),
    ("text/html", b"%PDF-1.7 ..."),
    ("text/html", b"\n  %PDF-1.4 ..."),
    ("text/html", b"\x89PNG\r\n\x1a\n"),
    ("text/html", b"\xff\xd8\xff\xe0 JFIF"),
    ("text/html", b"GIF89a"),
    ("text/html", b"PK\x03\x04 docx"),
    ("text/html", b"\x1f\x8b gzip in disguise"),
    ("text/html", b"\x00\x00\x00\x20ftypisom"),
    ("image/jpeg", HTML),
    ("application/json", b'{"a": 1}'),
    ("application/rss+xml", b"<rss/>"),
    ("text/xml", b"<?xml version='1.0'?><rss><channel/></rss>"),
    ("text/plain", b"User-agent: *\nDisallow: /"),
    ("", b"nothing that looks like markup"),
    ("video/mp4", b"...."),
]


@pytest.mark.parametrize(("content_type", "body"), NOT_PAGES)
def test_what_is_not_html_is_skipped(content_type: str, body: bytes) -> None:
    """Documents, pictures and data are skipped, by what they start with before what they claim to be."""
    found = verdict(answer(body=body, content_type=content_type))
    assert type(found) is Skip
    assert found.reason is Reason.NOT_HTML


def test_the_words_of_a_type_are_not_trusted() -> None:
    """A Content-Type is the site's text: no markup or control characters of it get into a message."""
    found = verdict(answer(content_type="image/<script>\x1b[31m" + "x" * 500))
    assert "<" not in found.detail
    assert "\x1b" not in found.detail
    assert len(found.detail) < 150


@pytest.mark.parametrize("body", [b"", b" \r\n\t ", b"\xef\xbb\xbf\n", b"\x00" * 50])
def test_an_empty_page_is_asked_for_again(body: bytes) -> None:
    """A 200 without content is a site in trouble: retried, within the ledger's number of attempts."""
    found = verdict(answer(body=body))
    assert type(found) is Retry
    assert found.reason is Reason.EMPTY


def test_a_page_carries_what_the_answer_said() -> None:
    """Address, sizes, times, validators and the way are kept with the page."""
    given = dataclasses.replace(
        answer(etag='"1"', last_modified="Tue, 14 Nov 2023 22:13:20 GMT"),
        redirects=((301, "https://news.example/a"),),
    )
    page = judge(given, fetched_ms=1_700_000_000_500)
    assert page.redirects == ("https://news.example/a",)
    assert (page.url, page.final_url) == (given.url, given.final_url)
    assert (page.address, page.took_ms, page.wire_bytes) == ("192.0.2.7", 120, 30)
    assert (page.etag, page.last_modified) == ('"1"', "Tue, 14 Nov 2023 22:13:20 GMT")
    assert page.fetched_ms == 1_700_000_000_500


def test_same_domain() -> None:
    """A redirect inside the registrable domain rides along; one to another domain does not."""
    assert same_domain("http://example.co.uk/a", "https://www.example.co.uk/b")
    assert not same_domain("https://one.github.io/", "https://two.github.io/")
    assert not same_domain("https://a.co.uk/", "https://b.co.uk/")


@pytest.mark.parametrize("status", [200, 202, 401, 403, 405, 429, 503])
def test_a_challenge_is_one_with_any_status(status: int) -> None:
    """It is recognised before the status is looked at, tried again, and the product is named."""
    body = CHALLENGES["Cloudflare"][2]
    found = verdict(answer(status, body=body, retry_after="120"))
    assert type(found) is Retry
    assert found.reason is Reason.BOT_CHALLENGE
    assert found.detail == f"www.news.example: status {status}, a challenge by Cloudflare"
    assert found.after_s == 120


@pytest.mark.parametrize("name", [name for name, row in NOT_CHALLENGES.items() if row[0] == 200])
def test_articles_about_challenges_are_pages(name: str) -> None:
    """Judging a page costs none of them its article."""
    _, headers, body = NOT_CHALLENGES[name]
    given = answer(200, body=body, **{key.replace("-", "_"): value for key, value in headers.items()})
    if name == "a picture":
        assert verdict(given).reason is Reason.NOT_HTML
    else:
        assert judge(given, fetched_ms=1).body == body


@pytest.mark.parametrize("status", [200, 404, 429, 503])
def test_every_outcome_tells_the_trip(status: int) -> None:
    """Bytes, time, address and redirects, for the link's way."""
    given = dataclasses.replace(answer(status, body=b""), redirects=((301, "https://news.example/old"),))
    assert verdict(given).trip == "0 bytes in 120 ms from 192.0.2.7, by way of https://news.example/old"


RETRY_AFTER = [
    ("120", 120.0),
    (" 0 ", 0.0),
    ("99999999", MAX_S),
    ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
    ("Tuesday, 14-Nov-23 22:14:20 GMT", 60.0),  # RFC 850
    ("Tue Nov 14 22:14:20 2023", 60.0),  # asctime
    ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
    ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_S),
    ("", None),
    (None, None),
    ("-5", None),
    ("1.5", None),
    ("soon", None),
    ("Tue, 99 Nov 2023 22:14:20 GMT", None),
    ("9" * 400, None),
    ("٣٠", None),
]


@pytest.mark.parametrize(("value", "expected"), RETRY_AFTER)
def test_retry_after(value: str | None, expected: float | None) -> None:
    """Seconds or any form of HTTP-date, never negative and never over a day; nonsense says nothing."""
    assert retry_after_s(value, NOW_S) == expected
