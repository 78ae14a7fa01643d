"""When which article is published: a pure function of the start, the interval and the time.

Nothing is kept. A publication's address says which article, which edition and when, so a newsroom that was
restarted still serves the pages it published before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice

from worker.demo.article import Article

AT_START = 3
"""Articles that are out when the newsroom opens."""
HOUSE_TIME = timezone(timedelta(hours=3))
"""The newsroom's own offset; the same in summer and winter."""
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PATH = re.compile(
    r"/(?P<language>[a-z]{2})/(?P<slug>[a-z0-9-]+)-(?P<edition>[1-9]\d{0,8})-(?P<at>[0-9a-z]{1,9})"
)


@dataclass(frozen=True, slots=True)
class Publication:
    """One edition of an article, out at a moment of its own."""

    article: Article
    edition: int
    """1 for the first round through the articles, 2 for the next, …"""
    at_ms: int
    """Unix milliseconds."""

    @property
    def path(self) -> str:
        """Path of its page. The moment is in base 36, so that the address does not read as a date."""
        return f"/{self.article.language}/{self.article.slug}-{self.edition}-{base36(self.at_ms)}"

    @property
    def published(self) -> datetime:
        """When it came out, to the second."""
        return house_time(self.at_ms / 1000)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A newsroom that opened at `start_s` and brings out an article every `interval_s`, for ever."""

    articles: Sequence[Article]
    start_s: float
    interval_s: float

    def number(self, n: int) -> Publication:
        """The n-th publication, from 0."""
        edition, index = divmod(n, len(self.articles))
        at_s = self.start_s + (n - AT_START + 1) * self.interval_s
        return Publication(self.articles[index], edition + 1, round(at_s * 1000))

    def count(self, now_s: float) -> int:
        """How many are out."""
        # Half a millisecond of grace: a moment computed as start + n * interval is a moment of publication.
        return AT_START + max(0, int((now_s - self.start_s + 0.0005) / self.interval_s))

    def newest(self, now_s: float, limit: int, language: str | None = None) -> list[Publication]:
        """The latest that are out, newest first; of one language, or of all."""
        return list(islice(self._backwards(now_s, language), limit))

    def _backwards(self, now_s: float, language: str | None) -> Iterator[Publication]:
        for n in range(self.count(now_s) - 1, -1, -1):
            publication = self.number(n)
            if language in (None, publication.article.language):
                yield publication

    def find(self, path: str, now_s: float) -> Publication | None:
        """What is published at `path`, by this newsroom or by one before it; None: no such page."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        at_ms = int(match["at"], 36)
        wanted = (match["language"], match["slug"])
        found = next((a for a in self.articles if (a.language, a.slug) == wanted), None)
        if found is None or at_ms > now_s * 1000 + 1:
            return None
        return Publication(found, int(match["edition"]), at_ms)


def house_time(unix_s: float) -> datetime:
    """A moment as the newsroom's clock shows it, whole seconds."""
    return datetime.fromtimestamp(int(unix_s), HOUSE_TIME)


def base36(number: int) -> str:
    """``int(base36(n), 36) == n`` for n >= 0."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits or "0"
