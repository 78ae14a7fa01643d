"""The options by which commands select many links, and what is asked before many are changed."""

from __future__ import annotations

import difflib
import re
import sys
import time
from typing import Annotated

import typer
from redis import Redis

from jobs.errors import Outcome, PalmyraError, Reason
from jobs.link import OUTCOMES
from jobs.urls import link_id
from worker import factory
from worker.config import Settings
from worker.feeds.registry import Registry, feed_id
from worker.selection import Selection

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SEVERAL = "Several: any of them."

Reasons = Annotated[
    list[str] | None, typer.Option("--reason", help=f"Only those with this reason word. {_SEVERAL}")
]
Hosts = Annotated[
    list[str] | None, typer.Option("--host", help=f"Only those at this host, or below it. {_SEVERAL}")
]
Feeds = Annotated[
    list[str] | None, typer.Option("--feed", help=f"Only those of this feed (URL or id). {_SEVERAL}")
]
Older = Annotated[
    str | None, typer.Option("--older", help="Only those that ended longer ago than this: 30m, 2h, 7d.")
]
Newer = Annotated[str | None, typer.Option("--newer", help="Only those that ended since then: 30m, 2h, 7d.")]
Since = Annotated[
    str | None, typer.Option("--since", help="Only those that ended since this long ago: 30m, 2h, 7d.")
]
Outcomes = Annotated[
    list[str] | None,
    typer.Option("--outcome", help=f"Only those that ended so: published, skipped … {_SEVERAL}"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say which ones they would be.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def select(
    settings: Settings,
    redis: Redis,
    *,
    reasons: list[str] | None = None,
    outcomes: list[str] | None = None,
    hosts: list[str] | None = None,
    feeds: list[str] | None = None,
    older: str | None = None,
    newer: str | None = None,
    newer_option: str = "--newer",
) -> Selection:
    """What the options of a command select. Raises typer.BadParameter for one that can't be right."""
    registry = factory.registry(settings, redis)
    now_ms = int(time.time() * 1000)
    return Selection(
        reasons=_words(reasons, list(Reason), "--reason"),
        outcomes=_words(outcomes, list(OUTCOMES), "--outcome"),
        hosts=frozenset(_host(host) for host in hosts or ()),
        feeds=frozenset(_feed(registry, feed) for feed in feeds or ()),
        from_ms=None if newer is None else now_ms - ago_ms(newer, newer_option),
        to_ms=None if older is None else now_ms - ago_ms(older, "--older"),
    )


def _host(text: str) -> str:
    host = text.strip().lower().strip(".")
    if not re.fullmatch(r"[^\s/?#@]+", host):
        raise typer.BadParameter(f"{text!r} is no host name", param_hint="--host")
    return host


def ago_ms(text: str, option: str) -> int:
    """A length of time such as ``90s``, ``30m``, ``2h``, ``7d``, ``1w`` in milliseconds."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([smhdw])", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no length of time: write 30m, 2h or 7d", param_hint=option)
    return int(float(match[1]) * _UNITS_S[match[2]] * 1000)


def identify(url_or_id: str) -> str:
    """The link id that a URL or an id means. Raises PalmyraError."""
    if re.fullmatch(r"[a-z2-7]{16}", url_or_id):
        return url_or_id
    try:
        return link_id(url_or_id)
    except Outcome as error:
        raise PalmyraError(f"{url_or_id!r} is neither a link id nor a URL: {error.detail}") from None


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal whether to go on; scripts are not asked. Ends the command at a no."""
    if not yes and sys.stdin.isatty():
        typer.confirm(question, abort=True, err=True)


def _words(given: list[str] | None, known: list[str], option: str) -> frozenset[str]:
    words = frozenset(word.strip().lower() for word in given or ())
    for word in sorted(words - set(known)):
        near = difflib.get_close_matches(word, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise typer.BadParameter(f"{word!r} is unknown: {hint}", param_hint=option)
    return words


def _feed(registry: Registry, url_or_id: str) -> str:
    """The id of a feed; also of one that was removed, since its links remember it."""
    feed = registry.get(url_or_id)
    if feed is not None:
        return feed.id
    return url_or_id if re.fullmatch(r"[a-z2-7]{10}", url_or_id) else feed_id(url_or_id)
