"""What a poll teaches about its feed's rhythm and state: the fields of the feed's hash that keep it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from jobs.entry import Entry, ParsedFeed
from jobs.errors import Reason
from worker.feeds import history, skips
from worker.feeds.history import Past
from worker.feeds.registry import Feed
from worker.feeds.rhythm import silent_since
from worker.feeds.schedule import Brought, Next


def published_ms(entries: Iterable[Entry]) -> tuple[int | None, ...]:
    """When each entry was published, ms since the epoch; None where no time of day is given."""
    return tuple(_moment_ms(entry.published or entry.updated or "") for entry in entries)


def _moment_ms(text: str) -> int | None:
    moment = datetime.fromisoformat(text) if len(text) > len("2026-01-01") else None
    return int(moment.timestamp() * 1000) if moment and moment.tzinfo else None


def with_skips(feed: Feed, parsed: ParsedFeed | None) -> Feed:
    """The feed with the hours and days to be skipped as its document has them, if there is one."""
    if parsed is None:
        return feed
    hours, days = skips.pack(parsed.skip_hours), skips.pack(parsed.skip_days)
    return replace(feed, skip_hours=hours, skip_days=days)


def rhythm_fields(feed: Feed, brought: Brought, after: Next, now_ms: int) -> dict[str, Any]:
    """The fields that change; ``""`` removes one.

    Args:
        feed: as it was before the poll, with the hours and days to be skipped as the poll found them.
    """
    if brought.error:
        return _absence(feed, brought.error, after, now_ms)
    fields: dict[str, Any] = {"missing": "", "gone": ""}
    fields |= {"skip_hours": feed.skip_hours, "skip_days": feed.skip_days}
    if brought.listed or not brought.unchanged:
        fields["listed"] = brought.listed or ""
    if after.gap:
        fields |= {"gaps": feed.gaps + 1, "last_gap": now_ms}
    if after.rhythm is not None:
        newest_ms = now_ms if brought.published_ms else feed.newest or feed.added
        fields["rhythm"] = after.rhythm.text
        fields["silent"] = silent_since(after.rhythm, newest_ms, now_ms) or ""
    return fields


def _absence(feed: Feed, error: str, after: Next, now_ms: int) -> dict[str, Any]:
    """Since when the site says that there is no such feed, and since when that is believed."""
    if error not in (Reason.NOT_FOUND, Reason.GONE):
        return {"missing": "", "gone": ""}
    return {"missing": feed.missing or now_ms, "gone": (feed.gone or now_ms) if after.gone else ""}


def uncharged(feed: Feed, now_ms: int) -> dict[str, Any]:
    """The fields that a failure which is not the feed's own leaves, or brings back to what they were."""
    kept = ("failures", "reason", "error", "missing", "gone")
    past = history.added(feed.history, Past(now_ms // 1000, history.OWN_NETWORK))
    return {"status": "", "history": past, **{name: getattr(feed, name) or "" for name in kept}}
