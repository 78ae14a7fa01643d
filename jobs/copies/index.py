"""The index of copies: which earlier article an article repeats.

Candidates come from sketches in Redis; what decides is the text of the earlier article, which is on the
stream as long as consumers may read it. So nothing is a copy by an estimate.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from redis import Redis

from jobs.article import Article, Duplicate
from jobs.copies.likeness import WIRE, likeness
from jobs.copies.sketch import sketch
from jobs.keys import Keys
from jobs.scripts import Scripts

CANDIDATES = 8
"""Earlier articles whose text is compared: those with most of the sketch in common."""
_DAY_MS = 86_400_000


class Copies:
    """The sketches of some days' articles. `redis` must not decode responses."""

    def __init__(self, redis: Redis, keys: Keys, *, window_days: int, similarity: float = WIRE) -> None:
        """`window_days`: how far back an original is looked for; `similarity`: what makes a copy."""
        self._run = Scripts(redis, keys).run
        self._window_days, self._similarity = window_days, similarity

    def original(self, article: Article, *, record: bool = True) -> Duplicate | None:
        """The earlier article that this one repeats. To `record` makes this one known to later ones."""
        bands = sketch(article.text)
        if not bands:
            return None
        keep_ms = (self._window_days + 1) * _DAY_MS if record else 0
        told: Any = self._run("copies", article.id, self._window_days, keep_ms, CANDIDATES, *bands)
        return _first(_repeated(article, _datas(told[1::2]), self._similarity))


def _datas(events: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    for event in events:
        data = json.loads(event)["data"]
        if data["text"]:
            yield data


def _repeated(
    article: Article, earlier: Iterable[Mapping[str, Any]], similarity: float
) -> Iterator[Duplicate]:
    """Each of these that the article repeats."""
    for data in earlier:
        behind_s = _seconds(article.first_seen) - _seconds(data["first_seen"])
        root = (data["duplicate"] or {}).get("of", data["id"])
        if behind_s < 0 or root == article.id:
            continue
        same_site = data["source"]["domain"] == article.source.domain
        alike = likeness(data["text"], article.text, same_site=same_site, wire=similarity)
        if alike:
            yield Duplicate(
                of=root,
                kind=alike.kind,
                similarity=alike.similarity,
                source=data["source"]["domain"],
                url=data["url"],
                behind_s=round(behind_s, 3),
                added_words=alike.added_words,
                cut_words=alike.cut_words,
            )


def _first(repeated: Iterable[Duplicate]) -> Duplicate | None:
    """The earliest of them: others repeat it too."""
    return max(repeated, key=lambda one: one.behind_s, default=None)


def _seconds(our_time: str) -> float:
    return datetime.fromisoformat(our_time).timestamp()
