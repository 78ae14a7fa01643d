"""Lineage: who repeated an article, how much later, and what they added or cut."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from redis import Redis

from jobs.article import Article
from jobs.keys import Keys


@dataclass(frozen=True, slots=True)
class Copy:
    """A later article that repeats an earlier one, as it is remembered there."""

    id: str
    """Of the later article."""
    kind: str
    similarity: float
    source: str | None
    """The registrable domain it appeared on."""
    behind_s: float
    added_words: int
    cut_words: int


def lineage(article: Article) -> tuple[str, str] | None:
    """The original's id and what is remembered there of this copy, packed; None for what repeats nothing."""
    of = article.duplicate
    if of is None:
        return None
    source = article.source.domain
    copy = Copy(article.id, of.kind, of.similarity, source, of.behind_s, of.added_words, of.cut_words)
    return of.of, json.dumps(asdict(copy))


def copies_of(redis: Redis, keys: Keys, article_id: str) -> list[Copy]:
    """Who repeated an article, the quickest first."""
    values: Any = redis.hvals(keys.copied(article_id))
    return sorted((Copy(**json.loads(value)) for value in values), key=lambda copy: copy.behind_s)
