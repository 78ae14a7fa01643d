"""Stories on a real Redis: articles on one event, whoever brings them, are one story that says so once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from redis import Redis

from jobs.article import Article, Duplicate
from jobs.keys import Keys
from jobs.stories import view
from jobs.stories.index import Stories
from jobs.urls import domain, link_id
from tests.stories_desk import (
    DAY_MS,
    FERRY,
    GOLD,
    NOW_MS,
    QUAKE,
    Desk,
    article,
    of,
    opened_apart,
    part,
)
from worker.bench.stories_gold import Dispatch
from worker.client import subscribe_stories
from worker.stream import trim


@pytest.fixture
def desk(redis: Redis, keys: Keys) -> Desk:
    return Desk(redis, keys)


def test_one_event_is_one_story_in_all_languages(desk: Desk) -> None:
    """Its id is that of its first article, and its size counts up."""
    assert [desk.place(one) for one in QUAKE] == [(link_id(QUAKE[0].url), n) for n in (1, 2, 3)]
    other = desk.place(FERRY[0])
    assert other == (link_id(FERRY[0].url), 1)


def test_its_events_tell_the_whole_story_each_once(desk: Desk) -> None:
    """The first article alone is no event; the second opens, the third lets it grow."""
    for one in QUAKE:
        desk.place(one)
    opened, grew = desk.events()
    story = link_id(QUAKE[0].url)
    assert (opened.type.name, opened.id, opened.data.size) == ("OPENED", f"{story}:1", 2)
    assert (grew.type.name, grew.id, grew.data.size) == ("GREW", f"{story}:2", 3)
    assert grew.data.articles == tuple(link_id(one.url) for one in reversed(QUAKE))
    assert grew.data.first.headline == QUAKE[0].headline
    assert grew.data.newest.headline == QUAKE[2].headline
    assert set(grew.data.languages) == {"en", "es", "de"}
    assert set(grew.data.sources) == {domain(one.url) for one in QUAKE}
    assert any((one.text, one.count) == ("Davao", 3) for one in grew.data.entities)


def test_an_event_comes_on_the_channel_as_well(desk: Desk) -> None:
    """The live copy is the same JSON."""
    redis: Any = desk.redis  # redis-py leaves pubsub untyped
    heard = redis.pubsub()
    heard.subscribe(desk.keys.stories)
    heard.get_message(timeout=5)
    for one in QUAKE[:2]:
        desk.place(one)
    message: Any = heard.get_message(timeout=5)
    entries: Any = desk.redis.xrange(desk.keys.stories)
    assert message["data"] == entries[0][1][b"event"]
    heard.close()


def test_a_job_that_runs_again_changes_nothing(desk: Desk) -> None:
    """A retried job, or a revision, is told the same story, and nobody else hears of it."""
    for one in QUAKE:
        desk.place(one)
    before = {key: desk.redis.hgetall(key) for key in desk.redis.scan_iter(desk.keys.story("*"))}
    assert desk.place(QUAKE[1]) == (link_id(QUAKE[0].url), 3)
    assert desk.place(QUAKE[1], headline="Something else entirely") == (link_id(QUAKE[0].url), 3)
    assert {key: desk.redis.hgetall(key) for key in desk.redis.scan_iter(desk.keys.story("*"))} == before
    assert len(desk.events()) == 2


def test_many_workers_at_once_make_one_story(redis: Redis, keys: Keys) -> None:
    """Whichever article comes first opens it: none opens a second one, and every growth is told once."""
    group = of("quake-peru")
    Desk(redis, keys).know(group)
    articles = [article(one) for one in group]
    start = threading.Barrier(len(group))
    told: list[str] = []

    def work(one: Article) -> None:
        stories = Stories(redis, keys)
        start.wait()
        story = stories.story(one)
        assert story is not None
        told.append(story.id)

    threads = [threading.Thread(target=work, args=(one,)) for one in articles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(told) == len(group)
    ends = {shown.id for shown in (view.story(redis, keys, one) for one in told) if shown}
    (end,) = ends
    shown = view.story(redis, keys, end)
    assert shown is not None
    assert shown.size == len(group)
    ids = [event.id for event in Desk(redis, keys).events()]
    assert len(ids) == len(set(ids))


def test_stories_that_are_one_merge_into_the_older(desk: Desk) -> None:
    """Its id stays; under the other's one finds it, and what was in the other is told to be here now."""
    first, second, whole = opened_apart(desk)
    story, size = desk.place(whole, seen_ms=NOW_MS + 2000)
    assert (story, size) == (first, 3)
    event = desk.events()[-1]
    assert (event.data.id, event.data.size, event.data.merged) == (first, 3, (second,))
    shown = view.story(desk.redis, desk.keys, second)
    assert shown is not None
    assert (shown.id, shown.size) == (first, 3)
    assert desk.redis.zrange(desk.keys.newest_stories, 0, -1) == [first.encode()]


def test_an_article_of_a_merged_story_is_told_where_it_went(desk: Desk) -> None:
    """Its link remembers the story that it was in; what a later revision gets is the story of today."""
    first, _, whole = opened_apart(desk)
    desk.place(whole, seen_ms=NOW_MS + 2000)
    assert desk.place(part(whole, 1, 9, "b.test")) == (first, 3)


def test_a_story_without_news_closes(desk: Desk) -> None:
    """Three days later the same words are another event; what closed is still shown for a while."""
    first, _ = desk.place(QUAKE[0])
    desk.place(QUAKE[1])
    later = Dispatch("x", "again", "en", 0, "later.test", QUAKE[0].headline, QUAKE[0].text)
    assert desk.place(later, seen_ms=NOW_MS + 4 * DAY_MS) == (link_id(later.url), 1)
    desk.redis.delete(desk.keys.gist(first[:8]))
    shown = view.story(desk.redis, desk.keys, first)
    assert shown is not None
    assert shown.closed


def test_a_copy_goes_where_its_original_is(desk: Desk) -> None:
    """Its text says nothing new, so it is not weighed; without its original's story it is."""
    first, _ = desk.place(QUAKE[0])
    gist = desk.redis.hgetall(desk.keys.gist(first[:8]))
    copy = Dispatch("x", "copy", "en", 0, "copy.test", "Of the day", FERRY[0].text)
    desk.know([copy])
    duplicate = Duplicate(
        of=link_id(QUAKE[0].url), kind="exact", similarity=1, source=None, url=None, behind_s=1,
        added_words=0, cut_words=0,
    )  # fmt: skip
    story = desk.stories.story(article(copy).model_copy(update={"duplicate": duplicate}))
    assert story is not None
    assert (story.id, story.size) == (first, 2)
    now = desk.redis.hgetall(desk.keys.gist(first[:8]))
    assert {k: v for k, v in now.items() if k != b"updated"} == {
        k: v for k, v in gist.items() if k != b"updated"
    }


def test_the_same_page_under_another_address_counts_once(desk: Desk) -> None:
    """What ends as a duplicate of another link is in no story."""
    desk.place(QUAKE[0])
    again = Dispatch("x", "again", "en", 0, "alias.test", QUAKE[0].headline, QUAKE[0].text)
    desk.know([again])
    desk.redis.set(desk.keys.alias(link_id(again.url)), link_id(QUAKE[0].url), px=60_000)
    assert desk.stories.story(article(again)) is None
    assert desk.events() == []


def test_hardly_a_text_is_in_no_story(desk: Desk) -> None:
    """Nobody could tell what it is on."""
    one = Dispatch("x", "short", "en", 0, "short.test", "Live", "More soon.")
    assert desk.stories.story(article(one)) is None


def test_every_key_is_bounded(desk: Desk) -> None:
    """Whatever is written expires, but for the stream, which is trimmed as the articles' is."""
    for one in GOLD[:40]:
        desk.place(one)
    redis, keys = desk.redis, desk.keys
    families = [keys.story("*"), keys.gist("*"), keys.posts("*"), keys.rarity("*"), keys.newest_stories]
    for family in families:
        found = list(redis.scan_iter(family, count=1000))
        assert found, family
        assert all(0 < redis.pttl(key) <= 30 * DAY_MS for key in found), family
    posts = list(redis.scan_iter(keys.posts("*"), count=1000))
    assert all(len(value) <= 64 for key in posts for value in redis.hvals(key))


def test_counters_of_rarity_are_halved(desk: Desk) -> None:
    """They never overflow: what was common stays common beside the rest."""
    key = desk.keys.rarity("en")
    redis = desk.redis
    redis.bitfield(key).set("u16", "#65536", 32767).set("u16", "#7", 1001).execute()
    desk.place(QUAKE[0])
    assert redis.bitfield(key).get("u16", "#65536").get("u16", "#7").execute() == [16384, 500]
    assert redis.strlen(key) == 2 * 65537
    assert redis.pttl(key) > 0


def test_the_stream_is_trimmed_without_consumers(desk: Desk) -> None:
    """As the articles' stream: by age, but for what a group has yet to read."""
    for one in QUAKE:
        desk.place(one)
    assert trim(desk.redis, desk.keys.of_stories(), keep_days=-1) == 2  # all that is older than tomorrow
    assert desk.redis.exists(desk.keys.edge) == 0
    assert desk.redis.hexists(desk.keys.of_stories().edge, "gone")


def test_a_consumer_group_reads_stories(desk: Desk) -> None:
    """As it reads articles: each once, acknowledged when the next is asked for."""
    for one in QUAKE:
        desk.place(one)
    namespace = desk.keys.namespace
    read = list(subscribe_stories(desk.redis, group="g", namespace=namespace, since="start", follow=False))
    assert [event.data.size for event in read] == [2, 3]
    assert list(subscribe_stories(desk.redis, group="g", namespace=namespace, follow=False)) == []
