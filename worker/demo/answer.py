"""What a site answers, and what a server needs of a site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer before it is written. The server adds ETag, Content-Length and Date."""

    body: bytes
    content_type: str = HTML
    status: int = 200
    modified: datetime | None = None
    """Last-Modified, if it is known."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed that a site offers."""

    path: str
    title: str


class Site(Protocol):
    """Something to serve. Called from many threads at once."""

    @property
    def feeds(self) -> Sequence[FeedLink]:
        """The feeds it has."""

    def answer(self, path: str, origins: Sequence[str]) -> Answer | None:
        """What is at `path` (unquoted, no query); None: nothing.

        `origins` are the addresses it is reached under, like ``http://127.0.0.1:8001``; links begin with one.
        """


def robots_txt() -> Answer:
    """Everything may be fetched."""
    return Answer(b"User-agent: *\nAllow: /\n", "text/plain; charset=utf-8")
