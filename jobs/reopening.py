"""Opening closed links again: what is to be done with them, and what came of asking."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple

from jobs.errors import Reason


class How(StrEnum):
    """What an opened link is to go through."""

    REQUEUE = "requeue"
    """What it failed in: a kept page is used, unless the page itself was the trouble (`PAGE_TO_BLAME`)."""
    REFETCH = "refetch"
    """The page is fetched again; the site may answer that it has not changed."""
    AFRESH = "afresh"
    """The page is fetched again whole: its validators are forgotten."""
    LIFT = "lift"
    """As `AFRESH`, and also what was withdrawn, which it is no longer then."""
    REPLAY = "replay"
    """The kept page is extracted again; nothing is fetched."""
    ENRICH = "enrich"
    """The article is enriched again as it was published."""
    PUBLISH = "publish"
    """The article is published again as it was."""
    RECHECK = "recheck"
    """The site is asked whether a published article changed. It stands as it is whatever else it answers."""


class Status(IntEnum):
    """What became of a link that was to be opened, as ``jobs/lua/reopen.lua`` says it."""

    OPENED = 1
    OPEN_ALREADY = 0
    UNKNOWN = -1
    NO_PAGE = -2
    """Its page is no longer kept, so it can't be replayed."""
    WITHDRAWN = -3
    """The article was taken down; only `How.LIFT` opens it again."""
    NO_EVENT = -4
    """Its newest event has left the stream, so there is nothing to enrich or publish again."""


class Reopened(NamedTuple):
    """One link that was to be opened."""

    link_id: str
    status: Status
    dead_job: str
    """Id of the failed RQ job that stood for it and is to go now; ``""`` when there was none."""


PAGE_TO_BLAME = frozenset(
    {
        Reason.EMPTY,
        Reason.FORBIDDEN,
        Reason.SOFT_NOT_FOUND,
        Reason.LOGIN_WALL,
        Reason.PAYWALL,
        Reason.CONSENT_WALL,
        Reason.BOT_CHALLENGE,
        Reason.PAGE_LOST,
    }
)
"""Reasons for which the kept page, if there is one, would only bring the same again."""
