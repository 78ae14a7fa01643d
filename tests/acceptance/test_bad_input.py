"""Bad feeds and bad pages: each has its outcome and a plain reason, and nothing else suffers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.system import System, free_port, system, wait_for
from tests.server import Response, TestServer, redirect

TEXT = "The caravan road from the coast crossed the desert in nine days, and each day had its well. " * 12
ARTICLE = Response(body=f"<html><body><article><h1>Wells</h1><p>{TEXT}</p></article></body></html>".encode())
PAGES = {
    "good": (ARTICLE, "published", None),
    "moved": (redirect("/good-elsewhere", 301), "published", None),
    "pdf": (Response(body=b"%PDF-1.7 ...", content_type="application/pdf"), "skipped", "not_html"),
    "liar": (Response(body=b"%PDF-1.7 ..."), "skipped", "not_html"),
    "missing": (Response(status=404, body=b"no"), "failed", "not_found"),
    "gone": (Response(status=410, body=b"no"), "failed", "gone"),
    "loop": (redirect("/page/loop"), "failed", "redirect_loop"),
    "huge": (Response(body=b"<p>" + b"x" * 6 * 2**20), "failed", "too_large"),
    "menu": (
        Response(body=b"<html><body><nav><a href='/'>Home</a></nav></body></html>"),
        "skipped",
        "no_text",
    ),
    "nested": (Response(body=b"<div>" * 60_000 + b"x"), "failed", "too_complex"),
    "error": (Response(status=500, body=b"oops"), None, "server_error"),
    "empty": (Response(body=b""), None, "empty"),
    "refused": (None, None, "connect"),
    "inside": (None, "failed", "blocked_address"),
}
FEEDS = {
    "html": (Response(body=b"<!doctype html><title>News</title><p>welcome"), "not_a_feed"),
    "nothing": (Response(body=b"", content_type="application/rss+xml"), "empty"),
    "cut": (Response(body=b"<?xml version='1.0'?><rss version='2.0'><channel><item><ti"), "truncated"),
    "binary": (Response(body=bytes(range(128, 256)) * 40, content_type="application/rss+xml"), None),
    "lost": (Response(status=404, body=b"no"), "not_found"),
    "broken": (Response(status=503, body=b"busy"), "server_error"),
    "circle": (redirect("/feed/circle"), "redirect_loop"),
}


@pytest.fixture
def site() -> Iterator[TestServer]:
    with TestServer() as server:
        yield server


def rss(links: list[str]) -> bytes:
    items = "".join(f"<item><title>{n}</title><link>{link}</link></item>" for n, link in enumerate(links))
    return f"<rss version='2.0'><channel><title>T</title>{items}</channel></rss>".encode()


def addresses(site: TestServer) -> dict[str, str]:
    """Each page's URL. The unreachable ones point at a closed port and at an address of our own network."""
    urls = {name: site.url(f"/page/{name}") for name in PAGES}
    return urls | {"refused": f"http://127.0.0.1:{free_port()}/", "inside": "http://10.0.0.1:8080/"}


@pytest.mark.timeout(180)
def test_bad_input_has_its_reason_and_costs_nothing_else(tmp_path: Path, site: TestServer) -> None:
    """Every bad page and feed is explained; the good ones beside them are published as ever."""
    urls = addresses(site)
    for name, (response, _, _) in PAGES.items():
        if response:
            site.route(f"/page/{name}", response)
    site.route("/good-elsewhere", ARTICLE)
    site.route("/feed/all", Response(body=rss(list(urls.values())), content_type="application/rss+xml"))
    for name, (response, _) in FEEDS.items():
        site.route(f"/feed/{name}", response)
    latin = rss([site.url("/page/latin")]).decode().replace("<title>T<", "<title>Año<")
    site.route(
        "/feed/latin", Response(body=f"<?xml version='1.0' encoding='utf-8'?>{latin}".encode("latin-1"))
    )
    site.route("/page/latin", ARTICLE)

    with system(tmp_path) as one:
        feeds = [site.url(f"/feed/{name}") for name in ("all", "latin", *FEEDS)]
        assert one.run("feeds", "add", "--no-check", *feeds).returncode == 0
        expected = {urls[name]: (outcome, reason) for name, (_, outcome, reason) in PAGES.items()}
        expected[site.url("/page/latin")] = ("published", None)
        wait_for(lambda: told(one, expected) == expected, 60, lambda: f"{told(one, expected)}\n{one.said()}")
        wait_for(lambda: len(failing(one)) == len(FEEDS), 30, lambda: str(failing(one)))
        for name, (_, reason) in FEEDS.items():
            shown = failing(one)[site.url(f"/feed/{name}")]
            assert reason in (None, shown["reason"]), shown
            assert shown["error"]
            assert shown["next"] > shown["polled"]
        said = one.run("why", urls["pdf"]).stdout
        assert "not a web page" in said
        assert one.run("failed", "list").stdout.count("blocked_address") == 1
        totals = one.ledger()
        assert totals["balance"] == 0
        assert totals["published"] == 3
        assert one.stop() == 0


def told(
    one: System, expected: dict[str, tuple[str | None, str | None]]
) -> dict[str, tuple[str | None, str | None]]:
    """What `why` says of each link: its outcome, and the reason, also of one that is to be tried again."""
    found: dict[str, tuple[str | None, str | None]] = {}
    for url in expected:
        done = one.run("why", url, "--json")
        if done.returncode == 0:
            found[url] = reading(done.stdout, expected[url][1])
    return found


def reading(text: str, reason: str | None) -> tuple[str | None, str | None]:
    story = json.loads(text)
    if (
        story["state"] == "later"
        and reason
        and any(step["text"].startswith(reason) for step in story["steps"])
    ):
        return None, reason
    return story["outcome"], story["reason"]


def failing(one: System) -> dict[str, dict[str, Any]]:
    return {feed["url"]: feed for feed in one.json("feeds", "list") if feed["failures"]}
