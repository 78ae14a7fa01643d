"""Why a feed document gave nothing: one error, one vocabulary."""

from __future__ import annotations

from enum import StrEnum

from jobs.errors import PalmyraError


class FeedReason(StrEnum):
    """Why no feed could be read from a document. The word is what operators search for."""

    NOT_A_FEED = "not_a_feed"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    TOO_COMPLEX = "too_complex"
    BAD_ENCODING = "bad_encoding"
    CRASHED = "crashed"

    @property
    def meaning(self) -> str:
        """One plain clause, for people."""
        return MEANING[self]


MEANING: dict[FeedReason, str] = {
    FeedReason.NOT_A_FEED: "the document is not a feed",
    FeedReason.EMPTY: "the document is empty",
    FeedReason.TRUNCATED: "the feed is cut off before its first complete entry",
    FeedReason.MALFORMED: "the feed is too broken to be read",
    FeedReason.TOO_LARGE: "the feed is larger than the limit",
    FeedReason.TOO_COMPLEX: "reading the feed exceeds the limits of time or memory",
    FeedReason.BAD_ENCODING: "the feed's bytes are not text in any encoding it could be in",
    FeedReason.CRASHED: "the process that read the feed died over it",
}


class FeedError(PalmyraError):
    """A document gave no feed. Survives pickling, so that a child process can raise it in its parent."""

    def __init__(self, reason: FeedReason, found: str = "", feeds: tuple[str, ...] = ()) -> None:
        super().__init__(f"{reason.meaning}: {found}" if found else reason.meaning)
        self.reason = reason
        self.found = found
        """What was found instead, in words."""
        self.feeds = feeds
        """URLs of feeds that the document names, when it is a web page."""

    def __reduce__(self) -> tuple[type[FeedError], tuple[FeedReason, str, tuple[str, ...]]]:
        return FeedError, (self.reason, self.found, self.feeds)
