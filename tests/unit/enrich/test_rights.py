"""What publishers say about use, as of the fetch."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.article import Rights
from jobs.enrich.enricher import Subject
from jobs.enrich.rights import rights
from jobs.extract import extract
from jobs.robots_ai import AGENTS, barred

BODY = "<p>The bridge opened on Monday after two years of work by the town and its people.</p>" * 6
URL = "https://www.example.org/news/bridge"


def page(head: str = "", end: str = "") -> bytes:
    article = f"<article><h1>Bridge</h1>{BODY}</article>"
    return (
        f"<html lang='en'><head><title>Bridge</title>{head}</head><body>{article}{end}</body></html>".encode()
    )


def read(
    head: str = "", end: str = "", agents: tuple[str, ...] = (), **headers: Any
) -> tuple[Rights | None, dict[str, str]]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    found = rights(Subject(extract(page(head, end), url=URL), url=URL, headers=sent, barred_agents=agents))
    value = found["rights"][1] if "rights" in found else None
    return value, {name: origin for name, (origin, _) in found.items()}


def test_nothing_said_is_nothing_claimed() -> None:
    """Null, not an empty object; `index, follow` reserves nothing."""
    assert read("<meta name='robots' content='index, follow, max-image-preview:large'>") == (None, {})


@pytest.mark.parametrize(
    ("head", "headers", "reserved", "origin"),
    [
        ("<meta name='tdm-reservation' content='1'>", {}, ("tdm",), "meta"),
        ("", {"tdm_reservation": "1"}, ("tdm",), "header"),
        ("<meta name='tdm-reservation' content='0'>", {"tdm_reservation": "1"}, ("tdm",), "header"),
        ("<meta name='ROBOTS' content='NoAI, noimageai'>", {}, ("ai", "ai-images"), "meta"),
        ("", {"x_robots_tag": "noai, nosnippet"}, ("ai", "snippets"), "header"),
        ("<meta name='robots' content='noarchive'>", {"x_robots_tag": "noai"}, ("archive", "ai"),
         "meta, header"),
        ("<meta name='robots' content='max-snippet:0'>", {}, ("snippets",), "meta"),
    ],
)  # fmt: skip
def test_reservations(head: str, headers: dict[str, Any], reserved: tuple[str, ...], origin: str) -> None:
    """TDMRep and robots directives, in page or answer; where they contradict, the reservation counts."""
    value, origins = read(head, **headers)
    assert value is not None
    assert (value.reserved, origins["rights.reserved"]) == (reserved, origin)


def test_what_is_for_one_crawler_is_not_for_all() -> None:
    """`X-Robots-Tag: googlebot: noindex` says nothing to others."""
    assert read(x_robots_tag="googlebot: noindex, noai") == (None, {})


def test_expressly_allowed() -> None:
    """TDMRep's zero is a statement as well; its policy may stand beside it."""
    value, _ = read(
        "<meta name='tdm-reservation' content='0'><meta name='tdm-policy' content='https://example.org/p.json'>"
    )
    assert value is not None
    assert (value.allowed, value.reserved, value.policy) == (("tdm",), (), "https://example.org/p.json")


def test_licence_holder_and_notice() -> None:
    """From JSON-LD first, then links, then meta tags; each with where it came from."""
    ld = """<script type="application/ld+json">{"@type": "NewsArticle", "headline": "Bridge",
      "license": {"@type": "CreativeWork", "url": "https://creativecommons.org/licenses/by/4.0/"},
      "copyrightHolder": [{"@type": "Organization", "name": "Example Media"}]}</script>"""
    value, origins = read(ld + "<meta name='copyright' content='© 2024 Example Media'>")
    assert value is not None
    assert (value.license, value.holder) == ("https://creativecommons.org/licenses/by/4.0/", "Example Media")
    assert value.notice == "© 2024 Example Media"
    assert (origins["rights.license"], origins["rights.notice"]) == ("json-ld", "meta")
    linked, _ = read(end="<footer><a rel='license nofollow' href='/licence'>CC</a></footer>")
    assert linked is not None
    assert linked.license == "https://www.example.org/licence"


def test_named_ai_crawlers() -> None:
    """Those that robots.txt keeps out altogether, however it groups and spells them."""
    text = (
        b"User-agent: GPTBot\nuser-agent: ccbot\nDisallow: /\n\nUser-Agent: ClaudeBot # no\n"
        b"Disallow: /\nAllow: /news\n\nUser-agent: PerplexityBot\nDisallow: /private\n\n"
        b"User-agent: *\nDisallow: /\n"
    )
    assert barred(text) == ("CCBot", "GPTBot")
    assert barred(b"") == barred(b"\xff\x00" * 50) == ()
    value, _ = read(agents=("CCBot", "GPTBot"))
    assert value is not None
    assert (value.reserved, value.barred_agents) == (("ai-crawlers",), ("CCBot", "GPTBot"))
    assert list(AGENTS) == sorted(AGENTS, key=str.lower)


def test_odd_values_are_left_out() -> None:
    """Objects, numbers, control characters and novels are no licence."""
    ld = """<script type="application/ld+json">{"@type": "NewsArticle", "headline": "Bridge", "license": 5,
      "copyrightHolder": {"name": {"a": 1}}, "copyrightNotice": ["x\\u0007y"]}</script>"""
    assert read(ld + f"<meta name='rights' content='{'r' * 400}'>") == (None, {})
