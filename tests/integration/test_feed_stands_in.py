"""A link whose page can't be had is published from its feed, where that carried the whole article: once."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from jobs.entry import Entry
from jobs.errors import Outcome, Permanent, Reason, Retry, Skip
from jobs.feed_content import PATIENT_TRIES
from jobs.fetch import Moved
from jobs.keys import Keys
from jobs.page import Page
from jobs.reopening import How
from jobs.retries import LONG_STEPS_S
from tests.integration.test_tasks import BODY, FEED, LINK, URL, World, page

WELLS = [
    f"The caravan came to well number {n} after a day's ride, and its water was sweet." for n in range(1, 10)
]
CONTENT = "".join(f"<p>{well}</p>" for well in WELLS)
WHOLE = Entry(URL, title="Wells of the desert", summary="Nine wells.", content=CONTENT)
TEASER = Entry(URL, title="Wells of the desert", content=CONTENT[:-4] + " …</p>")


@pytest.fixture
def world(redis: Redis, keys: Keys) -> World:
    return World(redis, keys, entry=WHOLE)


def steps(world: World) -> str:
    return "\n".join(step.text for step in world.story().steps)


def is_published_from_feed(world: World, events: int = 1) -> None:
    """One event more, from the feed, and an article that says so."""
    assert world.article() == "published"
    data = world.events()[-1]["data"]
    assert len(world.events()) == events
    assert data["text"] == "\n\n".join(WELLS)
    assert data["provenance"]["text"] == "feed"
    assert "from_feed" in data["quality"]["issues"]
    assert data["timings"]["fetch_ms"] is None
    assert world.story().outcome == "published"
    assert "from the feed's own content" in steps(world).splitlines()[-1]


@pytest.mark.parametrize(
    "outcome",
    [
        Permanent(Reason.FORBIDDEN, "one.test: status 403"),
        Permanent(Reason.LOGIN_WALL, "one.test: status 401"),
        Permanent(Reason.PAYWALL, "one.test: status 402"),
        Permanent(Reason.TOO_LARGE, "one.test"),
        Retry(Reason.BOT_CHALLENGE, "one.test: status 403, a challenge by Cloudflare"),
        Skip(Reason.ROBOTS, "one.test"),
    ],
    ids=lambda outcome: outcome.reason,
)
def test_a_refused_link_is_published_from_its_feed(world: World, outcome: Outcome) -> None:
    """At once. Its way says why there is no page, and where the article came from."""
    outcome.trip = "512 bytes in 12 ms from 192.0.2.7"
    assert world.fetch(outcome) == f"from feed: {outcome.reason}"
    is_published_from_feed(world)
    told = (
        f"{outcome.reason} ({outcome.detail}; {outcome.trip}): the feed's own content stands in for the page"
    )
    assert told in steps(world)
    assert list(world.ledger.dead()) == []


def test_trouble_is_waited_out_for_a_while(world: World) -> None:
    """The site may be well again in minutes, and has the better article."""
    for _ in range(PATIENT_TRIES - 1):
        assert world.fetch(Retry(Reason.SERVER_ERROR, "one.test")) == "later: server_error"
    assert world.fetch(Retry(Reason.SERVER_ERROR, "one.test")) == "from feed: server_error"
    is_published_from_feed(world)


@pytest.mark.parametrize("reason", [Reason.NOT_FOUND, Reason.GONE, Reason.LEGAL_REASONS])
def test_what_was_taken_down_is_not_published(world: World, reason: Reason) -> None:
    """Whatever the feed carried."""
    assert world.fetch(Permanent(reason, "one.test")) == f"failed: {reason}"
    assert world.events() == []


def test_a_teaser_does_not_stand_in(redis: Redis, keys: Keys) -> None:
    """The link ends as it would without; requeued, it gets its page."""
    world = World(redis, keys, entry=TEASER)
    assert world.fetch(Permanent(Reason.FORBIDDEN, "one.test: status 403")) == "failed: forbidden"
    assert [story.link_id for story in world.ledger.dead()] == [LINK]
    world.ledger.reopen(LINK, "requeued")
    assert world.fetch(page()) == "stored"
    assert world.article() == "published"
    assert world.events()[0]["data"]["provenance"]["text"] == "html"


def test_a_challenge_is_met_again_rarely(redis: Redis, keys: Keys) -> None:
    """Without a feed that stands in: after an hour, six and eighteen, then the dead letter."""
    world = World(redis, keys, entry=TEASER)
    for step_s in LONG_STEPS_S:
        assert world.fetch(Retry(Reason.BOT_CHALLENGE, "one.test")) == "later: bot_challenge"
        assert step_s - 5 < (world.story().due_ms or 0) / 1000 - time.time() <= step_s * 1.2
    assert world.fetch(Retry(Reason.BOT_CHALLENGE, "one.test")) == "failed: bot_challenge"


def test_a_page_that_is_only_a_teaser_is_filled_from_the_feed(world: World) -> None:
    """It was fetched, so the article is the page's but for its text."""
    body = f"<html><body><article><h1>Wells</h1><p>{WELLS[0]}</p><p>{WELLS[1]}</p></article></body></html>"
    assert world.fetch(page(body=body.encode())) == "stored"
    assert world.article() == "published"
    data = world.events()[0]["data"]
    assert (data["text"], data["provenance"]["text"]) == ("\n\n".join(WELLS), "feed")
    assert data["timings"]["fetch_ms"] == 12
    assert "published " in steps(world).splitlines()[-1]
    assert "from the feed's own content" in steps(world).splitlines()[-1]


def test_a_page_that_needs_a_script_is_replaced_by_the_feed(world: World) -> None:
    """There is a page, but no text on it."""
    assert world.fetch(page(body=b"<html><body><div id='root'></div></body></html>")) == "stored"
    assert world.article() == "published"
    assert world.events()[0]["data"]["provenance"]["text"] == "feed"


def test_a_redirect_to_a_wall_is_no_page(world: World) -> None:
    """Where the redirects end tells it, even when that answers with 200; the article keeps its address."""
    got = page("https://consent.one.test/collect?to=story")
    assert world.fetch(got) == "from feed: consent_wall"
    is_published_from_feed(world)
    assert world.events()[0]["data"]["url"] == URL


def test_a_wall_at_another_domain_is_found_too(redis: Redis, keys: Keys) -> None:
    """The redirect led through the ledger: it is the link's own URL that counts."""
    world = World(redis, keys, entry=TEASER)
    assert world.fetch(Moved("https://login.two.test/?to=story", (URL,), 7, "192.0.2.7")) == "moved"
    assert f"moved to two.test: 7 ms from 192.0.2.7, by way of {URL}" in steps(world)
    assert world.fetch(page("https://login.two.test/?to=story")) == "failed: login_wall"


def test_refetching_finds_nothing_new(world: World) -> None:
    """Refused again, the feed's content still stands; once the page can be had, it is an update."""
    world.fetch(Permanent(Reason.FORBIDDEN, "one.test"))
    is_published_from_feed(world)
    world.ledger.reopen(LINK, "refetch", how=How.REFETCH)
    assert world.fetch(Permanent(Reason.FORBIDDEN, "one.test")) == "from feed: forbidden"
    assert world.article() == "unchanged"
    world.ledger.reopen(LINK, "refetch", how=How.REFETCH)
    assert world.fetch(page(body=BODY)) == "stored"
    assert world.article() == "published"
    assert [event["type"].split(".")[2] for event in world.events()] == ["published", "updated"]
    world.story()  # balances


def test_a_refetch_of_a_page_does_not_fall_back(world: World) -> None:
    """What was published from its page is not replaced by what the feed said when it was new."""
    world.fetch(page(body=BODY))
    assert world.article() == "published"
    world.ledger.reopen(LINK, "refetch", how=How.REFETCH)
    assert world.fetch(Permanent(Reason.FORBIDDEN, "one.test")) == "failed: forbidden"
    assert Page.unpack(world.ledger.page(LINK) or b"").body == BODY


def test_an_overtaken_attempt_changes_nothing(redis: Redis, keys: Keys) -> None:
    """Another attempt has the link: this one's feed content is not stored."""
    world = World(redis, keys, lease_s=0.02, entry=WHOLE)
    first = world.lease()
    time.sleep(0.03)
    assert world.lease().attempt == first.attempt + 1

    def refuse(url: str, validators: object = None) -> Page:
        raise Permanent(Reason.FORBIDDEN, "one.test")

    assert world.tasks(refuse).fetch(LINK, first.attempt) == "overtaken"
    assert not world.story().page_kept


def test_failures_tell_the_whole_attempt(redis: Redis, keys: Keys) -> None:
    """What was answered, how long it took, by whom and by which way: put off, skipped or failed."""
    world = World(redis, keys, entry=TEASER)
    trip = f"512 bytes in 12 ms from 192.0.2.7, by way of {URL}"
    for outcome, came in (
        (Retry(Reason.SERVER_ERROR, "one.test: status 503"), "later: server_error"),
        (Skip(Reason.NOT_HTML, "one.test: status 200, a picture"), "skipped: not_html"),
    ):
        outcome.trip = trip
        assert world.fetch(outcome) == came
        assert f"({outcome.detail}; {trip})" in steps(world).splitlines()[-1]
    assert FEED in steps(world)
