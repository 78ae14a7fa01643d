"""An index of stories for tests, and articles that come to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis import Redis

from jobs.article import Article, build_article
from jobs.enrich.enricher import Subject
from jobs.enrich.loading import load, warm
from jobs.enrich.run import enrich
from jobs.entry import Entry
from jobs.extract.draft import Draft
from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.stories.event import StoryEvent
from jobs.stories.index import Stories
from jobs.urls import domain, link_id
from worker.bench.stories_gold import Dispatch, read

GOLD = read()
NOW_MS = 1_760_000_000_000
DAY_MS = 86_400_000


def of(event: str) -> list[Dispatch]:
    return [one for one in GOLD if one.event == event]


QUAKE, FERRY = of("quake-mindanao"), of("ferry-sulawesi")
_made: dict[str, Any] = {}  # by URL: each text of these tests has its own


def article(one: Dispatch, *, seen_ms: int = NOW_MS, headline: str | None = None) -> Article:
    """As the article stage would have it."""
    draft = Draft(headline=headline or one.headline, text=one.text, language=one.language)
    if one.url not in _made:
        warm()
        _made[one.url] = enrich(Subject(draft), load())
    return build_article(
        draft,
        link_id=link_id(one.url),
        revision=1,
        url_found=one.url,
        final_url=one.url,
        feeds=(),
        first_seen_ms=seen_ms,
        fetched_ms=seen_ms,
        emitted_ms=seen_ms,
        enriched=_made[one.url],
    )


class Desk:
    """An index of stories over a ledger that knows the links."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis, self.keys = redis, keys
        self.ledger = Ledger(redis, keys)
        self.stories = Stories(redis, keys)

    def place(self, one: Dispatch, **changes: Any) -> tuple[str, int]:
        """Story and size that an article gets."""
        self.know([one])
        story = self.stories.story(article(one, **changes))
        assert story is not None
        return story.id, story.size

    def know(self, ones: Iterable[Dispatch]) -> None:
        found = [Found(link_id(one.url), one.url, domain(one.url), 1, Entry(one.url)) for one in ones]
        self.ledger.discover("feedaaaaaa", found)

    def events(self) -> list[StoryEvent]:
        entries: Any = self.redis.xrange(self.keys.stories)
        return [StoryEvent.model_validate_json(fields[b"event"]) for _, fields in entries]


def part(one: Dispatch, first: int, last: int, outlet: str) -> Dispatch:
    """An article of a few of its sentences."""
    sentences = one.text.split(". ")
    text = ". ".join(sentences[first:last])
    return Dispatch("x", "part", one.language, first, outlet, sentences[first], text)


def opened_apart(desk: Desk) -> tuple[str, str, Dispatch]:
    """Two stories of an article each that are one: what tells that is a third article, returned."""
    whole = next(one for one in of("volcano-iceland") if one.language == "en")
    first, _ = desk.place(part(whole, 0, 2, "a.test"))
    second, _ = desk.place(part(whole, 1, 9, "b.test"), seen_ms=NOW_MS + 1000)
    assert first != second
    return first, second, whole
