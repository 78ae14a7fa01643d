"""Bot walls are recognised and named; what only speaks of them, or carries their scripts, is not."""

from __future__ import annotations

import time

import pytest

from jobs.walls import challenger
from jobs.walls.challenge import LOOK_AT_CHARS
from jobs.walls.vendors import VENDORS
from tests.unit.walls.pages import CHALLENGES, HEADERS, NOT_CHALLENGES, WORDS, article, page


@pytest.mark.parametrize("name", CHALLENGES)
def test_challenges_are_named(name: str) -> None:
    """By what each product puts on its page, whatever the status."""
    status, headers, body = CHALLENGES[name]
    assert challenger(status, headers, body) == name
    assert challenger(403, {}, body) == name


def test_every_product_is_tried() -> None:
    """Each row of the list has its page here."""
    assert {vendor.name for vendor in VENDORS} == set(CHALLENGES)


@pytest.mark.parametrize(("name", "status", "headers"), HEADERS)
def test_headers_give_challenges_away(name: str, status: int, headers: dict[str, str]) -> None:
    """Even with no body at all, or a site's own."""
    assert challenger(status, headers, b"") == name
    assert challenger(status, headers, article("Ferry")) == name


@pytest.mark.parametrize("name", NOT_CHALLENGES)
def test_everything_else_is_no_challenge(name: str) -> None:
    """Articles about challenges, pages that carry a product's scripts, plain refusals."""
    assert challenger(*NOT_CHALLENGES[name]) is None


@pytest.mark.parametrize("status", [404, 410, 451])
def test_a_missing_page_is_a_missing_page(status: int) -> None:
    """These statuses mean what they say, unless a header of a challenge says otherwise."""
    body = CHALLENGES["Cloudflare"][2]
    assert challenger(status, {}, body) is None
    assert challenger(status, {"cf-mitigated": "challenge"}, body) == "Cloudflare"


def test_the_words_of_the_whole_page_count() -> None:
    """An article may come after a head as long as a challenge."""
    padding = "<style>" + "a{}" * LOOK_AT_CHARS + "</style>"
    body = page("Just a moment...", f"{padding}<p>{WORDS * 30}</p>")
    assert challenger(200, {}, body) is None
    assert challenger(200, {}, page("Just a moment...", padding)) == "Cloudflare"


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251", "shift_jis", "utf-16"])
def test_other_encodings_are_no_trouble(encoding: str) -> None:
    """Words are words in any encoding: a Russian or Japanese article about a challenge stays one."""
    text = {"windows-1251": "Паром вышел из порта на рассвете. ", "shift_jis": "船は夜明けに港を出た。"}.get(
        encoding, WORDS
    )
    body = f"<title>a</title><code>_cf_chl_opt</code><p>{text * 60}</p>".encode(encoding)
    assert challenger(200, {}, body) is None


@pytest.mark.parametrize(
    "piece", [b"<script>", b"<!--", b"<", b"<title>", b"<meta name=robots ", b"</", b"<svg", b"<a "], ids=repr
)
def test_hostile_markup_takes_linear_time(piece: bytes) -> None:
    """A page of nothing but begun tags is judged at once: 5 MB in under a second, even on a busy machine."""
    body = b"<title>just a moment...</title>" + piece * (5_000_000 // len(piece))
    started = time.process_time()
    challenger(403, {}, body)
    assert time.process_time() - started < 3
