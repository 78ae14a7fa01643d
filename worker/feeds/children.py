"""The sitemaps that a sitemap index names, read in the same poll as if they were one feed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from jobs.client import Answer
from jobs.entry import Entry, ParsedFeed
from jobs.errors import Outcome, PalmyraError
from jobs.link import Found
from jobs.urls import redact
from worker.feeds.backfill import ALL, split_backfill
from worker.feeds.entries import newest
from worker.feeds.errors import FeedError, FeedReason
from worker.feeds.registry import Feed
from worker.feeds.sitemap import INDEX

_DAY_MS = 86_400_000
WITHIN_S = 40.0
"""For all of them: what is not read by then waits for the next poll."""

Ask = Callable[[str], Awaitable[tuple[Answer, ParsedFeed]]]
"""URL → its answer and the feed in it. Raises Outcome or FeedError."""


@dataclass(frozen=True, slots=True)
class Followed:
    """An index with what its children list."""

    parsed: ParsedFeed
    bodies: tuple[bytes, ...] = ()
    """Of the children that were read."""
    error: PalmyraError | None = None
    """Of the first child, when none could be read."""


def split_found(feed: Feed, found: Sequence[Found], default: str) -> tuple[list[Found], list[Found]]:
    """The links of a document that are taken, and those that are only remembered as known.

    Of a first document the backfill policy decides. An index shows its sitemaps by and by: one that could not
    be read at the first poll, or was not among the newest, would later pour in what the policy had left. So
    what its sitemaps date before the feed was registered stays left.

    Args:
        feed: as it was before the poll.
        found: what its document lists.
        default: the policy of feeds without one of their own.
    """
    policy = ALL if feed.demo else feed.backfill or default
    if not feed.body_hash:
        return split_backfill(found, policy)
    if feed.format != INDEX or policy == ALL:
        return list(found), []
    take = [link for link in found if _ended_ms(link) >= feed.added]
    return take, [link for link in found if _ended_ms(link) < feed.added]


def _ended_ms(link: Found) -> int:
    """When a link was published; the end of the day, where only the day is known."""
    text = link.entry.published or link.entry.updated or ""
    return link.fresh_ms + (_DAY_MS if len(text) == len("2024-05-01") else 0)


async def follow(index: ParsedFeed, ask: Ask, *, within_s: float = WITHIN_S) -> Followed:
    """Read the children of an index, one after the other; those that can't be read are noted."""
    read: list[tuple[Answer, ParsedFeed]] = []
    failed: dict[str, PalmyraError] = {}
    try:
        async with asyncio.timeout(within_s):
            for url in index.children:
                try:
                    answer, parsed = await ask(url)
                    if parsed.children:
                        raise FeedError(FeedReason.NOT_A_FEED, "an index in an index is not followed")
                    read.append((answer, parsed))
                except (Outcome, FeedError) as error:
                    failed[url] = error
    except TimeoutError:
        pass  # what was not asked shows in the notes
    if failed and not read:
        return Followed(index, error=next(iter(failed.values())))
    return Followed(
        _joined(index, [parsed for _, parsed in read], failed), tuple(answer.body for answer, _ in read)
    )


def _joined(index: ParsedFeed, parts: list[ParsedFeed], failed: dict[str, PalmyraError]) -> ParsedFeed:
    entries: dict[str, Entry] = {}
    for entry in (entry for part in parts for entry in part.entries):
        entries.setdefault(entry.url, entry)
    late = len(index.children) - len(parts) - len(failed)
    notes = [note for part in parts for note in part.notes]
    notes += [f"{redact(url)} was not read: {error}" for url, error in failed.items()]
    notes += [f"{late} of its sitemaps were not read in time"] if late else []
    first = next((part for part in parts if part.title), ParsedFeed())
    return replace(
        index,
        entries=newest(tuple(entries.values())),
        notes=(*index.notes, *dict.fromkeys(notes)),
        title=first.title,
        language=first.language,
    )
