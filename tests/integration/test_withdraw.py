"""Takedown: consumers are told, nothing of the article stays, and nothing brings it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from jobs.event import Event
from jobs.keys import Keys
from jobs.reopening import How, Status
from jobs.urls import link_id
from jobs.withdrawal import LOOKED_AT, NothingKnown, Withdrawal
from tests.command import Palmyra
from tests.integration.link_world import FEED, TEXT, LinkWorld, Story304, html, link_world
from tests.ledger_steps import OTHER_FEED, balance
from tests.server import TestServer, redirect
from tests.site import serving
from worker.embedded import EmbeddedRedis

SECRET = "caravan"
"""A word of the article's text."""


@pytest.fixture
def world(redis: Redis, keys: Keys, server: TestServer) -> Iterator[LinkWorld]:
    server.route("/story", Story304(html()))
    with link_world(redis, keys, server) as one:
        yield one


@pytest.fixture
def takedown(redis: Redis, keys: Keys) -> Withdrawal:
    return Withdrawal(redis, keys, LinkWorld._infos, keep_ledger_days=90)


def everything(redis: Redis, keys: Keys) -> str:
    """All that is kept in the namespace, pages unpacked by nobody: they must be gone."""
    dump = []
    for name in redis.scan_iter(f"{keys.namespace}:*"):
        kind = redis.type(name)
        read: dict[bytes, Any] = {b"string": redis.get, b"hash": redis.hgetall, b"stream": redis.xrange}
        dump.append(f"{name!r} {read[kind](name) if kind in read else redis.sort(name, alpha=True)}")
    return "\n".join(dump)


def again(world: LinkWorld, how: How = How.AFRESH) -> list[str]:
    assert world.ledger.reopen(link_id(world.server.url("/story")), "again", how=how)
    return world.work()


def test_consumers_are_told_and_nothing_of_the_article_stays(
    world: LinkWorld, takedown: Withdrawal, redis: Redis, keys: Keys
) -> None:
    """All its revisions leave the stream, its page goes, the event names it and says nothing of it."""
    link = world.find(title=f"The {SECRET}")
    world.work()
    world.server.route("/story", Story304(html(TEXT.replace("nine", "ten"))))
    assert again(world) == ["stored", "published"]
    assert SECRET in everything(redis, keys)
    told = f"1700000000000 published {link}:1; left out 3 words that recur on its site: {SECRET}"
    redis.rpush(keys.way(link), told)
    done = takedown.withdraw(link, reason="court order")
    assert (done.event_id, done.before, done.entries, done.pages) == (f"{link}:3", False, 2, 1)
    (raw,) = world.events()
    event = Event.model_validate(raw)
    assert (event.type, event.subject) == ("news.article.withdrawn.v1", link)
    data = event.data
    assert (data.text, data.headline, data.summary, data.word_count) == ("", None, None, 0)
    assert (data.url, data.revision, data.feeds[0].id) == (world.server.url("/story"), 3, FEED)
    left = everything(redis, keys).lower()
    assert SECRET not in left
    assert "court order" in left, "the reason, in its way"
    story = world.story(link)
    assert (story.outcome, story.revision, story.page_kept) == ("published", 3, False)
    assert story.withdrawn_ms
    assert story.steps[-1].text == "withdrawn by an operator: court order"


def test_twice_is_once(world: LinkWorld, takedown: Withdrawal) -> None:
    """The second time, and after a crash in the middle, it only purges what is left."""
    link = world.find()
    world.work()
    assert takedown.withdraw(link).event_id == f"{link}:2"
    world.redis.xadd(world.keys.stream, {"id": f"{link}:1", "type": "left over", "event": TEXT})
    world.redis.set(world.keys.page("other"), "page")
    world.redis.hset(world.keys.link("other"), "of", link)
    done = takedown.withdraw(link)
    assert (done.before, done.event_id, done.entries, done.pages) == (True, None, 1, 1)
    assert [event["type"] for event in world.events()] == ["news.article.withdrawn.v1"]
    assert world.ledger.totals()["published"] == 2


def test_no_listing_brings_it_back(world: LinkWorld, takedown: Withdrawal) -> None:
    """Not by its feed, by another one, by a changed entry; nor after all memory of it has ended."""
    link = world.find()
    world.work()
    takedown.withdraw(link)
    world.find(title="Wells, corrected")
    world.find(feed=OTHER_FEED)
    assert world.work() == []
    for name in world.redis.scan_iter(f"{world.keys.known('')}*"):
        world.redis.delete(name)
    world.redis.delete(world.keys.listed(FEED))
    for title in ("Wells", "Wells, corrected"):
        world.find(title=title)
        assert world.work() == []
    assert [event["type"] for event in world.events()] == ["news.article.withdrawn.v1"]
    assert world.redis.ttl(world.keys.link(link)) == world.redis.ttl(world.keys.way(link)) == -1
    assert "withdrawn by an operator" in [step.text for step in world.story(link).steps]


def test_no_other_link_brings_it_back(world: LinkWorld, takedown: Withdrawal) -> None:
    """Who leads to the same page is a duplicate of what was withdrawn, and its page goes, too."""
    world.server.route("/short", redirect("/story"))
    world.server.route("/early", redirect("/story"))
    world.server.route("/late", redirect("/story"))
    link = world.find("/short")
    world.work()
    early = world.find("/early")
    assert world.work() == ["stored", f"duplicate of {link}"]
    assert world.story(early).page_kept
    assert takedown.withdraw(link).pages == 2
    assert not world.story(early).page_kept
    for name in world.redis.scan_iter(f"{world.keys.known('')}*"):
        world.redis.delete(name)
    late = world.find("/late")
    assert world.work() == ["stored", f"duplicate of {link}"]
    assert not world.story(late).page_kept
    world.find("/story")
    assert world.work() == [], "it is the page itself"
    assert len(world.events()) == 1


@pytest.mark.parametrize("stage", ["ready", "leased", "page"])
def test_an_open_link_ends_with_it(world: LinkWorld, takedown: Withdrawal, stage: str) -> None:
    """Wherever it stands: its job changes nothing any more, and its opening has one outcome."""
    link = world.find()
    lease = world.ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9)
    (handed,) = lease.leases
    if stage == "ready":
        world.ledger.release(link, handed.attempt, "back")
    if stage == "page":
        assert world.tasks.fetch(link, handed.attempt) == "stored"
    done = takedown.withdraw(link)
    assert (done.event_id, world.events()) == (None, []), "nobody ever saw it"
    assert world.tasks.fetch(link, handed.attempt) == "overtaken"
    assert world.work() == []
    story = world.story(link)
    assert (story.outcome, story.reason, story.page_kept) == ("skipped", "withdrawn", False)
    assert world.ledger.in_stages() == dict.fromkeys(world.ledger.in_stages(), 0)


def test_an_update_on_its_way_ends_as_the_withdrawal(world: LinkWorld, takedown: Withdrawal) -> None:
    """One opening, one outcome: what was in flight is withdrawn, not published."""
    link = world.find()
    world.work()
    world.ledger.reopen(link, "again", how=How.AFRESH)
    before = world.ledger.totals()
    takedown.withdraw(link)
    after = world.ledger.totals()
    assert (after["discovered"], after["published"]) == (before["discovered"], before["published"] + 1)
    assert balance(world.ledger) == 0


def test_a_revision_published_meanwhile_is_withdrawn_too(
    world: LinkWorld, takedown: Withdrawal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event's revision follows the newest one, whoever was faster."""
    link = world.find()
    world.work()
    made = takedown._event

    def slowly(link_id: str, story: Any, url: str, revision: int) -> dict[str, Any]:
        if revision == 2:
            world.server.route("/story", Story304(html(TEXT.replace("nine", "ten"))))
            assert again(world) == ["stored", "published"]
        return made(link_id, story, url, revision)

    monkeypatch.setattr(takedown, "_event", slowly)
    assert takedown.withdraw(link).event_id == f"{link}:3"
    assert [event["id"] for event in world.events()] == [f"{link}:3"]


def test_only_force_brings_it_back(world: LinkWorld, takedown: Withdrawal) -> None:
    """As the next revision; then it is an article like any other."""
    link = world.find()
    world.work()
    takedown.withdraw(link)
    for how in (How.REQUEUE, How.REFETCH, How.AFRESH, How.REPLAY):
        (one,) = world.ledger.reopen_all([link], "again", how=how)
        assert one.status is Status.WITHDRAWN
    assert again(world, How.LIFT) == ["stored", "published"]
    assert [event["id"] for event in world.events()] == [f"{link}:2", f"{link}:3"]
    assert world.events()[1]["data"]["text"]
    story = world.story(link)
    assert story.withdrawn_ms is None
    assert world.redis.ttl(world.keys.link(link)) > 0
    assert takedown.withdraw(link).event_id == f"{link}:4"


def test_what_was_never_seen_can_be_withdrawn(world: LinkWorld, takedown: Withdrawal) -> None:
    """Its URL is enough; an id of nothing is not."""
    url = world.server.url("/story")
    with pytest.raises(NothingKnown):
        takedown.withdraw(link_id(url))
    assert takedown.withdraw(link_id(url), url=url).event_id is None
    link = world.find()
    assert world.work() == []
    assert world.story(link).url == url


def test_an_article_whose_record_ended_is_withdrawn_from_the_stream(
    world: LinkWorld, takedown: Withdrawal
) -> None:
    """Where a slow consumer keeps it: the memory knows its revision."""
    link = world.find()
    world.work()
    world.redis.delete(world.keys.link(link), world.keys.way(link))
    done = takedown.withdraw(link, url=world.server.url("/story"))
    assert (done.event_id, done.entries) == (f"{link}:2", 1)
    assert world.events()[0]["data"]["url"] == world.server.url("/story")


def test_a_long_stream_is_purged_in_steps(redis: Redis, keys: Keys, takedown: Withdrawal) -> None:
    """However many entries there are, and only of that article."""
    link, other = "a" * 16, "b" * 16
    for number in range(2 * LOOKED_AT + 1):
        owner = link if number % LOOKED_AT == 0 else other
        redis.xadd(keys.stream, {"id": f"{owner}:{number + 1}", "type": "t", "event": "{}"})
    assert takedown.withdraw(link, url="https://one.test/1").entries == 3
    assert redis.xlen(keys.stream) == 2 * LOOKED_AT - 2


def test_a_dead_link_leaves_the_dead_letter(world: LinkWorld, takedown: Withdrawal) -> None:
    """And tells which failed job is to go with it."""
    dead = world.find("/missing")
    assert world.work() == ["failed: not_found"]
    assert takedown.withdraw(dead).dead_job == world.keys.dead_job(dead, 1)
    assert world.redis.zcard(world.keys.dead) == 0
    assert balance(world.ledger) == 0


def test_the_web_shows_it_no_more(world: LinkWorld, takedown: Withdrawal) -> None:
    """Neither in the list nor on its page; open pages are told."""
    link = world.find()
    world.work()
    with serving(world.redis, world.keys) as web:
        assert "Wells" in web.get("/").text
        assert web.get(f"/article/{link}").status == 200
        with web.stream() as stream:
            takedown.withdraw(link)
            (sent,) = stream.articles(1)
        assert (sent.data["kind"], sent.data["id"], sent.data["summary"]) == ("withdrawn", link, "")
        assert "Wells" not in web.get("/").text
        gone = web.get(f"/article/{link}")
        assert (gone.status, SECRET in gone.text) == (410, False)
        assert "withdrawn" in gone.text


def test_the_command(redis: Redis, redis_server: EmbeddedRedis, tmp_path: Any) -> None:
    """It says what it did, `why` keeps it, `refetch` refuses, and the dead job leaves the dashboard."""
    palmyra = Palmyra(redis, redis_server.url, tmp_path)
    dead = palmyra.fail(1)
    assert "never will be" in palmyra.run("withdraw", "https://news.test/1", "--reason", "\x1b[2Jlaw").stdout
    assert redis.keys("rq:job:*") == []
    assert "withdrawn before" in palmyra.run("withdraw", dead, "--yes").stdout
    why = palmyra.run("why", dead).stdout
    assert "withdrawn by an operator: " in why
    assert "\x1b" not in why
    refused = palmyra.run("refetch", dead, code=1).stderr
    assert "--force" in refused
    assert palmyra.ledger.totals()["in_flight"] == 0
    palmyra.run("refetch", dead, "--force")
    assert palmyra.ledger.totals()["in_flight"] == 1
    assert "Give its URL" in palmyra.run("withdraw", "a" * 16, code=1).stderr
    (told,) = palmyra.json("withdraw", dead)
    assert told == {"link_id": dead, "event_id": None, "before": False, "entries": 0, "pages": 0}
