"""An article's own page: its text, what is known of it and from where, and the way it came."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, render_template
from redis import Redis

from jobs.article import ID_PATTERN
from jobs.copies.lineage import copies_of
from jobs.keys import Keys
from jobs.link import Story
from jobs.stories import view as stories
from worker.web.card import card, http_url, read_event
from worker.web.difference import Difference, compared
from worker.web.site import site

blueprint = Blueprint("article", __name__)

# Shown elsewhere on the page, or how the rest is annotated.
_NOT_ROWS = frozenset({"text", "provenance", "timings", "duplicate", "story"})


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a row."""

    text: str
    href: str | None
    """The same, where it may become a link."""


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the article's data."""

    name: str
    items: tuple[Item, ...]
    """Empty when the value is null or an empty list."""
    origin: str | None
    """Where the value came from, in the event's own word."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, or a list, of the article's text."""

    lines: tuple[str, ...]
    is_list: bool


@blueprint.get("/article/<article_id>")
def article(article_id: str) -> str:
    """The newest event of an article that is still on the stream."""
    here = site()
    if not re.fullmatch(ID_PATTERN, article_id):
        abort(404, "That is not the id of an article.")
    story = here.ledger.story(article_id)
    if story and story.withdrawn_ms:
        abort(410, "This article was withdrawn.")
    if story and story.gone_ms:
        abort(410, "Its publisher withdrew this article.")
    entry, event = newest_event(here.redis, here.keys, article_id)
    shown = card(entry, event) if event else None
    if event is None or shown is None:
        abort(404, _why_not(story))
    data = event["data"]
    return render_template(
        "article.html",
        card=shown,
        data=data,
        blocks=list(blocks(str(data.get("text") or ""))),
        rows=list(rows(data)),
        timings=data.get("timings") or {},
        story=story,
        copies=copies_of(here.redis, here.keys, article_id),
        difference=_difference(here.redis, here.keys, article_id, data),
        of_story=_story(here.redis, here.keys, data),
    )


def newest_event(redis: Redis, keys: Keys, article_id: str) -> tuple[str, dict[str, Any] | None]:
    """The stream entry's id and the event, by the link's own note of it; None when it is gone."""
    return _noted(redis, keys, article_id, "entry")


def _noted(redis: Redis, keys: Keys, article_id: str, field: str) -> tuple[str, dict[str, Any] | None]:
    noted: Any = redis.hget(keys.link(article_id), field)
    if noted is None:
        return "", None
    entry = noted.decode()
    entries: Any = redis.xrange(keys.stream, entry, entry)
    return entry, read_event(entries[0][1]) if entries else None


def _difference(redis: Redis, keys: Keys, article_id: str, data: Mapping[str, Any]) -> Difference | None:
    """To the revision before, while its event is on the stream."""
    _, before = _noted(redis, keys, article_id, "was")
    return compared(before["data"], data) if before else None


def changed(kind: str) -> str:
    """``typo`` → what that is, to a reader."""
    words = {
        "typo": "a slip was mended",
        "headline": "a new headline",
        "correction": "a correction",
        "substantive": "news",
        "replayed": "read anew by us",
    }
    return words.get(kind, "changed")


def _story(redis: Redis, keys: Keys, data: Mapping[str, Any]) -> stories.Shown | None:
    """The story that the article belongs to, as it stands now; None when it is alone in it."""
    told = data.get("story")
    found = stories.story(redis, keys, told["id"]) if isinstance(told, dict) and told.get("id") else None
    return found if found and found.size > 1 else None


def copied(kind: str) -> str:
    """``wire_copy`` → what that is, to a reader."""
    return {"exact": "the same text", "wire_copy": "a copy", "excerpt": "an excerpt"}.get(kind, kind)


def _why_not(story: Story | None) -> str:
    if story is None:
        return "No article with this id is known. It may have been forgotten: links are kept for a time only."
    if story.duplicate_of:
        return f"This link leads to the same page as article {story.duplicate_of}."
    if story.revision:
        return "This article was published, but it is no longer on the stream, which is kept for a time only."
    state = f"{story.outcome}: {story.reason}" if story.reason else story.outcome or story.state
    return f"Nothing was published from this link; it is {state}. More: palmyra why {story.url}"


def blocks(text: str) -> Iterator[Block]:
    """The text's paragraphs and lists: blocks are a blank line apart, list items begin with ``- ``."""
    for part in re.split(r"\n\s*\n", text.strip()):
        lines = tuple(line for line in part.split("\n") if line.strip())
        if lines and all(line.startswith("- ") for line in lines):
            yield Block(tuple(line[2:] for line in lines), is_list=True)
        elif lines:
            yield Block(lines, is_list=False)


def rows(data: Mapping[str, Any]) -> Iterator[Row]:
    """The event's data, field by field, for people."""
    origins = data.get("provenance")
    origins = origins if isinstance(origins, dict) else {}
    for name, value in data.items():
        if name not in _NOT_ROWS:
            origin = origins.get(name)
            yield Row(name, tuple(items(value)), str(origin) if origin else None)


def items(value: object) -> Iterator[Item]:
    """A value as lines of text: lists one by one, objects as ``name: value``."""
    if value is None or value in ("", [], {}):
        return
    if isinstance(value, list) and all(isinstance(one, str) and not http_url(one) for one in value):
        yield Item(" · ".join(value), None)
    elif isinstance(value, list):
        for one in value:
            yield from items(one) if not isinstance(one, dict) else (_joined(one),)
    elif isinstance(value, dict):
        for name, one in value.items():
            for item in items(one):
                yield Item(f"{name}: {item.text}", item.href)
    else:
        yield Item(str(value), http_url(value))


def _joined(value: Mapping[str, Any]) -> Item:
    """An object in a list, on one line: its URL as the link under its other values."""
    parts = [item for one in value.values() for item in items(one)]
    href = next((part.href for part in parts if part.href), None)
    words = [part.text for part in parts if not part.href] or [part.text for part in parts]
    return Item(" · ".join(words), href)
