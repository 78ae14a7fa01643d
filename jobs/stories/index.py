"""The index of stories: which story an article belongs to, decided in Redis in one step.

Articles come from many workers at once, and two of one event may open its story both. So the whole decision
is one script (``jobs/lua/stories.lua``): what it sees is what no other article is changing.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis

from jobs.article import Article, Story, rfc3339
from jobs.enrich.words import stopwords
from jobs.event import source_uri
from jobs.keys import Keys
from jobs.scripts import Scripts
from jobs.stories.features import features
from jobs.stories.told import in_short, labels
from jobs.urls import link_id

WINDOW_DAYS = 3
"""A story without news for so long is closed."""
OTHERS = "?"
"""Stands for all languages whose words we know nothing of: they share counters, so that those are few."""
_DAY_MS = 86_400_000
_DATE_ONLY = 10


class Stories:
    """The open stories. `redis` must not decode responses."""

    def __init__(self, redis: Redis, keys: Keys, *, keep_days: float = 7) -> None:
        """`keep_days`: how long what is told of a story is kept after its newest article."""
        self._run = Scripts(redis, keys).run
        self._source = source_uri(keys.namespace)
        self._keep_ms = int(keep_days * _DAY_MS)

    def story(self, article: Article) -> Story | None:
        """The story that the article belongs to from now on; None for one that says too little.

        Asked again, for a later revision too, it is the same story, or the one that it was merged into.
        """
        found = features(article)
        told: Any = self._run(
            "stories",
            article.id,
            link_id(article.urls.final) if article.urls.final else article.id,
            article.duplicate.of if article.duplicate else "",
            published_ms(article),
            WINDOW_DAYS * _DAY_MS,
            self._keep_ms,
            article.language if stopwords(article.language) else OTHERS,
            found.terms,
            found.names,
            in_short(article),
            article.source.domain or "",
            rfc3339(int(time.time() * 1000)),
            self._source,
            article.language or "",
            *(part for label in labels(article) for part in label),
        )
        return Story(id=told[0].decode(), size=int(told[1])) if told else None


def published_ms(article: Article) -> int:
    """When the article was published as far as is known, ms since the epoch; not after we first saw it."""
    seen = datetime.fromisoformat(article.first_seen)
    return int(min(_published(article.published) or seen, seen).timestamp() * 1000)


def _published(text: str | None) -> datetime | None:
    """The publisher's time; of a date alone, the end of that day wherever it ended last."""
    if text is None:
        return None
    try:
        if len(text) == _DATE_ONLY:
            return datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1, hours=12)
        return datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
