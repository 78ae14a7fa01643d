"""`palmyra feeds show`: all that is known of one feed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from jobs.urls import redact
from worker import factory
from worker.commands import completing, feeds_hub, table
from worker.commands.context import print_json, redis
from worker.commands.feed_args import known
from worker.commands.feeds_list import STYLES, summary
from worker.feeds import history, moved
from worker.feeds.history import Past
from worker.feeds.history_words import came_to, failures
from worker.feeds.registry import Feed
from worker.feeds.rhythm import Rhythm, shape
from worker.feeds.rhythm_words import bars, silence_words, watched_pace
from worker.feeds.spans import duration
from worker.feeds.state import FeedState, answered_ms, states
from worker.feeds.websub import Subscription

Fact = tuple[str, object]


def show(
    feed: Annotated[str, typer.Argument(help="A feed's id or URL.", autocompletion=completing.feeds)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show all that is known of one feed: how it does, why its next poll is when it is, its last polls.

    Times are in UTC. Passwords, headers and what opens a proxy are masked.

    Examples:

        palmyra feeds show https://feeds.bbci.co.uk/news/world/rss.xml

        palmyra feeds show ei4zxqwlha --json | jq .history
    """
    loaded, connection = redis()
    found = known(factory.registry(loaded, connection).get(feed), feed)
    subscription = factory.subscriptions(loaded, connection).get(found.id)
    now_ms = int(time.time() * 1000)
    pasts = history.parse(found.history)
    if as_json:
        print_json(as_told(found, pasts, subscription, now_ms))
        return
    table.facts(_facts(found, pasts, subscription, now_ms))
    if pasts:
        sys.stdout.write("\n")
        rows = [
            (table.when(past.at_s * 1000), came_to(past), f"{past.took_ms:,}", _size(past))
            for past in reversed(pasts)
        ]
        table.show(("polled (UTC)", "what came", "ms", "bytes"), rows, numbers=("ms", "bytes"))


def as_told(
    feed: Feed, pasts: Sequence[Past], subscription: Subscription | None, now_ms: int
) -> dict[str, Any]:
    """All of it as JSON. Times in ms since the epoch, 0: never; polls from the newest on."""
    move = moved.Move.parse(feed.moving)
    known_rhythm = Rhythm.parse(feed.rhythm)
    return summary(feed, now_ms) | {
        "rhythm": _rhythm(known_rhythm) if known_rhythm else None,
        "moving": {"to": redact(move.url), "since": move.since_ms, "polls": move.polls} if move.url else None,
        "hub": feeds_hub.shown(subscription),
        "history": [_past(past) for past in reversed(pasts)],
    }


def _past(past: Past) -> dict[str, Any]:
    fields = asdict(past)
    status = history.STATUS.get(past.came, past.status) or None
    return {"at": fields.pop("at_s") * 1000} | fields | {"status": status}


def _rhythm(rhythm: Rhythm) -> dict[str, Any]:
    """Factors: 1 is usual, 2 twice as many links."""
    form = shape(rhythm)
    return {
        "since": rhythm.since_s * 1000,
        "until": rhythm.at_s * 1000,
        "links_a_day": round(rhythm.links_a_day, 3),
        "times_a_day": round(rhythm.times_a_day, 3),
        "usual_days_of_silence": round(rhythm.silence, 3),
        "hours_utc": [round(factor, 3) for factor in form.hours],
        "weekdays_from_monday": [round(factor, 3) for factor in form.weekdays],
    }


def _facts(
    feed: Feed, pasts: Sequence[Past], subscription: Subscription | None, now_ms: int
) -> Iterator[Fact]:
    yield "feed", feed.id
    yield "url", feed.public_url
    if feed.title:
        yield "title", feed.title
    yield from _standing(feed, pasts, now_ms)
    yield from _rhythm_facts(Rhythm.parse(feed.rhythm))
    if feed.gaps:
        last = f", the last {table.when(feed.last_gap)}"
        yield "gaps", f"{feed.gaps}{last}: nothing was listed of the poll before; links were probably missed"
    else:
        yield "gaps", "none: no poll without an overlap with the one before"
    yield from _document(feed)
    yield "hub", feeds_hub.described(subscription)
    yield from _settings(feed)


def _standing(feed: Feed, pasts: Sequence[Past], now_ms: int) -> Iterator[Fact]:
    """How it does: states, polls, errors."""
    for number, one in enumerate(states(feed, now_ms)):
        yield "" if number else "state", Text.assemble((one, STYLES[one]), _said(one, feed))
    yield "next poll", _next(feed, now_ms)
    yield "", feed.because or "it was just registered"
    if feed.polled:
        status = f", status {feed.status}" if feed.status else ""
        yield "last poll", f"{table.when(feed.polled)} ({_ago(feed.polled, now_ms)}){status}"
    if feed.failures:
        good = answered_ms(feed)
        yield "error", f"{feed.reason}: {feed.error}"
        yield "", f"failed polls in a row: {feed.failures}; last good one: {table.when(good)}"
    if counted := failures(pasts):
        last = next(past for past in reversed(pasts) if past.failed)
        yield "failures", f"{counted}; the last {table.when(last.at_s * 1000)}"
    newest = f"; the last {table.when(feed.newest)} ({_ago(feed.newest, now_ms)})" if feed.newest else ""
    yield "links", f"{feed.found:,} brought first{newest}; {feed.listed} in its last document"


def _said(one: FeedState, feed: Feed) -> str:
    since_ms = {FeedState.SILENT: feed.silent, FeedState.GONE: feed.gone}.get(one, 0)
    since = f", since {table.when(since_ms)}" if since_ms else ""
    return f": {one.meaning}{since}"


def _next(feed: Feed, now_ms: int) -> str:
    if feed.paused:
        return "none"
    if feed.next <= now_ms:
        return "now"
    return f"{table.when(feed.next)} (in {duration((feed.next - now_ms) / 1000)})"


def _rhythm_facts(rhythm: Rhythm | None) -> Iterator[Fact]:
    if rhythm is None or not rhythm.links:
        yield "rhythm", "not known yet"
        return
    form = shape(rhythm)
    silence = silence_words(rhythm)
    yield "rhythm", watched_pace(rhythm) + (f"; {silence}" if silence else "")
    yield "", f"{bars(form.hours)}  by hour, 0 to 23 UTC"
    yield "", f"{bars(form.weekdays)}  by day, Monday to Sunday"


def _document(feed: Feed) -> Iterator[Fact]:
    """What its server and its document said."""
    kept = [f"ETag {feed.etag}"] if feed.etag else []
    kept += [f"Last-Modified {feed.modified}"] if feed.modified else []
    kept += [f"body hash {feed.body_hash}"] if feed.body_hash else []
    yield "validators", "; ".join(kept) or "none yet"
    wishes = [f"polls every {duration(feed.ttl)}"] if feed.ttl else []
    wishes += [f"none in the hours {feed.skip_hours} GMT"] if feed.skip_hours else []
    wishes += [f"none on the days {feed.skip_days} (Monday is 0)"] if feed.skip_days else []
    if wishes:
        yield "it asks for", "; ".join(wishes)
    if feed.format:
        yield "format", feed.format
    move = moved.Move.parse(feed.moving)
    if move.url:
        seen = f"since {table.when(move.since_ms)}, in {move.polls} polls"
        held = f"when that has held for a day and {moved.LEAST_POLLS} polls, it becomes its URL"
        yield "moving", f"to {redact(move.url)}, {seen}; {held}"


def _settings(feed: Feed) -> Iterator[Fact]:
    """What the operator gave it."""
    shown = feed.shown
    if feed.pinned:
        yield "interval", f"pinned to {duration(feed.pinned)}"
    elif feed.interval:
        yield "interval", f"{duration(feed.interval)}, learned"
    for name in ("tags", "headers"):
        if shown[name]:
            pairs = shown[name].items() if isinstance(shown[name], dict) else ()
            yield name, ", ".join([f"{key}: {value}" for key, value in pairs] or shown[name])
    for name in ("folders", "user", "password", "proxy", "backfill", "site_url"):
        if shown[name]:
            yield name.removesuffix("_url"), shown[name]
    yield "added", table.when(feed.added)


def _size(past: Past) -> str:
    return f"{past.size_bytes:,}" if past.size_bytes else "-"


def _ago(ms: int, now_ms: int) -> str:
    return f"{duration((now_ms - ms) / 1000)} ago"
