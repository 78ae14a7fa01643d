"""A site that refuses robots, in the whole system: what its feed carries is published, and all is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.link import OUTCOMES
from tests.acceptance.system import System, system, wait_for
from tests.server import Response, TestServer, redirect
from tests.unit.walls.pages import CHALLENGES, WORDS, article, page

STORY = [
    f"On day {day} the ferry left the harbour at dawn with forty passengers and some salt."
    for day in range(9)
]
WHOLE = "".join(f"<p>{text}</p>" for text in STORY)
TEASER = f"<p>{STORY[0]} …</p>"


def feed(server: TestServer, items: dict[str, str]) -> bytes:
    """An RSS feed with the content of each path."""
    entries = "".join(
        f"<item><title>Story {path}</title><link>{server.url(path)}</link><guid>{path}</guid>"
        f"<content:encoded><![CDATA[{content}]]></content:encoded></item>"
        for path, content in items.items()
    )
    head = "<rss version='2.0' xmlns:content='http://purl.org/rss/1.0/modules/content/'><channel><title>One</title>"
    return f"<?xml version='1.0'?>{head}{entries}</channel></rss>".encode()


def ended(one: System) -> int:
    """How many links have their outcome."""
    totals = one.ledger()
    return sum(totals[outcome] for outcome in OUTCOMES)


@pytest.mark.timeout(120)
def test_a_site_that_refuses_robots(tmp_path: Path) -> None:
    """Whole entries are published from the feed, teasers fail or wait, error pages are skipped."""
    _, _, challenge = CHALLENGES["Cloudflare"]
    with TestServer() as server, system(tmp_path) as one:
        answers = {
            "/open": Response(body=article("Open")),
            "/challenged": Response(403, challenge, {"cf-mitigated": "challenge"}),
            "/forbidden": redirect("/forbidden/here"),
            "/forbidden/here": Response(403, page("403 Forbidden", "<h1>403</h1>")),
            "/teased": Response(403, b"no"),
            "/waiting": Response(403, challenge, {"cf-mitigated": "challenge"}),
            "/missing": Response(body=page("Page not found | One", "<h1>Page not found</h1>")),
            "/login-first": redirect("/login?next=/login-first"),
            "/login": Response(body=page("Log in", f"<p>{WORDS * 5}</p>")),
            "/gone": Response(410),
        }
        whole = dict.fromkeys(
            ("/open", "/challenged", "/forbidden", "/missing", "/login-first", "/gone"), WHOLE
        )
        for path, answer in answers.items():
            server.route(path, answer)
        items = whole | {"/teased": TEASER, "/waiting": TEASER}
        server.route("/feed.xml", Response(body=feed(server, items), content_type="application/rss+xml"))
        assert one.run("feeds", "add", server.url("/feed.xml")).returncode == 0
        wait_for(lambda: ended(one) == len(items) - 1, 60, lambda: f"{one.ledger()}\n{one.said()}")
        totals = one.ledger()
        assert (totals["in_flight"], totals["later"]) == (1, 1)
        assert totals["discovered"] == len(items) == sum(totals[o] for o in OUTCOMES) + totals["in_flight"]
        told = {
            name: totals.get(name) for name in ("failed:forbidden", "failed:gone", "skipped:soft_not_found")
        }
        assert set(told.values()) == {1}
        events = {
            event["data"]["urls"]["found"]: event["data"] for event in one.json("tail", "--since", "start")
        }
        assert set(events) == {server.url(p) for p in ("/open", "/challenged", "/forbidden", "/login-first")}
        assert events[server.url("/open")]["provenance"]["text"] == "html"
        for path in ("/challenged", "/forbidden", "/login-first"):
            data = events[server.url(path)]
            assert (data["text"], data["provenance"]["text"]) == ("\n\n".join(STORY), "feed")
            assert "from_feed" in data["quality"]["issues"]
        way = one.run("why", server.url("/forbidden")).stdout
        assert "the feed's own content stands in for the page" in way
        assert "status 403" in way
        assert f"ms from 127.0.0.1, by way of {server.url('/forbidden')}" in way
        assert json.loads(one.run("why", server.url("/waiting"), "--json").stdout)["state"] == "later"
        assert "a challenge by Cloudflare" in one.run("why", server.url("/waiting")).stdout
