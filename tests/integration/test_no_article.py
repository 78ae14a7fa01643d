"""A link to what is no article: fetched, skipped with its reason, told by `palmyra why`, never published."""

# ruff: noqa: E501 - pages are easier to read in one piece each

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from jobs.keys import Keys
from tests.integration.link_world import LinkWorld, link_world
from tests.server import Response, TestServer

TEASERS = "".join(
    f"<h3><a href='/2026/{n}'>The council votes on part {n} of its plan</a></h3><p>What was said of it, what it "
    f"costs the town, and why the mayor of the town is not yet content with it after all this time.</p>"
    for n in range(20)
)
HEAD = '<script type="application/ld+json">{{"@type": "{}"}}</script>'
PAGES = {
    "listing_page": f"<html><head>{HEAD.format('CollectionPage')}</head><body><h1>Politics</h1>{TEASERS}</body></html>",
    "media_page": f"<html><head>{HEAD.format('VideoObject')}</head><body><h1>The vote</h1><p>The vote on the "
    "bridge, from beginning to end, as the town's own camera saw it.</p></body></html>",
    "soft_not_found": "<html><head><title>Page not found</title></head><body><h1>Page not found</h1></body></html>",
}


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer) -> Iterator[LinkWorld]:
    with link_world(redis, keys, server) as one:
        yield one


@pytest.mark.parametrize("reason", PAGES)
def test_no_article(world: LinkWorld, server: TestServer, reason: str) -> None:
    """It ends as skipped, with the word and what it means on its way; nothing is on the stream."""
    body = PAGES[reason].encode()
    server.route("/story", lambda _: Response(body=body, headers={"Content-Type": "text/html"}))
    link = world.find()
    assert world.work() == ["stored", f"skipped: {reason}"]
    story = world.story(link)
    assert (story.outcome, story.reason) == ("skipped", reason)
    assert reason in story.steps[-1].text
    assert world.events() == []
