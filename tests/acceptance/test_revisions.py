"""Articles that change after their publication, in the whole system: an update, and a withdrawal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.system import System, system, wait_for
from tests.server import Response, TestServer


def story(of: str) -> list[str]:
    return [
        f"On day {day} the {of} left its town at dawn with {day + 40} passengers and some salt."
        for day in range(9)
    ]


def page(of: str, *sentences: str) -> Response:
    text = " ".join(sentences or story(of))
    head = f"<head><title>What became of the {of}</title></head>"
    body = f"<html>{head}<body><article><h1>What became of the {of}</h1><p>{text}</p></article></body></html>"
    return Response(body=body.encode())


def feed(server: TestServer, *paths: str) -> bytes:
    items = "".join(
        f"<item><title>Story {path}</title><link>{server.url(path)}</link></item>" for path in paths
    )
    return (
        f"<?xml version='1.0'?><rss version='2.0'><channel><title>One</title>{items}</channel></rss>".encode()
    )


def events(one: System) -> list[dict[str, Any]]:
    return one.json("tail", "--since", "start")


def kinds(one: System, path: str) -> list[str]:
    return [e["type"].split(".")[2] for e in events(one) if e["data"]["url"].endswith(path)]


@pytest.mark.timeout(120)
def test_what_changes_is_updated_and_what_goes_is_withdrawn(tmp_path: Path) -> None:
    """Its site is asked again as PALMYRA_RECHECK says; what stayed is unchanged, and the books balance."""
    with TestServer() as server, system(tmp_path, recheck="4s,9s,14s", enrichers="-keyphrases") as one:
        for path, of in (("/changes", "ferry"), ("/goes", "caravan"), ("/stays", "night train")):
            server.route(path, page(of))
        server.route(
            "/feed",
            Response(body=feed(server, "/changes", "/goes", "/stays"), content_type="application/rss+xml"),
        )
        assert one.run("feeds", "add", server.url("/feed")).returncode == 0
        wait_for(lambda: len(events(one)) == 3, 60, one.said)
        server.route("/changes", page("ferry", *story("ferry")[:8], "On the last day it sank."))
        server.route("/goes", Response(410))
        wait_for(lambda: len(events(one)) == 5, 60, one.said)
        assert kinds(one, "/changes") == ["published", "updated"]
        assert kinds(one, "/goes") == ["published", "withdrawn"]
        assert kinds(one, "/stays") == ["published"]
        updated = next(e for e in events(one) if ".updated." in e["type"])["data"]
        assert updated["change"] == {
            "kind": "substantive", "fields": ["text"],
            "added": ["On the last day it sank."], "removed": [story("ferry")[8]],
        }  # fmt: skip
        gone = next(e for e in events(one) if ".withdrawn." in e["type"])["data"]
        assert (gone["revision"], gone["text"], gone["change"]["kind"]) == (2, "", "gone")
        wait_for(lambda: one.ledger()["rechecks"] >= 3, 60, one.said)
        totals = one.settled(6, 30)
        assert totals["rechecks_published"] == 2
        assert totals["failed"] == totals["balance"] == 0
        assert "withdrew it" in one.run("why", server.url("/goes")).stdout
        assert "substantive change of text" in one.run("why", server.url("/changes")).stdout
