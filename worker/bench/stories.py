"""``palmyra bench stories``: stories of articles on known events, streamed through a real Redis."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from jobs.article import Article, build_article
from jobs.enrich.enricher import Subject
from jobs.enrich.loading import Choice, load, warm
from jobs.enrich.run import enrich
from jobs.extract.draft import Draft
from jobs.keys import Keys
from jobs.stories.index import Stories
from jobs.urls import link_id
from jobs.words import count_words
from worker.bench.clusters import (
    Agreement,
    Item,
    b_cubed,
    b_cubed_cross_language,
    b_cubed_same_language,
    v_measure,
)
from worker.bench.redis_cost import held
from worker.bench.stories_gold import SETS, Dispatch, read
from worker.embedded import EmbeddedRedis

COLUMNS = ("set", "pairs", "articles", "B³ precision", "recall", "F1", "V-measure")
BEGAN_DAYS_AGO = 6
_HOUR_MS = 3_600_000
FAMILIES = ("story", "gist", "posts", "rarity", "stories", "newest-stories")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one run."""

    items: dict[str, tuple[Item, ...]]
    """By set; ``all``: both."""
    dispatches: tuple[tuple[Dispatch, str], ...]
    """In their order, each with the story it ended in."""
    cpu_ms: float
    """Of an article here, features included."""
    redis_ms: float
    """Of an article in Redis, where the script runs."""
    bytes_by_family: dict[str, int]
    """What Redis holds in the end."""
    stories: int
    """Stories that there are in the end, those of one article included."""
    events: int
    """On the stream."""


def run(choice: Choice) -> Result:
    """Stream the gold, in the order of time, through a Redis of its own."""
    articles = enriched(read(), choice)
    with _redis() as redis:
        return measured(redis, Keys("bench"), articles)


def enriched(dispatches: Iterable[Dispatch], choice: Choice) -> list[tuple[Dispatch, Article]]:
    """The dispatches as articles that were extracted without a flaw."""
    warm(choice)
    enrichers = load(choice)
    began_ms = int(time.time() * 1000) - BEGAN_DAYS_AGO * 24 * _HOUR_MS
    found = []
    for one in dispatches:
        words = count_words(one.text)
        draft = Draft(headline=one.headline, text=one.text, word_count=words, language=one.language)
        seen_ms = began_ms + int(one.hour * _HOUR_MS)
        article = build_article(
            draft,
            link_id=link_id(one.url),
            revision=1,
            url_found=one.url,
            final_url=one.url,
            feeds=(),
            first_seen_ms=seen_ms,
            fetched_ms=seen_ms,
            emitted_ms=seen_ms,
            enriched=enrich(Subject(draft), enrichers),
        )
        found.append((one, article))
    return found


def measured(redis: Redis, keys: Keys, articles: Sequence[tuple[Dispatch, Article]]) -> Result:
    """Put each article into its story; `redis` is empty before."""
    stories = Stories(redis, keys)
    redis.config_resetstat()
    began = time.process_time()
    told = [stories.story(article) for _, article in articles]
    cpu_ms = (time.process_time() - began) * 1000 / len(articles)
    info: Any = redis.info("commandstats")
    redis_ms = info["cmdstat_evalsha"]["usec"] / 1000 / len(articles)
    ends = [story.id if story else article.id for story, (_, article) in zip(told, articles, strict=True)]
    merged = _merged(redis, keys, ends)
    dispatches = tuple((one, merged[end]) for end, (one, _) in zip(ends, articles, strict=True))
    sizes = held(redis).by_family
    return Result(
        items={name: tuple(_items(dispatches, name)) for name in ("all", *SETS)},
        dispatches=dispatches,
        cpu_ms=cpu_ms,
        redis_ms=redis_ms,
        bytes_by_family={name: sizes.get(f"{keys.namespace}:{name}", 0) for name in FAMILIES},
        stories=len(set(merged.values())),
        events=int(redis.xlen(keys.stories)),
    )


def _merged(redis: Redis, keys: Keys, stories: Iterable[str]) -> dict[str, str]:
    """Where each story ended."""
    ends = {}
    for story in set(stories):
        end = story
        while into := _into(redis, keys, end):
            end = into
        ends[story] = end
    return ends


def _into(redis: Redis, keys: Keys, story: str) -> str | None:
    into: Any = redis.hget(keys.story(story), "into")
    return into.decode() if into else None


def _items(dispatches: Iterable[tuple[Dispatch, str]], set_name: str) -> Iterator[Item]:
    for one, story in dispatches:
        if set_name in ("all", one.set_name):
            yield Item(one.event, story, one.language)


def scores(items: Sequence[Item]) -> dict[str, Agreement]:
    """By which pairs count."""
    return {
        "all": b_cubed(items),
        "same language": b_cubed_same_language(items),
        "across languages": b_cubed_cross_language(items),
    }


def rows(result: Result) -> list[tuple[str, ...]]:
    """Rows of `COLUMNS`."""
    found: list[tuple[str, ...]] = []
    for name, items in result.items.items():
        for pairs, score in scores(items).items():
            figures = (f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}")
            v = f"{v_measure(items):.3f}" if pairs == "all" else ""
            found.append((name, pairs, str(len(items)), *figures, v))
    return found


def faults(result: Result) -> list[str]:
    """Which events were mixed up, and which fell apart; a line each."""
    by_story: dict[str, set[str]] = {}
    by_event: dict[str, dict[str, list[str]]] = {}
    for one, story in result.dispatches:
        by_story.setdefault(story, set()).add(one.event)
        by_event.setdefault(one.event, {}).setdefault(story, []).append(f"{one.language}{one.hour:g}")
    mixed = [f"one story of {', '.join(sorted(events))}" for events in by_story.values() if len(events) > 1]
    apart = [
        f"{event} fell apart: {' | '.join(' '.join(part) for part in parts.values())}"
        for event, parts in by_event.items()
        if len(parts) > 1
    ]
    return sorted(mixed) + sorted(apart)


def told(result: Result) -> list[str]:
    """What it cost, in lines."""
    articles, sizes = len(result.dispatches), result.bytes_by_family
    kept = (sizes["story"] + sizes["gist"] + sizes["newest-stories"]) / result.stories
    event = sizes["stories"] / max(1, result.events)
    return [
        f"{articles} articles, {result.stories} stories, {result.events} events",
        f"an article: {result.cpu_ms:.2f} ms of CPU here, {result.redis_ms:.2f} ms in Redis",
        f"a story: {kept:,.0f} bytes in Redis, an event on the stream {event:,.0f}",
        f"an article in the index: {sizes['posts'] / articles:,.0f} bytes, nearly all of it the hashes' own: "
        "of a busy day much less",
    ]


def as_json(result: Result) -> dict[str, Any]:
    """All figures as plain data."""
    return {
        "scores": {
            name: {
                pairs: {"precision": s.precision, "recall": s.recall, "f1": s.f1}
                for pairs, s in scores(items).items()
            }
            | {"v_measure": v_measure(items)}
            for name, items in result.items.items()
        },
        "cpu_ms": result.cpu_ms,
        "redis_ms": result.redis_ms,
        "bytes": result.bytes_by_family,
        "stories": result.stories,
        "events": result.events,
        "faults": faults(result),
    }


@contextmanager
def _redis() -> Iterator[Redis]:
    with tempfile.TemporaryDirectory(prefix="palmyra-bench-") as folder:
        home = Path(folder)
        with (
            EmbeddedRedis(home, home / "redis.sock", options={"appendonly": "no"}) as server,
            Redis.from_url(server.url) as redis,
        ):
            yield redis
