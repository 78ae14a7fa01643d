"""Stories: those that grew last, and each with its articles in the order in which they came."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, redirect, render_template, url_for
from redis import Redis
from werkzeug.wrappers import Response

from jobs.article import ID_PATTERN
from jobs.keys import Keys
from jobs.stories import view
from jobs.stories.event import StoryArticle
from worker.web.card import Card, card, http_url, language, read_event, shortened
from worker.web.site import site

MOST = 100
"""Stories on the page of all."""

blueprint = Blueprint("stories", __name__)


@blueprint.get("/stories")
def stories() -> str:
    """The stories that grew last."""
    here = site()
    return render_template("stories.html", stories=view.newest(here.redis, here.keys, MOST))


@blueprint.get("/story/<story_id>")
def story(story_id: str) -> str | Response:
    """One story. Under the id of one that was merged, this leads to where it went."""
    here = site()
    if not re.fullmatch(ID_PATTERN, story_id):
        abort(404, "That is not the id of a story.")
    found = view.story(here.redis, here.keys, story_id)
    if found is None:
        abort(
            404, "No story with this id is known. Stories are kept for a time only after their last article."
        )
    if found.id != story_id:
        return redirect(url_for("stories.story", story_id=found.id))
    cards = sorted(articles(here.redis, here.keys, found.articles), key=lambda one: one.emitted or "")
    return render_template("story.html", story=found, cards=[(one, behind_ms(one, found)) for one in cards])


def behind_ms(one: Card, of: view.Shown) -> int | None:
    """How much later than the story's first article this one came; None for that one itself."""
    if one.id == of.first.id or one.emitted is None:
        return None
    first, this = datetime.fromisoformat(of.first.first_seen), datetime.fromisoformat(one.emitted)
    return max(0, round((this - first).total_seconds() * 1000))


def articles(redis: Redis, keys: Keys, ids: Iterable[str]) -> Iterator[Card]:
    """The cards of these articles, of those that are still on the stream."""
    names = list(ids)
    with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hget(keys.link(name), "entry")
        entries = [entry.decode() for entry in pipe.execute() if entry]
        for entry in entries:
            pipe.xrange(keys.stream, entry, entry)
        found: Any = pipe.execute()
    for entry, there in zip(entries, found, strict=True):
        event = read_event(there[0][1]) if there else None
        shown = card(entry, event) if event else None
        if shown and shown.kind != "withdrawn":
            yield shown


def headline(article: StoryArticle) -> str:
    """An article's headline, as a line; its address where it has none."""
    return shortened(article.headline or article.url or article.id, 200)


FILTERS = {"story_headline": headline, "http_url": http_url, "language_tag": language}
