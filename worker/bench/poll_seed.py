"""Thousands of feeds as years of polls would leave them, without the hours of parsing that would take.

A few feeds are registered and polled as always. The others get a copy of what the polls taught of one, a full
history, and the memory of their links as it is when the links' own records have ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from redis.commands.core import Script

from jobs.entry import Entry
from jobs.scripts import source
from jobs.urls import link_id
from worker import factory
from worker.bench import poll_documents
from worker.bench.poll_documents import address
from worker.bench.poll_world import World
from worker.bench.whole import wait_for
from worker.feeds.history import KEPT, added
from worker.feeds.history import parse as parse_history
from worker.feeds.parse import parse
from worker.feeds.registry import feed_id

TEMPLATES = 5
"""Feeds that really come to be what they are."""
POLLS = 3
INTERVAL_S = 900
EACH_WITHIN_S = 60.0
_BATCH = 200
# ARGV: feed, keep_ms, then the links that it lists, each published once: id, fingerprint of its entry.
_REMEMBER = """
for i = 3, #ARGV, 2 do
  keep(ARGV[i], 1, ARGV[2])
  redis.call('HSET', K.listed(ARGV[1]), ARGV[i], ARGV[i + 1])
end
"""
_KEEP_MS = 90 * 86_400_000


def seed(world: World, count: int) -> list[str]:
    """Register `count` feeds, none of them due, and let them know what they would after some weeks.

    Returns their ids. The first `TEMPLATES` have open links, and may be left out.
    """
    ids = [feed_id(poll_documents.url(number, world.server.port)) for number in range(count)]
    registry = factory.registry(world.settings, world.redis)
    for number in range(min(TEMPLATES, count)):
        registry.add(poll_documents.url(number, world.server.port))
    with world.poller():
        for _ in range(POLLS):
            _poll(world, ids[:TEMPLATES])
    _copies(world, ids)
    return ids


def _poll(world: World, ids: list[str]) -> None:
    world.redis.delete(*(world.keys.slot(address(number)) for number in range(len(ids))))
    world.let_poll(ids)
    wait_for(lambda: not world.waiting(), EACH_WITHIN_S, "polls of a few feeds", world.home / "poller.log")


def _copies(world: World, ids: list[str]) -> None:
    known: Any = world.redis.hgetall(world.keys.feed(ids[0]))
    known[b"history"] = _full(known[b"history"].decode())
    remember = _remember(world)
    later = int(known[b"next"])
    entries = parse(_document(world, 0), url=poll_documents.url(0, world.server.port)).entries
    for start in range(TEMPLATES, len(ids), _BATCH):
        with world.redis.pipeline(transaction=False) as pipe:
            for number in range(start, min(start + _BATCH, len(ids))):
                feed = ids[number]
                pipe.hset(world.keys.feed(feed), mapping=_copy(world, known, number))
                pipe.zadd(world.keys.feeds, {feed: later})
                remember(args=[feed, _KEEP_MS, *_links(entries, number)], client=pipe)
            pipe.execute()


def _full(text: str) -> bytes:
    """A feed's history after many more polls like the last one."""
    for _ in range(KEPT):
        last = parse_history(text)[-1]
        text = added(text, replace(last, at_s=last.at_s + INTERVAL_S))
    return text.encode()


def _links(entries: Iterable[Entry], number: int) -> Iterator[str]:
    """Id and fingerprint of each link of a feed whose entries are those of the first one, elsewhere."""
    for entry in entries:
        yield link_id(entry.url.replace(address(0), address(number)))
        yield entry.fingerprint()


def _remember(world: World) -> Script:
    return world.redis.register_script(world.keys.lua() + source("prelude") + _REMEMBER)


def _copy(world: World, known: dict[bytes, bytes], number: int) -> dict[Any, Any]:
    """A feed's hash: the first one's, with its own address, validator and hash of its document."""
    own = address(number).encode()
    copy = {name: value.replace(address(0).encode(), own) for name, value in known.items()}
    body_hash = hashlib.sha256(_document(world, number)).hexdigest()[:16]
    return copy | {b"etag": poll_documents.etag(number, 0), b"body_hash": body_hash}


def _document(world: World, number: int) -> bytes:
    return poll_documents.document(number, 0, port=world.server.port, opened_s=world.opened_s)
