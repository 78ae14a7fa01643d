"""The newsroom page: the newest articles, and the status line above them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from redis import Redis

from jobs.keys import Keys
from jobs.ledger import Ledger
from worker.stream import late
from worker.web.card import Card, card, read_event
from worker.web.site import site

NEWEST = 50

# What the page's script fills with an article that arrives.
BLANK = Card(
    entry="0-0",
    id="-",
    kind="published",
    headline="",
    url=None,
    source="",
    section=None,
    language=None,
    published=None,
    emitted=None,
    took_ms=None,
    summary="",
    word_count=0,
)

blueprint = Blueprint("newsroom", __name__)


@blueprint.get("/")
def newsroom() -> str:
    """The newest articles; the page's script adds those that arrive."""
    here = site()
    since, cards = newest(here.redis, here.keys.stream)
    numbers = status(here.redis, here.keys, here.ledger)
    return render_template("newsroom.html", cards=cards, blank=BLANK, since=since, numbers=numbers)


def newest(redis: Redis, stream: str, count: int = NEWEST) -> tuple[str, list[Card]]:
    """The id of the stream's last entry (``0-0`` when there is none), and the newest articles' cards.

    Each article is there once, as its newest revision; withdrawn ones are not.
    """
    entries: Any = redis.xrevrange(stream, count=count)
    cards: dict[str, Card] = {}
    for entry, fields in entries:
        event = read_event(fields)
        shown = card(entry.decode(), event) if event else None
        if shown is not None:
            cards.setdefault(shown.id, shown)
    since = entries[0][0].decode() if entries else "0-0"
    return since, [shown for shown in cards.values() if shown.kind != "withdrawn"]


def status(redis: Redis, keys: Keys, ledger: Ledger) -> dict[str, int]:
    """The numbers of the status line."""
    totals = ledger.totals()
    feeds: Any = redis.zcard(keys.feeds)
    numbers = {name: totals[name] for name in ("published", "in_flight", "failed")}
    return numbers | {"feeds": int(feeds), "late": late(redis, keys)}
