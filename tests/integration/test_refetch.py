"""Fetching again and extracting again: conditional requests, revisions, and what of it ends as unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis

from jobs.keys import Keys
from jobs.page import Page
from jobs.reopening import How
from jobs.validators import MAX_DATE_CHARS, MAX_ETAG_CHARS
from tests.integration.link_world import TEXT, LinkWorld, Story304, html, link_world
from tests.server import Request, Response, TestServer, redirect


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer) -> Iterator[LinkWorld]:
    with link_world(redis, keys, server) as one:
        yield one


@pytest.fixture
def site(server: TestServer) -> Story304:
    """A page that answers conditional requests."""
    site = Story304(html())
    server.route("/story", site)
    return site


def conditions(request: Request) -> dict[str, str]:
    return {k: v for k, v in request.headers.items() if k.startswith("if-")}


def test_a_refetch_asks_whether_the_page_changed(world: LinkWorld, site: Story304) -> None:
    """With the validators of the newest revision: one that did not change ends as unchanged, undownloaded."""
    link = world.find()
    assert world.work() == ["stored", "published"]
    world.ledger.reopen(link, "refetch", how=How.REFETCH)
    assert world.work() == ["unchanged"]
    assert site.answers == [200, 304]
    assert conditions(world.server.requests[0]) == {}
    assert conditions(world.server.requests[1]) == {"if-none-match": '"v1"'}
    story = world.story(link)
    assert (story.outcome, story.reason, story.page_kept) == ("unchanged", None, True)
    assert "304" in story.steps[-1].text
    assert len(world.events()) == 1


def test_a_changed_page_is_a_revision_and_is_asked_for_with_its_own_validators(
    world: LinkWorld, site: Story304
) -> None:
    """Other words are an update; then its validators count. Other markup with the same words is unchanged."""
    link = world.find()
    world.work()
    site.change(html(TEXT.replace("nine", "ten")))
    for answered, done in ((200, ["stored", "published"]), (304, ["unchanged"])):
        world.ledger.reopen(link, "refetch", how=How.REFETCH)
        assert world.work() == done
        assert site.answers[-1] == answered
    site.change(site.body + b"<!-- another advertisement -->")
    for answered, done in ((200, ["stored", "unchanged"]), (304, ["unchanged"])):
        world.ledger.reopen(link, "refetch", how=How.REFETCH)
        assert world.work() == done
        assert site.answers[-1] == answered
    assert [event["type"].split(".")[2] for event in world.events()] == ["published", "updated"]
    assert world.story(link).revision == 2


def test_an_entry_that_changed_is_fetched_conditionally(world: LinkWorld, site: Story304) -> None:
    """Feeds touch entries whose pages stay: that costs a question, no download."""
    link = world.find()
    world.work()
    assert world.find(title="Wells, again") == link
    assert world.work() == ["unchanged"]
    assert site.answers == [200, 304]
    assert world.story(link).outcome == "unchanged"


def test_the_whole_page_can_be_asked_for(world: LinkWorld, site: Story304) -> None:
    """Where a site says 304 for what did change: no conditions are sent then."""
    link = world.find()
    world.work()
    site.body = html(TEXT.replace("nine", "ten"))  # under the old ETag
    world.ledger.reopen(link, "refetch", how=How.REFETCH)
    assert world.work() == ["unchanged"]
    world.ledger.reopen(link, "refetch", how=How.AFRESH)
    assert world.work() == ["stored", "published"]
    assert site.answers == [200, 304, 200]


def test_a_page_that_brought_no_revision_leaves_no_validators(world: LinkWorld, site: Story304) -> None:
    """Nothing was published from it: when a better extraction asks again, it must get the page."""
    site.body = b"<html><body><p>Nothing.</p></body></html>"
    link = world.find()
    assert world.work() == ["stored", "skipped: no_text"]
    world.ledger.reopen(link, "refetch", how=How.REFETCH)
    assert world.work() == ["stored", "skipped: no_text"]
    assert site.answers == [200, 200]


def test_a_worse_page_does_not_become_what_is_compared_with(world: LinkWorld, site: Story304) -> None:
    """The validators stay those of what is on the stream: a site that mends its page is seen to do so."""
    link = world.find()
    world.work()
    site.change(b"<html><body><p>Nothing.</p></body></html>")
    world.ledger.reopen(link, "refetch", how=How.REFETCH)
    assert world.work() == ["stored", "skipped: no_text"]
    world.ledger.reopen(link, "refetch", how=How.REFETCH)
    assert world.work() == ["stored", "skipped: no_text"], "not 304: this page is on no stream"
    site.body, site.version = html(), 1
    world.ledger.reopen(link, "refetch", how=How.REFETCH)
    assert world.work() == ["unchanged"]


def test_validators_go_to_the_url_that_they_are_of(world: LinkWorld, site: Story304) -> None:
    """A link that redirects is asked without them, where it leads with them."""
    world.server.route("/old", redirect("/story"))
    link = world.find("/old")
    world.work()
    world.ledger.reopen(link, "refetch", how=How.REFETCH)
    assert world.work() == ["unchanged"]
    asked = [(request.path, conditions(request)) for request in world.server.requests]
    assert asked[2:] == [("/old", {}), ("/story", {"if-none-match": '"v1"'})]


def test_a_link_that_leads_elsewhere_now_is_asked_without_them(world: LinkWorld, site: Story304) -> None:
    """A date of one URL says nothing of another: it would pass for unchanged."""
    other = Story304(html(TEXT.replace("nine", "eleven")))
    world.server.route("/other", other)
    world.server.route("/old", redirect("/story"))
    link = world.find("/old")
    world.work()
    world.server.route("/old", redirect("/other"))
    world.ledger.reopen(link, "refetch", how=How.REFETCH)
    assert world.work()[0] == "stored"
    assert conditions(world.server.requests[-1]) == {}


def test_not_modified_without_having_asked_is_no_answer(world: LinkWorld, server: TestServer) -> None:
    """A broken site's 304 to an ordinary request never passes for an article."""
    server.route("/story", Response(status=304))
    world.find()
    assert world.work() == ["later: bad_response"]


def test_endless_validators_are_not_kept(world: LinkWorld, server: TestServer) -> None:
    """They would cost memory for as long as the link is remembered."""
    headers = {"ETag": '"' + "x" * MAX_ETAG_CHARS + '"', "Last-Modified": "x" * (MAX_DATE_CHARS + 1)}
    server.route("/story", Response(body=html(), headers=headers))
    link = world.find()
    world.work()
    assert world.redis.hget(world.keys.link(link), "val") is None


def test_a_refetch_keeps_what_the_feed_said(world: LinkWorld, site: Story304) -> None:
    """The feed says it once: a page that is fetched again is extracted with the same evidence."""
    link = world.find()
    world.work()
    site.change(html(TEXT.replace("nine", "ten")))
    world.ledger.reopen(link, "refetch", how=How.REFETCH)
    world.work()
    assert [event["data"]["tags"] for event in world.events()] == [["water"], ["water"]]


# -- replay --------------------------------------------------------------------------------------------------


def test_a_replay_fetches_nothing(world: LinkWorld, site: Story304) -> None:
    """The kept page is extracted again: the same words are unchanged, other words are an update."""
    link = world.find()
    world.work()
    world.ledger.reopen(link, "replay", how=How.REPLAY)
    assert world.work() == ["unchanged"]
    kept = Page.unpack(world.ledger.page(link) or b"")
    world.keep(link, replace(kept, body=html(headline="Wells of the desert")))
    world.ledger.reopen(link, "replay", how=How.REPLAY)
    assert world.work() == ["published"]
    assert site.answers == [200]
    change = world.events()[1]["data"]["change"]
    assert (change["kind"], change["fields"]) == ("replayed", ["headline"])


def test_a_replay_needs_a_page(world: LinkWorld, site: Story304) -> None:
    """Once it is gone the link stays closed as it was, and nothing is fetched in its place."""
    link = world.find()
    world.work()
    world.redis.delete(world.keys.page(link))
    (done,) = world.ledger.reopen_all([link], "replay", how=How.REPLAY)
    assert done.status.name == "NO_PAGE"
    assert world.story(link).outcome == "published"
    assert world.work() == []


def test_a_skipped_link_is_replayed(world: LinkWorld, site: Story304) -> None:
    """What an extraction found no text in, a better one may: from the page as it was."""
    site.body = b"<html><body><p>Nothing.</p></body></html>"
    link = world.find()
    world.work()
    kept = Page.unpack(world.ledger.page(link) or b"")
    world.keep(link, replace(kept, body=html()))
    world.ledger.reopen(link, "replay", how=How.REPLAY)
    assert world.work() == ["published"]
    assert site.answers == [200]


# -- order ---------------------------------------------------------------------------------------------------


def test_many_reopened_links_take_their_turn_behind_what_is_new(world: LinkWorld, site: Story304) -> None:
    """News don't wait for a refetch of a thousand old stories; one that somebody names comes first."""
    world.server.route("*", Response(body=html()))
    old = [world.find(f"/old/{number}") for number in range(3)]
    world.work()
    fresh = world.find("/fresh")
    for links, ahead, expected in ((old[:2], False, fresh), (old[2:], True, old[2])):
        list(world.ledger.reopen_all(links, "again", how=How.REFETCH, ahead=ahead))
        handout = world.ledger.lease(fetch_window=1, article_window=0, host_delay_s=0, max_pages=9)
        (lease,) = handout.leases
        assert lease.link_id == expected
        world.tasks.fetch(expected, lease.attempt)
