"""Takedown: an article is withdrawn, and its page and text are dropped wherever we keep them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from redis import Redis

from jobs.article import Article, Change, build_article
from jobs.entry import FeedInfo
from jobs.errors import Outcome, PalmyraError, Reason
from jobs.event import Kind, encode, envelope
from jobs.keys import Keys
from jobs.ledger_view import LedgerView
from jobs.link import Story
from jobs.scripts import Scripts
from jobs.urls import domain
from jobs.urls import link_id as id_of

if TYPE_CHECKING:
    from jobs.extract.draft import Draft

LOOKED_AT = 500
"""Entries of the stream that one script looks through: some 3 ms."""
MOST_REASON = 300
PUBLISHER, OPERATOR = "gone", "takedown"
"""`Change.kind` of a withdrawal: who withdrew the article."""
_DAY_MS = 86_400_000
_PAGES = 500


class NothingKnown(PalmyraError):
    """No link with this id is remembered. Give its URL: then it is withdrawn before it ever comes."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What a takedown did."""

    link_id: str
    event_id: str | None
    """Of the event that was sent; None when nothing was ever published, or when it was withdrawn before."""
    before: bool
    """It was withdrawn already: only what had been left over was purged."""
    entries: int = 0
    """Revisions that left the stream."""
    pages: int = 0
    """Kept pages of it that were dropped."""
    dead_job: str = ""
    """Id of the failed RQ job that stood for the link and is to go now; ``""`` when there was none."""


class Withdrawal:
    """Takes articles down. `redis` must not decode responses."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        feed_infos: Callable[[tuple[str, ...]], list[FeedInfo]],
        *,
        keep_ledger_days: float,
    ) -> None:
        self._redis, self._keys = redis, keys
        self._view = LedgerView(redis, keys)
        self._run = Scripts(redis, keys).run
        self._run_on_stories = Scripts(redis, keys.of_stories()).run
        self._feed_infos = feed_infos
        self._keep_ms = int(keep_ledger_days * _DAY_MS)

    def withdraw(self, link_id: str, *, url: str | None = None, reason: str = "") -> Withdrawn:
        """Send the event, end the link for good, and purge what is kept. May be repeated, also after a crash.

        Args:
            link_id: the link that the article was published from, or would be.
            url: its URL, for a link that has no record (any more).
            reason: for the link's way, and nobody else.

        Raises:
            NothingKnown: there is no record and no URL.
        """
        story = self._view.story(link_id)
        if story is None and url is None:
            raise NothingKnown
        done = self._end(link_id, story, url or "", reason)
        pages = int(bool(story and story.page_kept)) + self._drop_pages(link_id)
        self._leave_story(link_id)
        return replace(done, entries=done.entries + self._purge(link_id), pages=pages)

    def _end(self, link_id: str, story: Story | None, url: str, reason: str) -> Withdrawn:
        """Withdraw in one script; the rest of the stream and other links' pages are still to be purged."""
        revision = story.revision if story else 0
        note = "withdrawn by an operator" + (f": {reason[:MOST_REASON]}" if reason else "")
        url = story.url if story else url
        while True:  # until no worker publishes a revision in between
            event = self._event(link_id, story, url, revision + 1)
            verdict, said, *dropped = self._run(
                "withdraw", link_id, revision, event["id"], event["type"], encode(event),
                _final_id(link_id, story), self._keep_ms, Reason.WITHDRAWN, note, url, domain(url),
            )  # fmt: skip
            if verdict == b"before":
                return Withdrawn(link_id, None, before=True)
            if verdict == b"done":
                sent = event["id"] if revision else None
                return Withdrawn(link_id, sent, before=False, entries=int(dropped[0]), dead_job=said.decode())
            revision = int(said)

    def _event(self, link_id: str, story: Story | None, url: str, revision: int) -> dict[str, Any]:
        now_ms = int(time.time() * 1000)
        feeds = self._feed_infos(story.feeds) if story else []
        article = withdrawn_article(link_id, story, url, revision, feeds, now_ms)
        return envelope(article, kind="withdrawn", namespace=self._keys.namespace, time_ms=now_ms)

    def _purge(self, link_id: str) -> int:
        """Drop every revision from the stream, all of which is looked through; how many there were."""
        position, dropped = b"-", 0
        while position:
            position, some = self._run("purge", link_id, position, LOOKED_AT, Kind.WITHDRAWN)
            dropped += int(some)
        return dropped

    def _leave_story(self, link_id: str) -> None:
        """Drop what its story says of it, and the story's events, each of which tells the whole story."""
        told: Any = self._run("story_without", link_id)
        for story in dict.fromkeys(told):
            position = b"-"
            while position:
                position, _ = self._run_on_stories("purge", story, position, LOOKED_AT, "")

    def _drop_pages(self, link_id: str) -> int:
        """Drop the pages of links that lead to the same page: they have the same text. How many."""
        dropped: Any = 0
        for some in self._kept_pages():
            with self._redis.pipeline(transaction=False) as pipe:
                for other in some:
                    pipe.hget(self._keys.link(other), "of")
                owners = pipe.execute()
            same = [one for one, of in zip(some, owners, strict=True) if of == link_id.encode()]
            if same:
                dropped += self._redis.delete(*map(self._keys.page, same))
        return int(dropped)

    def _kept_pages(self) -> Iterator[list[str]]:
        prefix, cursor = self._keys.page(""), 0
        while True:
            found: Any = self._redis.scan(cursor, match=f"{prefix}*", count=_PAGES)
            cursor, names = found
            yield [name.decode().removeprefix(prefix) for name in names]
            if cursor == 0:
                return


NOTHING = SimpleNamespace(
    **dict.fromkeys(
        ("headline", "summary", "published", "modified", "language", "section", "agency", "access")
    ),
    **dict.fromkeys(("canonical", "site_name")),
    **dict.fromkeys(("authors", "tags", "images", "issues"), ()),
    **{"text": "", "word_count": 0, "score": 0.0, "took_ms": 0, "provenance": {}},
)
"""A draft that says nothing: `jobs.extract.draft.Draft` would bring all of the extraction with it."""


def withdrawn_article(
    link_id: str,
    story: Story | None,
    url: str,
    revision: int,
    feeds: list[FeedInfo],
    now_ms: int,
    *,
    by: str = OPERATOR,
) -> Article:
    """The data of a withdrawal: what identifies the article, and nothing that it said.

    When it was fetched is no longer known; `fetched` is the time of its first sight.
    """
    seen_ms = story.first_seen_ms if story and story.first_seen_ms else now_ms
    return build_article(
        cast("Draft", NOTHING),
        link_id=link_id,
        revision=revision,
        url_found=url,
        final_url=story.final_url if story else None,
        feeds=feeds,
        first_seen_ms=seen_ms,
        fetched_ms=seen_ms,
        emitted_ms=now_ms,
        change=Change(kind=by, fields=()),
    )


def _final_id(link_id: str, story: Story | None) -> str:
    with suppress(Outcome):
        return id_of(story.final_url) if story and story.final_url else link_id
    return link_id
