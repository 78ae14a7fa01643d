"""Stories as people and consumers see them: pages, the terminal, the articles' events; and takedowns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.enrich.loading import load
from jobs.keys import Keys
from jobs.page import Page
from jobs.stories import view
from jobs.tasks import Tasks
from jobs.urls import domain, link_id
from jobs.withdrawal import Withdrawal
from tests.command import Palmyra
from tests.site import serving
from tests.stories_desk import (
    NOW_MS,
    QUAKE,
    Desk,
    article,
    opened_apart,
)
from worker.bench.stories_gold import Dispatch
from worker.dead_job import dead_job_maker
from worker.embedded import EmbeddedRedis


@pytest.fixture
def desk(redis: Redis, keys: Keys) -> Desk:
    return Desk(redis, keys)


def publish(desk: Desk, one: Dispatch) -> None:
    """Place an article and put its event on the stream, as the article stage does."""
    from jobs.event import encode, envelope

    desk.know([one])
    placed = article(one)
    story = desk.stories.story(placed)
    event = envelope(
        placed.model_copy(update={"story": story}),
        kind="published",
        namespace=desk.keys.namespace,
        time_ms=NOW_MS,
    )
    entry: Any = desk.redis.xadd(
        desk.keys.stream, {"id": event["id"], "type": event["type"], "event": encode(event)}
    )
    desk.redis.hset(desk.keys.link(placed.id), "entry", entry)


HOSTILE = '<script>alert("x")</script> & quake \x1b[31m'


def test_the_newsroom_shows_stories(desk: Desk) -> None:
    """All of them on one page, each on its own; what others wrote is never markup."""
    publish(desk, QUAKE[0])
    publish(desk, Dispatch("x", "evil", "es", 0, "evil.test", HOSTILE + QUAKE[1].headline, QUAKE[1].text))
    story = link_id(QUAKE[0].url)
    with serving(desk.redis, desk.keys) as web:
        every, own = web.get("/stories"), web.get(f"/story/{story}")
        first = web.get(f"/article/{story}")
        unknown, odd = web.get(f"/story/{'a' * 16}"), web.get("/story/x")
    assert f"/story/{story}" in every.text
    assert "2 articles" in every.text
    assert QUAKE[0].headline in own.text
    assert f"/article/{story}" in own.text
    assert f"/story/{story}" in first.text
    assert (unknown.status, odd.status) == (404, 404)
    for page in every, own, first:
        assert page.status == 200
        assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in own.text


def test_a_merged_storys_page_leads_to_where_it_went(desk: Desk) -> None:
    """Links to it stay good."""
    first, second, whole = opened_apart(desk)
    desk.place(whole, seen_ms=NOW_MS + 2000)
    with serving(desk.redis, desk.keys) as web:
        answer = web.get(f"/story/{second}")
    assert answer.status == 302
    assert answer.headers["Location"].endswith(f"/story/{first}")


def test_hostile_text_stays_json(desk: Desk) -> None:
    """Quotes, controls and line separators come back as they were, and never raw."""
    odd = 'Quake "7,1"\\ \u2028 \x9b \x00 </script> in Mindanao'
    desk.place(QUAKE[0])
    desk.place(QUAKE[1], headline=odd)
    entries: Any = desk.redis.xrange(desk.keys.stories)
    raw = entries[0][1][b"event"].decode()
    assert json.loads(raw)["data"]["newest"]["headline"] == odd
    assert raw.isprintable()


def test_a_takedown_leaves_nothing_in_its_story(desk: Desk) -> None:
    """Neither the story nor the stream of stories says what the article was; the rest of the story stays."""
    for one in QUAKE:
        desk.place(one)
    taken, story = link_id(QUAKE[2].url), link_id(QUAKE[0].url)
    takedown = Withdrawal(desk.redis, desk.keys, lambda ids: [], keep_ledger_days=1)
    for _ in range(2):
        takedown.withdraw(taken)
        shown = view.story(desk.redis, desk.keys, story)
        assert shown is not None
        assert (shown.size, shown.newest.headline) == (2, None)
        assert taken not in shown.articles
        assert shown.first.headline == QUAKE[0].headline
        assert desk.events() == []
    desk.place(Dispatch("x", "next", "en", 0, "next.test", QUAKE[0].headline, QUAKE[0].text))
    (event,) = desk.events()
    assert (event.data.size, event.data.first.headline) == (3, QUAKE[0].headline)


def test_a_takedown_of_its_only_article_ends_a_story(desk: Desk) -> None:
    """There is nothing left to tell of it."""
    desk.place(QUAKE[0])
    Withdrawal(desk.redis, desk.keys, lambda ids: [], keep_ledger_days=1).withdraw(link_id(QUAKE[0].url))
    assert view.story(desk.redis, desk.keys, link_id(QUAKE[0].url)) is None


def test_the_article_says_its_story(desk: Desk) -> None:
    """The event of an article that was fetched and extracted has the story's id and its size."""
    for one in QUAKE:
        take_whole_way(desk, one)
    entries: Any = desk.redis.xrange(desk.keys.stream)
    datas = [json.loads(fields[b"event"])["data"] for _, fields in entries]
    story = link_id(QUAKE[0].url)
    assert [data["story"] for data in datas] == [{"id": story, "size": size} for size in (1, 2, 3)]
    shown = view.story(desk.redis, desk.keys, story)
    assert shown is not None
    assert shown.articles == tuple(link_id(one.url) for one in reversed(QUAKE))


def take_whole_way(desk: Desk, one: Dispatch) -> None:
    """From the link to the event."""
    desk.know([one])
    text = f"<article><h1>{one.headline}</h1><p>{one.text}</p></article>"
    body = f"<html lang={one.language}><body>{text}</body></html>"
    page = Page(one.url, one.url, 200, body.encode(), "text/html; charset=utf-8", NOW_MS)
    tasks = Tasks(
        desk.ledger,
        lambda asked, validators=None: page,
        lambda ids: [],
        dead_job_maker(desk.redis, desk.keys),
        "w1",
        enrichers=load,
        stories=desk.stories,
    )
    desk.redis.delete(desk.keys.slot(domain(one.url)))
    for job in (tasks.fetch, tasks.article):
        handout = desk.ledger.lease(fetch_window=9, article_window=9, host_delay_s=0, max_pages=9)
        (lease,) = handout.leases
        job(lease.link_id, lease.attempt)


def test_languages_that_we_know_no_words_of_share_their_counters(desk: Desk) -> None:
    """Pages that claim a thousand languages fill no memory; the story says which it was."""
    for number, code in enumerate(("xx", "yy", "xx")):
        text = f"{QUAKE[0].text} {code}"
        one = Dispatch("x", code, code, number, f"{code}.test", QUAKE[0].headline, text)
        desk.place(one)
    kept = {key.decode() for key in desk.redis.scan_iter(desk.keys.rarity("*"))}
    assert kept == {desk.keys.rarity("?"), desk.keys.rarity("names")}
    assert [event.data.languages for event in desk.events()] == [("xx",)]


def test_hostile_lengths_are_cut(desk: Desk) -> None:
    """Nothing in a story is as long as a page would have it."""
    desk.place(QUAKE[0])
    desk.know([QUAKE[1]])
    long = article(QUAKE[1], headline="Mindanao " * 9000).model_copy(
        update={"url": f"https://x.test/{'a' * 9000}"}
    )
    desk.stories.story(long)
    (event,) = desk.events()
    assert len(event.data.newest.headline or "") <= 300
    assert event.data.newest.url is None


def test_tail_shows_stories(redis: Redis, redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """As lines for people, where nothing of others acts on the terminal, or as JSON."""
    palmyra = Palmyra(redis, redis_server.url, tmp_path)
    desk = Desk(redis, palmyra.keys)
    desk.place(QUAKE[0])
    desk.place(QUAKE[1], headline=HOSTILE + QUAKE[1].headline)
    shown, raw = palmyra.each(("tail", "--stories"), ("tail", "--stories", "--json"))
    assert "opened" in shown.stdout
    assert "2 articles, 2 sources, en es" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert json.loads(raw.stdout)["data"]["size"] == 2
    palmyra.run("tail", "--stories", "--group", "g", code=2)
