"""`palmyra feeds list`: how each feed does, at a glance."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.text import Text

from worker import factory
from worker.commands import table
from worker.commands.context import print_json, redis
from worker.feeds.registry import Feed
from worker.feeds.state import FeedState, answered_ms, links_a_day, state, states

WIDE = 120
"""From so many columns on there is room to say why."""
STYLES = {
    FeedState.GONE: "red",
    FeedState.FAILING: "red",
    FeedState.STALE: "red",
    FeedState.SILENT: "yellow",
    FeedState.MOVING: "yellow",
    FeedState.NEW: "cyan",
    FeedState.OK: "green",
    FeedState.PAUSED: "dim",
}

NO_FEEDS = "No feed is registered. `palmyra feeds add URL`, or `palmyra feeds import feeds.opml`."
DEMO_FEEDS = " (--demo lists the demo newsroom's.)"
_COLUMNS = ("state", "feed", "title", "polled", "next", "a day", "gaps", "fails")
_NUMBERS = ("a day", "gaps", "fails")


Failing = Annotated[bool, typer.Option("--failing", help="Those whose last poll failed.")]
Silent = Annotated[
    bool,
    typer.Option(
        "--silent", help="Those that answer, but miss ten publications and two days against their own rhythm."
    ),
]
Stale = Annotated[
    bool,
    typer.Option(
        "--stale", help="Those of which no poll has succeeded for a day and five of their intervals."
    ),
]
Gone = Annotated[
    bool, typer.Option("--gone", help="Those whose sites say for good that there is no such feed (410, 404).")
]
Paused = Annotated[bool, typer.Option("--paused", help="Those that you paused.")]
Gaps = Annotated[
    bool,
    typer.Option(
        "--gaps", help="Those of which a poll ever listed nothing of the one before: probable losses."
    ),
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", help="Only with this tag; given several times: with all of them.")
]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", help="Only at this host, or below it: bbci.co.uk. Several: at any of them."),
]
Demo = Annotated[bool, typer.Option("--demo", help="The demo newsroom's feeds too.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, a line a feed.")]


def list_(
    failing: Failing = False,
    silent: Silent = False,
    stale: Stale = False,
    gone: Gone = False,
    paused: Paused = False,
    gaps: Gaps = False,
    tag: Tags = None,
    host: Hosts = None,
    demo: Demo = False,
    as_json: Json = False,
) -> None:
    """List the registered feeds, those that need you first: state, last and next poll, pace, losses.

    Of --failing, --silent, --stale, --gone, --paused and --gaps, what is given adds up: a feed is listed when
    one of them holds. --tag and --host narrow that down. A feed that is paused or gone is nothing else.

    Columns: polled, how long ago; next, in how long; a day, new links as its rhythm has it; gaps, polls with
    nothing of the one before; fails, failed polls in a row.

    Examples:

        palmyra feeds list --failing --stale

        palmyra feeds list --silent --tag europe --host example.org

        palmyra feeds list --json | jq -r 'select(.failures > 2) | .url'
    """
    loaded, connection = redis()
    every = list(factory.registry(loaded, connection).all())
    known = [feed for feed in every if demo or not feed.demo]
    asked = {FeedState.FAILING: failing, FeedState.SILENT: silent, FeedState.STALE: stale}
    asked |= {FeedState.GONE: gone, FeedState.PAUSED: paused}
    wanted = frozenset(state for state, given in asked.items() if given)
    now_ms = int(time.time() * 1000)
    chosen = [f for f in known if _is_at(f, host or []) and _is_tagged(f, tag or [])]
    if wanted or gaps:
        chosen = [f for f in chosen if wanted & set(states(f, now_ms)) or (gaps and f.gaps)]
    chosen.sort(key=_order(now_ms))
    if as_json:
        for feed in chosen:
            print_json(summary(feed, now_ms))
        return
    _print(chosen, now_ms)
    if known:
        _print_end(chosen, len(known), now_ms)
    else:
        sys.stdout.write(NO_FEEDS + (DEMO_FEEDS if every else "") + "\n")


def _is_at(feed: Feed, hosts: Iterable[str]) -> bool:
    """Whether a feed is at one of these hosts or below it; always, when there is none."""
    own = host_of(feed)
    names = [name.lower().strip(".") for name in hosts]
    return not names or any(own == name or own.endswith(f".{name}") for name in names)


def _is_tagged(feed: Feed, tags: Iterable[str]) -> bool:
    return {tag.strip() for tag in tags} <= set(feed.tags.split(","))


def host_of(feed: Feed) -> str:
    """The host that the feed is asked at, in lower case; empty for an impossible URL."""
    try:
        return urlsplit(feed.url).hostname or ""
    except ValueError:
        return ""


def _order(now_ms: int) -> Callable[[Feed], tuple[int, int, str]]:
    """The gravest state first; in it, what failed most often; then by title."""
    graveness = list(FeedState)
    return lambda feed: (
        graveness.index(state(feed, now_ms)),
        -feed.failures,
        (feed.title or feed.public_url).casefold(),
    )


def summary(feed: Feed, now_ms: int) -> dict[str, Any]:
    """A feed as JSON: every field that may be shown, and what follows from them."""
    pace = links_a_day(feed)
    shown = feed.shown
    del shown["history"]  # packed: `feeds show --json` has it
    return shown | {
        "state": str(state(feed, now_ms)),
        "states": [str(one) for one in states(feed, now_ms)],
        "host": host_of(feed),
        "answered": answered_ms(feed),
        "links_a_day": None if pace is None else round(pace, 2),
    }


def _print(feeds: list[Feed], now_ms: int) -> None:
    wide = table.width() >= WIDE
    rows = [(*_row(feed, now_ms), *([note(feed, now_ms)] if wide else [])) for feed in feeds]
    columns = (*_COLUMNS, "why") if wide else _COLUMNS
    if rows:
        table.show(columns, rows, numbers=_NUMBERS, shortened=("title", "why"))


def _row(feed: Feed, now_ms: int) -> tuple[object, ...]:
    glance = state(feed, now_ms)
    pace = links_a_day(feed)
    return (
        Text(glance, STYLES[glance]),
        feed.id,
        feed.title or feed.public_url,
        table.span((now_ms - feed.polled) / 1000) if feed.polled else "never",
        next_in(feed, now_ms),
        "-" if pace is None else number(pace),
        feed.gaps or "-",
        feed.failures or "-",
    )


def next_in(feed: Feed, now_ms: int) -> str:
    """In how long it is polled next."""
    if feed.paused:
        return "-"
    return table.span((feed.next - now_ms) / 1000) if feed.next > now_ms else "now"


def number(value: float) -> str:
    """A pace with two digits at least: ``1,234``, ``12``, ``1.2``, ``0.12``."""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.95 else f"{value:.2f}"


def note(feed: Feed, now_ms: int) -> str:
    """What there is to say of its state, in a clause."""
    found = states(feed, now_ms)
    if FeedState.FAILING in found or FeedState.GONE in found:
        return feed.error
    if FeedState.SILENT in found:
        return f"nothing new for {table.span((now_ms - feed.silent) / 1000)}"
    return "" if found[0] in (FeedState.OK, FeedState.NEW) else found[0].meaning


def _print_end(feeds: list[Feed], known: int, now_ms: int) -> None:
    """What the list amounts to; off a terminal on standard error, so that the lines are feeds only."""
    counts = Counter(state(feed, now_ms) for feed in feeds)
    told = ", ".join(f"{counts[one]} {one}" for one in FeedState if counts[one])
    of = f" of {known}" if len(feeds) < known else ""
    line = f"{len(feeds)}{of} feeds" + (f": {told}" if told else "")
    stream = sys.stdout if sys.stdout.isatty() else sys.stderr
    stream.write(f"\n{line}\n" if feeds else f"{line}\n")
