"""What is known of a story, read from Redis."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from redis import Redis

from jobs.keys import Keys
from jobs.stories.event import StoryArticle

MOST_MERGES = 20
"""Stories that were merged one into the next, followed up to here."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One story."""

    id: str
    size: int
    """Articles in it."""
    opened: str
    updated: str
    """RFC 3339, UTC."""
    first: StoryArticle
    newest: StoryArticle
    articles: tuple[str, ...]
    """Ids, newest first, at most 50."""
    sources: tuple[str, ...]
    languages: tuple[str, ...]
    merged: tuple[str, ...]
    """Stories that were found to be this one."""
    closed: bool
    """Nothing more joins it."""


def story(redis: Redis, keys: Keys, story_id: str) -> Shown | None:
    """A story, or the one that it was merged into; None when it is not known (any more)."""
    for _ in range(MOST_MERGES):
        facts: Any = redis.hgetall(keys.story(story_id))
        into = facts.get(b"into")
        if into is None:
            open_ = bool(redis.exists(keys.gist(story_id[:8])))
            return _shown(story_id, facts, closed=not open_) if b"n" in facts else None
        story_id = into.decode()
    return None


def newest(redis: Redis, keys: Keys, count: int) -> list[Shown]:
    """The stories that grew last, the newest first."""
    ids: Any = redis.zrevrange(keys.newest_stories, 0, count - 1)
    names = [raw.decode() for raw in ids]
    with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hgetall(keys.story(name))
            pipe.exists(keys.gist(name[:8]))
        told = pipe.execute()
    rows = zip(names, told[::2], told[1::2], strict=True)
    return [_shown(name, facts, closed=not there) for name, facts, there in rows if b"n" in facts]


def _shown(story_id: str, facts: dict[bytes, bytes], *, closed: bool) -> Shown:
    def words(name: bytes) -> tuple[str, ...]:
        return tuple(facts.get(name, b"").decode().split())

    return Shown(
        id=story_id,
        size=int(facts[b"n"]),
        opened=facts[b"opened"].decode(),
        updated=facts[b"updated"].decode(),
        first=StoryArticle(**json.loads(facts[b"first"])),
        newest=StoryArticle(**json.loads(facts[b"newest"])),
        articles=words(b"articles"),
        sources=words(b"sources"),
        languages=words(b"languages"),
        merged=words(b"merged"),
        closed=closed,
    )
