"""What the commands about feeds check of what they are given."""

from __future__ import annotations

import re

from jobs.errors import Outcome, PalmyraError
from jobs.guard import check_url
from jobs.urls import redact
from worker import factory
from worker.config import Settings
from worker.feeds import backfill
from worker.feeds.login import login
from worker.feeds.registry import Feed

MAX_TAGS = 30

_TAG = re.compile(r"[^\x00-\x1f\x7f,]{1,60}")


def check_feed_url(loaded: Settings, url: str) -> None:
    """Raises PalmyraError when no feed can be at a URL, with what is wrong with it."""
    try:
        url.encode()
        check_url(login(url).url, factory.policy(loaded))
    except UnicodeEncodeError:
        raise PalmyraError(f"{redact(url)}: the URL holds bytes that are no UTF-8 text") from None
    except Outcome as error:
        raise PalmyraError(f"{redact(url)}: {error}") from None


def known(feed: Feed | None, asked: str) -> Feed:
    """The feed. Raises PalmyraError when there is none."""
    if feed is None:
        shown = redact(asked)
        raise PalmyraError(f"No feed {shown!r} is registered. `palmyra feeds list` shows those that are.")
    return feed


def joined_tags(tags: list[str]) -> str:
    """Tags as a feed keeps them. Raises PalmyraError."""
    given = dict.fromkeys(stripped for tag in tags if (stripped := tag.strip()))
    bad = next((tag for tag in given if not _TAG.fullmatch(tag)), None)
    if bad is not None:
        raise PalmyraError(f"{bad[:80]!r} is no tag: at most 60 characters, without commas.")
    if len(given) > MAX_TAGS:
        raise PalmyraError(f"{len(given)} tags for one feed: the limit is {MAX_TAGS}.")
    return ",".join(given)


def backfill_policy(text: str) -> str:
    """A backfill policy, or ``""`` for the setting. Raises PalmyraError."""
    if text and not re.fullmatch(backfill.PATTERN, text):
        raise PalmyraError(f"{text!r} is no backfill policy: write all, none, or a number of links.")
    return text


def folder_path(text: str) -> str:
    """Folders as a feed keeps them: names joined by ``/``."""
    return "/".join(name for part in text.split("/") if (name := " ".join(part.split())))
