"""The registered feeds: added once, found by id or URL, removed without a trace."""

from __future__ import annotations

import time
from typing import Any

import pytest
from redis import Redis

from jobs.keys import Keys
from worker.feeds.registry import Feed, Registry, feed_id

URL = "https://one.test/feed?token=abc"


@pytest.fixture
def registry(redis: Redis, keys: Keys) -> Registry:
    return Registry(redis, keys)


def test_a_feed_is_registered_due_now(registry: Registry) -> None:
    """The next poller takes it at once."""
    before_ms = int(time.time() * 1000)
    assert registry.add(URL, title="One", site_url="https://one.test/", folders="News/World")
    feed = registry.get(URL)
    assert feed is not None
    assert feed == Feed(feed_id(URL), URL, "One", "https://one.test/", "News/World", added=feed.added)
    assert before_ms <= feed.added <= int(time.time() * 1000)
    assert registry.redis.zscore(registry.keys.feeds, feed.id) == 0


def test_registering_again_changes_nothing(registry: Registry) -> None:
    """Neither its title, nor its clock, nor what its polls taught; nor does it become a demo feed."""
    registry.add(URL)
    registry.redis.hset(registry.keys.feed(feed_id(URL)), "etag", '"x"')
    registry.redis.zadd(registry.keys.feeds, {feed_id(URL): 12345})
    before = registry.get(URL)
    assert registry.add(URL, title="Another", folders="F", demo=True) is False
    assert registry.get(URL) == before
    assert registry.redis.zscore(registry.keys.feeds, feed_id(URL)) == 12345


def test_a_feed_is_found_by_id_and_by_url(registry: Registry) -> None:
    """And nothing else is taken for one, whatever is asked."""
    registry.add(URL)
    assert registry.get(feed_id(URL)) == registry.get(URL) is not None
    for unknown in ("", "x", "https://two.test/", "*", "s", "\udcff", "a" * 10_000):
        assert registry.get(unknown) is None


def test_a_feed_with_a_password_is_found_without_it(registry: Registry) -> None:
    """An operator removes it without typing the secret; another user's feed is another one."""
    registry.add("https://me:secret@one.test/feed")
    assert registry.add("https://me:other@one.test/feed") is False
    assert registry.add("https://you:secret@one.test/feed")
    found = registry.get("https://me@one.test/feed")
    assert found is not None
    assert (found.url, found.public_url) == ("https://me:secret@one.test/feed", "https://one.test/feed")
    assert registry.get("https://one.test/feed") is None


def test_removing_leaves_nothing(registry: Registry) -> None:
    """No key of the feed stays; what was removed is returned once."""
    registry.add(URL, title="One")
    registry.redis.sadd(registry.keys.listed(feed_id(URL)), "link")
    removed = registry.remove(feed_id(URL))
    assert removed is not None
    assert removed.title == "One"
    assert registry.remove(URL) is None
    assert registry.redis.keys("*") == []


def test_every_kind_of_field_comes_back(registry: Registry) -> None:
    """Numbers as numbers, bytes that are no text as what can be shown, unknown fields not at all."""
    registry.add(URL, demo=True)
    key = registry.keys.feed(feed_id(URL))
    learned: dict[Any, Any] = {
        "failures": "3",
        "etag": b'W/"\xff"',
        "newest": "1700000000000",
        "of_a_newer_version": "x",
    }
    registry.redis.hset(key, mapping=learned)
    feed = registry.get(URL)
    assert feed is not None
    assert (feed.demo, feed.failures, feed.newest, feed.etag) == (True, 3, 1_700_000_000_000, 'W/"\ufffd"')


def test_all_are_listed_by_their_next_poll_and_the_registered_by_title(registry: Registry) -> None:
    """More than a batch of them; the demo's are not registered ones; one without a hash is passed over."""
    for number in range(600):
        registry.add(f"https://host-{number}.test/", title=f"title {600 - number}")
        registry.redis.zadd(registry.keys.feeds, {feed_id(f"https://host-{number}.test/"): number})
    registry.add("https://demo.test/", title="aaa", demo=True)
    registry.redis.zadd(registry.keys.feeds, {"half-removed": 1})
    everything = list(registry.all())
    assert len(everything) == 601
    urls = [feed.url for feed in everything if not feed.demo]
    assert urls == [f"https://host-{number}.test/" for number in range(600)]
    titles = [feed.title for feed in registry.registered()]
    assert len(titles) == 600
    assert titles == sorted(titles, key=str.casefold)


def test_consumers_see_no_secrets(registry: Registry) -> None:
    """Neither a token nor a password; feeds that were removed are left out, the order is kept."""
    registry.add(URL, title="One")
    registry.add("https://u:p@two.test/feed")
    ids = (feed_id("https://u:p@two.test/feed"), "gonegonego", feed_id(URL))
    infos = registry.infos(ids)
    assert [(info.url, info.title) for info in infos] == [
        ("https://two.test/feed", None),
        ("https://one.test/feed?token=***", "One"),
    ]
