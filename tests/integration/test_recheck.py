"""Published articles are looked at again: when, in whose turn, at what cost, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from jobs.errors import Reason
from jobs.keys import FETCH, Keys
from jobs.ledger import MISSING_S, Ledger
from jobs.reopening import How
from tests.integration.link_world import LinkWorld, Story304, link_world
from tests.ledger_steps import FEED, OTHER_FEED, balance, begin, found, give_up, lease, to_article
from tests.server import Response, TestServer

HOUR_S = 3600
PLAN = (HOUR_S, 6 * HOUR_S, 24 * HOUR_S)
SENTENCES = [
    f"Caravan number {number} crossed the desert in {number + 9} days and rested at the well."
    for number in range(12)
]


def page_of(*sentences: str, headline: str = "Wells") -> bytes:
    text = " ".join(sentences or SENTENCES)
    return f"<html><body><article><h1>{headline}</h1><p>{text}</p></article></body></html>".encode()


def go_on(ledger: Ledger, seconds: float) -> None:
    """Let the ledger's clock go ahead."""
    ledger.redis.hincrby(ledger.keys.time, "offset", int(seconds * 1000))


@pytest.fixture
def ledger(redis: Redis, keys: Keys) -> Ledger:
    return Ledger(redis, keys, recheck_s=PLAN)


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer) -> Iterator[LinkWorld]:
    with link_world(redis, keys, server) as one:
        one.ledger = Ledger(redis, keys, recheck_s=PLAN, reopen_after_s=0)
        one.tasks = replace(one.tasks, ledger=one.ledger)
        yield one


@pytest.fixture
def site(server: TestServer) -> Story304:
    site = Story304(page_of())
    server.route("/story", site)
    return site


def publish(ledger: Ledger, number: int = 1, *, recheck: bool = True) -> str:
    begun = begin(ledger, to_article(ledger, number))
    told = ledger.commit(
        begun, revision=1, event_id=f"{begun.link_id}:1", event_type="t", event="{}", final_id=begun.link_id,
        digests="a:b", recheck=recheck,
    )  # fmt: skip
    assert told == ("published", None)
    return begun.link_id


def due(ledger: Ledger, link: str) -> float:
    """When the link is looked at again, in ms of the ledger's clock."""
    score: Any = ledger.redis.zscore(ledger.keys.rechecks, link)
    assert score is not None
    return float(score)


def go_on_to(ledger: Ledger, due_ms: float) -> None:
    ledger.remember("nobody")  # any script tells the time
    now = int(ledger.redis.hget(ledger.keys.time, "last") or 0)
    go_on(ledger, (due_ms - now) / 1000)


# -- when ----------------------------------------------------------------------------------------------------


def test_an_article_is_looked_at_as_planned(ledger: Ledger) -> None:
    """An hour, six and 24 hours after its publication, up to a tenth later; then no more."""
    link = publish(ledger)
    published = int(ledger.redis.hget(ledger.keys.link(link), "pub") or 0)
    for after_s in PLAN:
        at = due(ledger, link)
        assert after_s * 1000 <= at - published <= 1.1 * after_s * 1000
        go_on_to(ledger, at - 2_000)
        assert lease(ledger) == [], "not sooner"
        go_on_to(ledger, at)
        (one,) = lease(ledger)
        assert (one.link_id, one.stage) == (link, FETCH)
        assert ledger.unchanged(begin(ledger, one), "304")
    assert ledger.redis.zcard(ledger.keys.rechecks) == 0
    assert not ledger.redis.hexists(ledger.keys.link(link), "pub")
    totals = ledger.totals()
    assert (totals["rechecks"], totals.get("rechecks_published", 0)) == (3, 0)
    assert (totals["discovered"], totals["published"], totals["unchanged"]) == (4, 1, 3)
    assert balance(ledger) == 0


def test_what_came_together_is_not_asked_for_together(ledger: Ledger) -> None:
    """A first poll's fifty links come back over some minutes."""
    links = [publish(ledger, number) for number in range(1, 31)]
    times = {due(ledger, link) // 1000 for link in links}
    assert len(times) > 10
    assert max(times) - min(times) < 0.1 * HOUR_S + 60


def test_a_look_that_was_missed_is_made_up_for_once(ledger: Ledger) -> None:
    """Nothing ran for seven hours: the first two are one, the third is as planned."""
    link = publish(ledger)
    published = int(ledger.redis.hget(ledger.keys.link(link), "pub") or 0)
    go_on(ledger, 7 * HOUR_S)
    (one,) = lease(ledger)
    assert ledger.unchanged(begin(ledger, one), "304")
    assert lease(ledger) == []
    assert due(ledger, link) - published >= 24 * HOUR_S * 1000


def test_it_can_be_switched_off(redis: Redis, keys: Keys) -> None:
    """Then nothing is planned, and what was planned before is dropped."""
    publish(Ledger(redis, keys, recheck_s=PLAN), 1)
    off = Ledger(redis, keys)
    publish(off, 2)
    go_on(off, 48 * HOUR_S)
    assert lease(off) == []
    assert redis.exists(keys.rechecks) == 0


def test_a_lost_job_is_handed_out_again(redis: Redis, keys: Keys) -> None:
    """A re-check is an opening like any other: who loses its job loses nothing."""
    ledger = Ledger(redis, keys, recheck_s=PLAN, lease_s=0.02)
    link = publish(ledger)
    go_on_to(ledger, due(ledger, link))
    (first,) = lease(ledger)
    time.sleep(0.05)
    (second,) = lease(ledger)
    assert (second.link_id, second.attempt) == (link, first.attempt + 1)
    begun = begin(ledger, second)
    assert begun.redo == How.RECHECK
    assert ledger.unchanged(begun, "304")
    assert balance(ledger) == 0


def test_one_that_is_on_its_way_is_not_opened_twice(ledger: Ledger) -> None:
    """Its entry changed just then: that is a look of its own."""
    link = publish(ledger)
    at = due(ledger, link)
    ledger.reopen(link, "its entry changed", how=How.REFETCH)
    (one,) = lease(ledger)
    go_on_to(ledger, at)
    assert not any(handed.stage == FETCH and handed.attempt == one.attempt for handed in lease(ledger))
    assert due(ledger, link) > at, "the next one is planned"
    assert ledger.totals()["in_flight"] == 1


# -- in whose turn -------------------------------------------------------------------------------------------


def test_what_is_new_goes_first(ledger: Ledger) -> None:
    """As long as anything waits at a host, of whatever feed and age, nothing is looked at again there."""
    link = publish(ledger)
    go_on_to(ledger, due(ledger, link))
    ledger.discover(OTHER_FEED, [found(8, fresh_ms=1), found(9, fresh_ms=1)])
    for expected in (8, 9):
        (one,) = lease(ledger, fetch_window=1)
        assert one.link_id == found(expected).id or one.link_id == found(17 - expected).id
        give_up(ledger, one)
    go_on(ledger, 61)
    (one,) = lease(ledger)
    assert one.link_id == link


def test_a_host_is_asked_for_one_at_a_time(ledger: Ledger) -> None:
    """Its delay holds between re-checks, and other hosts need not wait for it."""
    links = [publish(ledger, number) for number in (1, 2, 3)]
    ledger.discover(FEED, [found(4, "two.test")])
    (handed,) = lease(ledger)
    assert ledger.store(begin(ledger, handed), b"page", handed.url, "fetched")
    (handed,) = lease(ledger)
    begun = begin(ledger, handed)
    ledger.commit(
        begun, revision=1, event_id=f"{begun.link_id}:1", event_type="t", event="{}",
        final_id=begun.link_id, digests="a:b", recheck=True,
    )  # fmt: skip
    go_on(ledger, 1.2 * HOUR_S)
    both = lease(ledger, host_delay_s=100)
    assert sorted(one.host for one in both) == ["one.test", "two.test"]
    for one in both:
        assert ledger.unchanged(begin(ledger, one), "304")
    assert lease(ledger, host_delay_s=100) == []
    for _ in links[1:]:
        go_on(ledger, 200)
        (one,) = lease(ledger, host_delay_s=100)
        assert one.host == "one.test"
        assert ledger.unchanged(begin(ledger, one), "304")


def test_half_of_the_window_stays_for_what_is_new(ledger: Ledger) -> None:
    """Many slow sites that are looked at again do not keep the fetch workers from the news."""
    for number in range(1, 9):
        ledger.discover(FEED, [found(number, f"host{number}.test")])
    for handed in lease(ledger):
        assert ledger.store(begin(ledger, handed), b"page", handed.url, "fetched")
    for handed in lease(ledger):
        begun = begin(ledger, handed)
        ledger.commit(
            begun, revision=1, event_id=f"{begun.link_id}:1", event_type="t", event="{}",
            final_id=begun.link_id, digests="a:b", recheck=True,
        )  # fmt: skip
    go_on(ledger, 1.2 * HOUR_S)
    assert len(lease(ledger, fetch_window=6)) == 3
    ledger.discover(OTHER_FEED, [found(20 + number, f"other{number}.test") for number in range(5)])
    assert len(lease(ledger, fetch_window=6)) == 3


def test_the_dispatcher_is_told_when_the_next_is_due(ledger: Ledger) -> None:
    """It sleeps until then, and no longer."""
    link = publish(ledger)
    at = due(ledger, link)
    handout = ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9)
    now = int(ledger.redis.hget(ledger.keys.time, "last") or 0)
    assert handout.wait_ms is not None
    assert abs(now + handout.wait_ms - at) <= 1


# -- what comes of it ----------------------------------------------------------------------------------------


def look_again(world: LinkWorld, link: str) -> list[str]:
    """Let the time of the next re-check come."""
    go_on_to(world.ledger, due(world.ledger, link))
    return world.work()


def last(world: LinkWorld) -> dict[str, Any]:
    event = world.events()[-1]
    assert (event["id"], event["subject"]) == (
        f"{event['data']['id']}:{event['data']['revision']}",
        event["data"]["id"],
    )
    return event


def test_a_page_that_did_not_change_costs_a_question(world: LinkWorld, site: Story304) -> None:
    """With the validators of the page: no body is sent, nothing is extracted."""
    link = world.find()
    world.work()
    assert look_again(world, link) == ["unchanged"]
    assert site.answers == [200, 304]
    assert world.story(link).outcome == "unchanged"


def test_a_changed_page_is_an_update_that_says_what_changed(world: LinkWorld, site: Story304) -> None:
    """The sentences that came and went, and of which kind that is."""
    link = world.find()
    world.work()
    site.change(page_of(*SENTENCES[:5], "The well ran dry on Monday.", *SENTENCES[6:]))
    assert look_again(world, link) == ["stored", "published"]
    event = last(world)
    assert event["type"] == "news.article.updated.v1"
    assert event["data"]["change"] == {
        "kind": "substantive",
        "fields": ["text"],
        "added": ["The well ran dry on Monday."],
        "removed": [SENTENCES[5]],
    }
    assert world.ledger.totals()["rechecks_published"] == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (page_of(headline="Caravans of the desert"), "headline"),
        (
            page_of(*SENTENCES, "Correction: an earlier version of this article named another well."),
            "correction",
        ),
        (page_of(SENTENCES[0].replace("desert", "dessert"), *SENTENCES[1:]), "typo"),
    ],
)
def test_an_update_says_of_which_kind_it_is(world: LinkWorld, site: Story304, body: bytes, kind: str) -> None:
    """In the words of the event's schema."""
    link = world.find()
    world.work()
    site.change(body)
    assert look_again(world, link) == ["stored", "published"]
    assert last(world)["data"]["change"]["kind"] == kind


@pytest.mark.parametrize(
    "body", [page_of(*SENTENCES[6:], *SENTENCES[:6]), page_of(*(one.upper() for one in SENTENCES))]
)
def test_noise_is_unchanged_and_is_not_compared_again(world: LinkWorld, site: Story304, body: bytes) -> None:
    """What reads the same is no revision; the page that said so is the one that is asked about then."""
    link = world.find()
    world.work()
    site.change(body)
    assert look_again(world, link) == ["stored", "unchanged"]
    assert look_again(world, link) == ["unchanged"]
    assert site.answers == [200, 200, 304]
    assert len(world.events()) == 1


def test_without_the_event_digests_decide(world: LinkWorld, site: Story304) -> None:
    """It has left the stream: that something changed is known, and in which fields."""
    link = world.find()
    world.work()
    world.redis.xtrim(world.keys.stream, maxlen=0, approximate=False)
    site.change(page_of(*SENTENCES[:5]))
    assert look_again(world, link) == ["stored", "published"]
    change = last(world)["data"]["change"]
    assert change == {"kind": "substantive", "fields": ["text"], "added": [], "removed": []}


@pytest.mark.parametrize("status", [401, 402, 403, 429, 451, 500, 503])
def test_no_other_answer_touches_a_published_article(
    world: LinkWorld, server: TestServer, site: Story304, status: int
) -> None:
    """Trouble, walls and the law: the link ends as unchanged, never as failed; and is looked at next time."""
    link = world.find()
    world.work()
    server.route("/story", Response(status=status))
    assert look_again(world, link)[-1].startswith("unchanged")
    story = world.story(link)
    assert (story.outcome, story.reason) == ("unchanged", None)
    assert str(status) in story.steps[-1].text
    assert world.redis.zcard(world.keys.dead) == 0
    server.route("/story", site)
    go_on(world.ledger, 25 * HOUR_S)
    assert world.work() == ["unchanged"]
    assert len(world.events()) == 1


def test_a_site_that_asks_for_fewer_requests_is_left_alone(
    world: LinkWorld, server: TestServer, site: Story304
) -> None:
    """For as long as it says, by all."""
    link = world.find()
    world.work()
    server.route("/story", Response(status=429, headers={"Retry-After": "600"}))
    look_again(world, link)
    server.route("/other", Response(body=page_of()))
    world.find("/other")
    assert world.work() == []
    go_on(world.ledger, 601)
    assert world.work() == ["stored", "published"]


def test_a_page_that_kills_its_worker_leaves_the_article_as_it_is(world: LinkWorld, site: Story304) -> None:
    """What is given up, by whomever, ends as unchanged: the ledger itself sees to it."""
    link = world.find()
    world.work()
    go_on_to(world.ledger, due(world.ledger, link))
    (one,) = lease(world.ledger)
    begun = begin(world.ledger, one)
    assert world.tasks.give_up(link, begun.attempt, begun.host, Reason.POISON, "three deaths")
    story = world.story(link)
    assert (story.outcome, story.reason) == ("unchanged", None)
    assert "poison" in story.steps[-1].text
    assert world.redis.zcard(world.keys.dead) == 0
    assert not list(world.redis.scan_iter("rq:job:*"))


@pytest.mark.parametrize("is_news", [False, True], ids=["archive", "news"])
def test_only_what_is_news_is_looked_at_again(world: LinkWorld, server: TestServer, is_news: bool) -> None:
    """A new feed's archive is fetched once."""
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) if is_news else "2020-01-01"
    meta = f'<meta property="article:published_time" content="{date}">'.encode()
    server.route("/story", Response(body=page_of().replace(b"<body>", b"<head>" + meta + b"</head><body>")))
    link = world.find()
    assert world.work() == ["stored", "published"]
    assert (world.redis.zscore(world.keys.rechecks, link) is not None) == is_news


def test_a_changed_entry_says_what_changed(world: LinkWorld, site: Story304) -> None:
    """The feed told of it before the clock did: the same comparison, and the clock goes on."""
    link = world.find()
    world.work()
    planned = due(world.ledger, link)
    site.change(page_of(*SENTENCES, "The last well was closed."))
    assert world.find(title="Wells, again") == link
    assert world.work() == ["stored", "published"]
    assert last(world)["data"]["change"]["added"] == ["The last well was closed."]
    assert due(world.ledger, link) == planned
    assert world.ledger.totals()["rechecks"] == 0


def test_a_revision_remembers_where_the_one_before_is(world: LinkWorld, site: Story304) -> None:
    """For the page that shows both."""
    link = world.find()
    world.work()
    first = world.redis.hget(world.keys.link(link), "entry")
    site.change(page_of(*SENTENCES[:8]))
    look_again(world, link)
    assert world.redis.hget(world.keys.link(link), "was") == first


def test_the_way_tells_of_it(world: LinkWorld, site: Story304) -> None:
    """Why it was opened, what changed, and when it is looked at next."""
    link = world.find()
    world.work()
    site.change(page_of(headline="Caravans of the desert"))
    look_again(world, link)
    story = world.story(link)
    steps = [step.text for step in story.steps]
    assert "re-check: did the site change it?" in steps
    assert f"published {link}:2; headline change of headline" in steps
    assert story.recheck_ms == due(world.ledger, link)


# -- taken down by the publisher -----------------------------------------------------------------------------


def test_a_page_that_is_gone_is_withdrawn(world: LinkWorld, server: TestServer, site: Story304) -> None:
    """410: the event says who withdrew it, the kept page goes; earlier events stay, unlike in a takedown."""
    link = world.find()
    world.work()
    server.route("/story", Response(status=410))
    before = world.ledger.totals()["published"]
    assert look_again(world, link) == ["withdrawn"]
    event = last(world)
    assert (event["id"], event["type"]) == (f"{link}:2", "news.article.withdrawn.v1")
    assert (event["data"]["text"], event["data"]["headline"]) == ("", None)
    assert event["data"]["change"] == {"kind": "gone", "fields": [], "added": [], "removed": []}
    assert event["data"]["url"].endswith("/story")
    assert len(world.events()) == 2
    story = world.story(link)
    assert (story.outcome, story.revision, story.page_kept) == ("published", 2, False)
    assert story.gone_ms is not None
    assert story.withdrawn_ms is None
    assert world.ledger.totals()["published"] == before + 1
    assert look_again(world, link) == ["unchanged"], "once is enough"
    assert len(world.events()) == 2


def test_a_site_that_blinks_withdraws_nothing(world: LinkWorld, server: TestServer, site: Story304) -> None:
    """404 once, and it is there again two hours later, or at once when its entry changes."""
    link = world.find()
    world.work()
    server.route("/story", Response(status=404))
    planned = due(world.ledger, link)
    assert look_again(world, link) == ["unchanged"]
    assert world.story(link).outcome == "unchanged"
    assert MISSING_S <= (due(world.ledger, link) - planned) / 1000 <= 1.1 * MISSING_S + 1
    server.route("/story", site)
    assert look_again(world, link) == ["stored", "unchanged"]
    server.route("/story", Response(status=404))
    assert look_again(world, link) == ["unchanged"], "missing again, for the first time"
    assert [event["type"].split(".")[2] for event in world.events()] == ["published"]


def test_a_page_that_stays_missing_is_withdrawn(world: LinkWorld, server: TestServer, site: Story304) -> None:
    """404 twice, hours apart; in between it may be asked for any number of times."""
    link = world.find()
    world.work()
    server.route("/story", Response(status=404))
    assert look_again(world, link) == ["unchanged"]
    world.ledger.reopen(link, "an operator", how=How.REFETCH)
    assert world.work() == ["unchanged"], "too soon"
    assert look_again(world, link) == ["withdrawn"]
    assert last(world)["data"]["change"]["kind"] == "gone"


def test_what_comes_back_is_published_again(world: LinkWorld, server: TestServer, site: Story304) -> None:
    """Even with the same words: its readers were told to delete it."""
    link = world.find()
    world.work()
    server.route("/story", Response(status=410))
    assert look_again(world, link) == ["withdrawn"]
    server.route("/story", site)
    assert look_again(world, link) == ["stored", "published"]
    event = last(world)
    assert (event["id"], event["type"]) == (f"{link}:3", "news.article.updated.v1")
    assert event["data"]["text"]
    assert event["data"]["change"]["fields"] == ["headline", "text"]
    assert world.story(link).gone_ms is None


def test_a_new_link_that_is_not_there_fails_as_ever(world: LinkWorld) -> None:
    """There is nothing to withdraw."""
    world.find("/missing")
    assert world.work() == ["failed: not_found"]
    assert world.events() == []


def test_the_cost_of_a_published_article(ledger: Ledger, redis: Redis) -> None:
    """Some 150 bytes, until the last look."""
    for number in range(1, 201):
        publish(ledger, number)
    clock: Any = redis.memory_usage(ledger.keys.rechecks, samples=0)
    assert clock / 200 < 150
