"""What is new, through the real poller: identity, copies across feeds, changes (docs/decisions.md)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from jobs.errors import Reason
from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.urls import link_id
from tests.ledger_steps import begin, lease
from tests.polling import XML, World, one_server, story
from tests.server import Response, TestServer
from worker.embedded import EmbeddedRedis
from worker.feeds.parser import Parser


@pytest.fixture(scope="module")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server: what differs between two is the ledger's to test."""
    with one_server() as server:
        yield server


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer, parser: Parser) -> World:
    """A world whose links may be opened again as soon as they are done."""
    one = World(redis, keys, server, parser)
    one.ledger = Ledger(redis, keys, reopen_after_s=0)
    return one


def feed(*items: str) -> Response:
    listed = "".join(f"<item>{item}</item>" for item in items)
    return Response(body=f'<rss version="2.0"><channel>{listed}</channel></rss>'.encode(), content_type=XML)


def item(n: int, *, guid: str = "", title: str = "A title", query: str = "", text: str = "") -> str:
    return (
        f"<title>{title}</title><link>https://news.test/{n}{query}</link><description>{text}</description>"
        f"<guid isPermaLink='false'>{guid}</guid><pubDate>Wed, 01 May 2024 10:00:00 GMT</pubDate>"
    )


def discovered(world: World) -> int:
    return world.ledger.totals()["discovered"]


def test_a_reused_guid_with_another_link_is_a_new_article(world: World) -> None:
    """Some publishers give the guid of yesterday's article to today's."""
    url = world.add(answer=feed(item(1, guid="top-story")))
    world.poll(url)
    world.server.route("/feed", feed(item(2, guid="top-story")))
    world.poll(url)
    assert world.links() == story(1, 2)
    assert discovered(world) == 2


def test_unstable_guids_do_not_republish(world: World) -> None:
    """A guid made anew at each request: the links are known, and nothing is handed over again."""
    url = world.add()
    for at_poll in range(4):
        world.server.route("/feed", feed(item(1, guid=f"a{at_poll}"), item(2, guid=f"b{at_poll}")))
        world.poll(url)
    assert discovered(world) == 2
    assert world.feed(url).found == 2


def test_one_article_in_two_feeds_is_one_link_that_knows_both(world: World) -> None:
    """However each feed decorates the link: tracking parameters, their order, http or https."""
    one = world.add("/one", feed(item(1, guid="x", query="?utm_source=one&amp;id=3")))
    world.poll(one)
    two = world.add("/two", feed(item(1, guid="y", query="?id=3&amp;utm_medium=rss&amp;fbclid=z#top")))
    world.poll(two)
    assert discovered(world) == 1
    known = world.ledger.story(link_id("http://news.test/1?id=3"))
    assert known is not None
    assert known.feeds == (world.feed(one).id, world.feed(two).id)


def test_tracking_that_changes_from_poll_to_poll_publishes_nothing(world: World) -> None:
    """Campaigns are renamed; the articles stay."""
    url = world.add(answer=feed(item(1, query="?utm_campaign=monday")))
    world.poll(url)
    world.server.route("/feed", feed(item(1, query="?utm_campaign=tuesday&amp;gclid=7")))
    world.poll(url)
    assert discovered(world) == 1


def test_entries_without_any_link_cost_the_others_nothing(world: World) -> None:
    """There is no page to fetch: they are left out, and `feeds check` counts them."""
    url = world.add(answer=feed("<title>No link</title><guid>17</guid>", item(1), "<title>Nor here</title>"))
    world.poll(url)
    assert world.links() == story(1)
    assert world.feed(url).failures == 0


CHANGES = {
    "title": item(1, title="Another title"),
    "content": item(1, text="Another text"),
    "updated": item(1) + "<updated>2024-05-02T10:00:00Z</updated>",
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_hands_the_link_over_again(world: World, what: str) -> None:
    """Of `updated`, title or content, once the link is done; the same document again is no change."""
    url = world.add(answer=feed(item(1)))
    world.poll(url)
    (handed,) = lease(world.ledger)
    begun = begin(world.ledger, handed)
    assert world.ledger.skip(begun.link_id, begun.attempt, Reason.NOT_FOUND, "")
    for _ in range(2):
        world.server.route("/feed", feed(CHANGES[what]))
        world.poll(url)
        assert discovered(world) == 2
    again = world.ledger.story(handed.link_id)
    assert again is not None
    assert (again.state, again.stage) == ("ready", "fetch")
    assert "its entry changed" in again.steps[-1].text


@pytest.mark.parametrize("what", ["guid", "tag", "author"])
def test_what_does_not_change_the_article_does_not_hand_it_over(world: World, what: str) -> None:
    """A guid, a tag or an author more: not worth asking the publisher for the page."""
    url = world.add(answer=feed(item(1, guid="a")))
    world.poll(url)
    (handed,) = lease(world.ledger)
    begun = begin(world.ledger, handed)
    assert world.ledger.skip(begun.link_id, begun.attempt, Reason.NOT_FOUND, "")
    changed = {
        "guid": item(1, guid="b"),
        "tag": item(1, guid="a") + "<category>New</category>",
        "author": item(1, guid="a") + "<author>Desk</author>",
    }
    world.server.route("/feed", feed(changed[what]))
    world.poll(url)
    assert discovered(world) == 1
