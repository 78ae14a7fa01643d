"""The memory of links: what a feed lists is never new again, however long ago its record ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.urls import link_id
from tests.ledger_steps import FEED, OTHER_FEED, begin, commit, found, lease, to_article


@pytest.fixture
def ledger(redis: Redis, keys: Keys) -> Ledger:
    """A ledger that keeps records for ninety days."""
    return Ledger(redis, keys, keep_ledger_days=90)


def later(ledger: Ledger, days: int) -> None:
    """What is remembered was seen so many days earlier than it was."""
    for key in hashes(ledger, "known:*"):
        for link, value in raw(ledger, key):
            # Days count in hundreds, beside the revision; the mark of the last pruning is a plain day.
            ledger.redis.hset(key, link, int(value) - (days if link == b"~" else days * 100))
    for key in hashes(ledger, "feed:*"):
        ledger.redis.hincrby(key, "sighted", -days)


def hashes(ledger: Ledger, pattern: str) -> Iterator[Any]:
    return ledger.redis.scan_iter(f"{ledger.keys.namespace}:{pattern}")


def raw(ledger: Ledger, key: Any) -> list[tuple[bytes, bytes]]:
    values: Any = ledger.redis.hgetall(key)
    return list(values.items())


def record_ends(ledger: Ledger, number: int = 1) -> None:
    """The link's record expires, as it does KEEP_LEDGER after its close."""
    link = found(number).id
    assert 89 * 86_400_000 < ledger.redis.pttl(ledger.keys.link(link)) <= 90 * 86_400_000
    ledger.redis.delete(ledger.keys.link(link), ledger.keys.way(link))


def published(ledger: Ledger) -> None:
    assert commit(ledger, begin(ledger, to_article(ledger))) == ("published", None)


@pytest.mark.parametrize("how", ["unchanged", "listed again"])
def test_an_entry_still_listed_never_expires_from_memory(ledger: Ledger, how: str) -> None:
    """Polled unchanged or not: an old entry is not new again, in its feed or another, years later."""
    published(ledger)
    record_ends(ledger)
    ledger.redis.hset(ledger.keys.feed(FEED), "url", "https://one.test/feed")
    for _ in range(5):
        later(ledger, 80)
        if how == "unchanged":
            ledger.remember(FEED)
        else:
            assert ledger.discover(FEED, [found(1)]) == (0, 0)
    assert ledger.discover(FEED, [found(1)]) == (0, 0)
    assert ledger.discover(OTHER_FEED, [found(1)]) == (0, 0)
    assert ledger.totals()["discovered"] == 1


def test_an_unchanged_feed_is_gone_through_once_a_day(ledger: Ledger) -> None:
    """A 304 costs next to nothing: what is listed was seen today."""
    published(ledger)
    ledger.redis.hset(ledger.keys.feed(FEED), "url", "https://one.test/feed")
    ledger.remember(FEED)
    before = commands(ledger)
    ledger.remember(FEED)
    assert commands(ledger) - before < 10


def commands(ledger: Ledger) -> int:
    """Commands that the server has run, those of scripts included."""
    stats: Any = ledger.redis.info("commandstats")
    return sum(stat["calls"] for stat in stats.values())


def test_what_nobody_lists_is_forgotten(ledger: Ledger, redis: Redis) -> None:
    """Nothing grows for ever: past KEEP_LEDGER it makes room, and would be new."""
    published(ledger)
    ledger.discover(FEED, [])
    record_ends(ledger)
    later(ledger, 92)
    ledger.discover(FEED, [found(2)])  # shares the memory's hash with the first, which is pruned then
    (key,) = hashes(ledger, "known:*")
    assert {link for link, _ in raw(ledger, key)} == {found(2).id[2:].encode(), b"~"}
    assert 90 * 86_400_000 < redis.pttl(key) <= 91 * 86_400_000
    assert ledger.discover(FEED, [found(1), found(2)]).new == 1


def test_a_changed_entry_whose_record_ended_is_the_next_revision(ledger: Ledger) -> None:
    """Its revisions are remembered, so no event id comes twice."""
    published(ledger)
    record_ends(ledger)
    later(ledger, 80)
    link = replace(found(1), entry=replace(found(1).entry, title="Corrected"))
    assert ledger.discover(FEED, [link]) == (0, 1)
    (handed,) = lease(ledger)
    begun = begin(ledger, handed)
    assert (begun.revision, begun.url, begun.entry) == (1, link.url, link.entry)
    assert ledger.store(begun, b"page", link.url, "fetched")
    assert commit(ledger, begin(ledger, lease(ledger)[0]), revision=2) == ("published", None)
    assert [event[b"id"] for _, event in stream(ledger)] == [f"{link.id}:{n}".encode() for n in (1, 2)]


def stream(ledger: Ledger) -> list[Any]:
    events: Any = ledger.redis.xrange(ledger.keys.stream)
    return list(events)


def test_where_a_link_led_is_remembered_with_it(ledger: Ledger) -> None:
    """Its final URL, listed later by whichever feed, is the same article."""
    begun = begin(ledger, to_article(ledger))
    assert commit(ledger, begun, final_id=found(7).id)[0] == "published"
    record_ends(ledger)
    for _ in range(3):
        later(ledger, 80)
        assert ledger.discover(OTHER_FEED, [found(7)]) == (0, 0)
    assert ledger.discover(FEED, [found(1)]) == (0, 0), "the link itself is remembered with it"


def test_a_link_to_an_article_whose_record_ended_is_its_duplicate(ledger: Ledger) -> None:
    """However a link leads there, what was published is not published again."""
    published(ledger)
    record_ends(ledger)
    later(ledger, 80)
    handed = to_article(ledger, 2)
    assert commit(ledger, begin(ledger, handed), final_id=found(1).id) == ("duplicate", found(1).id)


def test_a_remembered_link_costs_under_120_bytes(ledger: Ledger, redis: Redis) -> None:
    """Its place in its feed's list included; measured with the server's own figures."""
    feeds, each = 200, 50
    for feed in range(feeds):
        links = [found(n) for n in range(feed * each, feed * each + each)]
        real = [replace(link, id=link_id(link.url)) for link in links]
        assert ledger.discover(f"feed{feed:06d}", real).new == each
    kept = [*hashes(ledger, "known:*"), *hashes(ledger, "listed:*")]
    size: Any = sum(redis.memory_usage(key, samples=0) or 0 for key in kept)
    assert size / (feeds * each) < 120
