"""The one error tree and the one vocabulary of reasons.

A job does not raise for an outcome that the world can bring about (a 404, a wall, a slow host): it raises one
of `Skip`, `Retry` or `Permanent` inside and turns it into an outcome in the ledger at its edge. What escapes
a job is a bug, and shows as one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class PalmyraError(Exception):
    """Something palmyra can explain went wrong."""

    def __str__(self) -> str:
        return super().__str__() or (type(self).__doc__ or "").strip()


class Reason(StrEnum):
    """Why a link ended, or was put off, without an article. The word is what operators search for."""

    # What the site answered
    NOT_FOUND = "not_found"
    SOFT_NOT_FOUND = "soft_not_found"
    GONE = "gone"
    LEGAL_REASONS = "legal_reasons"
    FORBIDDEN = "forbidden"
    LOGIN_WALL = "login_wall"
    PAYWALL = "paywall"
    CONSENT_WALL = "consent_wall"
    BOT_CHALLENGE = "bot_challenge"
    RATE_LIMITED = "rate_limited"
    HTTP_ERROR = "http_error"
    SERVER_ERROR = "server_error"
    REDIRECT_LOOP = "redirect_loop"
    BAD_REDIRECT = "bad_redirect"
    NOT_HTML = "not_html"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    BOMB = "bomb"
    HEADERS_TOO_LARGE = "headers_too_large"
    WRONG_LENGTH = "wrong_length"
    TOO_SLOW = "too_slow"
    BAD_RESPONSE = "bad_response"
    # What kept us from asking
    ROBOTS = "robots"
    ROBOTS_UNREACHABLE = "robots_unreachable"
    BLOCKED_ADDRESS = "blocked_address"
    BAD_URL = "bad_url"
    DNS = "dns"
    TLS = "tls"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    # What became of the page
    NO_TEXT = "no_text"
    LISTING_PAGE = "listing_page"
    MEDIA_PAGE = "media_page"
    TOO_COMPLEX = "too_complex"
    POISON = "poison"
    STOPPED = "stopped"
    PAGE_LOST = "page_lost"
    LOST = "lost"
    WITHDRAWN = "withdrawn"

    @property
    def kind(self) -> Kind:
        """What becomes of a link that ends an attempt with this reason."""
        return VOCABULARY[self].kind

    @property
    def feed_stands_in(self) -> bool:
        """Is the feed's own content published, where it is whole, when the page can't be had for this?"""
        return VOCABULARY[self].feed_stands_in

    @property
    def meaning(self) -> str:
        """One plain clause, for people."""
        return VOCABULARY[self].meaning


class Kind(StrEnum):
    """What a reason does to a link."""

    RETRY = "retry"
    """May pass: tried again later (jobs/retries.py); what does not pass ends as ``failed``."""
    PERMANENT = "permanent"
    """Should have been an article but can't be had: ``failed`` at once, in the dead letter."""
    SKIP = "skip"
    """No article, and never will be: ``skipped``."""


class Said(NamedTuple):
    """One row of the vocabulary."""

    kind: Kind
    feed_stands_in: bool
    """See `Reason.feed_stands_in`. No for what the publisher took down, and for what is no article."""
    meaning: str


_R, _P, _S = Kind.RETRY, Kind.PERMANENT, Kind.SKIP

VOCABULARY: dict[Reason, Said] = {
    Reason.NOT_FOUND: Said(_P, False, "the site says there is no such page"),
    Reason.SOFT_NOT_FOUND: Said(_S, False, "the page is an error message that is served as a page"),
    Reason.GONE: Said(_P, False, "the site says the page was taken down"),
    Reason.LEGAL_REASONS: Said(_P, False, "the site may not show the page, for legal reasons"),
    Reason.FORBIDDEN: Said(_P, True, "the site refuses to show the page"),
    Reason.LOGIN_WALL: Said(_P, True, "the site shows the page only to those who log in"),
    Reason.PAYWALL: Said(_P, True, "the site shows the page only to those who pay"),
    Reason.CONSENT_WALL: Said(_P, True, "the site asks for consent to cookies and shows nothing else"),
    Reason.BOT_CHALLENGE: Said(_R, True, "the site has visitors prove that they are no robots"),
    Reason.RATE_LIMITED: Said(_R, True, "the site asks for fewer requests"),
    Reason.HTTP_ERROR: Said(_P, True, "the site answered with an error that asking again won't mend"),
    Reason.SERVER_ERROR: Said(_R, True, "the site has trouble of its own"),
    Reason.REDIRECT_LOOP: Said(_P, True, "the page redirects in a circle or too often"),
    Reason.BAD_REDIRECT: Said(_P, True, "the page redirects without saying where to"),
    Reason.NOT_HTML: Said(_S, False, "the link leads to something that is not a web page"),
    Reason.EMPTY: Said(_R, True, "the page is empty"),
    Reason.TOO_LARGE: Said(_P, True, "the page is larger than the limit"),
    Reason.BOMB: Said(_P, True, "the page unpacks to more than the limit"),
    Reason.HEADERS_TOO_LARGE: Said(_P, True, "the headers of the site's answer are larger than the limit"),
    Reason.WRONG_LENGTH: Said(_R, True, "the site's answer is not as long as it says"),
    Reason.TOO_SLOW: Said(_R, True, "the site answers too slowly to finish in time"),
    Reason.BAD_RESPONSE: Said(_R, True, "the site's answer is not valid HTTP"),
    Reason.ROBOTS: Said(_S, True, "the site's robots.txt asks us not to fetch the page"),
    Reason.ROBOTS_UNREACHABLE: Said(
        _R, True, "the site's robots.txt can't be read, so nothing may be fetched"
    ),
    Reason.BLOCKED_ADDRESS: Said(_P, False, "the address is not a public one, or its port is not allowed"),
    Reason.BAD_URL: Said(_P, False, "the link is not a usable http(s) URL"),
    Reason.DNS: Said(_R, True, "the site's name does not resolve"),
    Reason.TLS: Said(_R, True, "no trustworthy encrypted connection could be made"),
    Reason.CONNECT: Said(_R, True, "the site can't be reached"),
    Reason.TIMEOUT: Said(_R, True, "the site did not answer in time"),
    Reason.NO_TEXT: Said(_S, True, "no article text was found on the page"),
    Reason.LISTING_PAGE: Said(_S, False, "the page is a list of articles, not one"),
    Reason.MEDIA_PAGE: Said(_S, True, "the page shows a video, sound or pictures, and no article"),
    Reason.TOO_COMPLEX: Said(_P, True, "processing the page exceeds the limits of time or memory"),
    Reason.POISON: Said(_P, False, "processing the page killed its worker again and again"),
    Reason.STOPPED: Said(_R, False, "the job was stopped by hand"),
    Reason.PAGE_LOST: Said(_P, False, "the stored page expired before it was processed"),
    Reason.LOST: Said(_P, False, "the link was handed out many times and no attempt ever reported back"),
    Reason.WITHDRAWN: Said(_S, False, "an operator took the article down before it was published"),
}
"""The vocabulary: every reason, in one place. `docs/operating.md` has it with what to do."""
MEANING: dict[Reason, str] = {reason: said.meaning for reason, said in VOCABULARY.items()}


class Outcome(PalmyraError):
    """An attempt ended without an article. Carries the reason and, in its message, what was tried."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.meaning}: {detail}" if detail else reason.meaning)
        self.reason = reason
        self.detail = detail
        self.trip = ""
        """How the request went (status, bytes, time, address, redirects) in words, as far as it came."""


class Skip(Outcome):
    """Not an article, and never will be: the link ends as ``skipped``."""


class Retry(Outcome):
    """May work later: the ledger decides when, and when it was tried often enough."""

    def __init__(self, reason: Reason, detail: str = "", *, after_s: float | None = None) -> None:
        super().__init__(reason, detail)
        self.after_s = after_s
        """Seconds the site asked us to wait (Retry-After), if it did. Replaces the back-off step."""


class Permanent(Outcome):
    """Should have been an article but can't be had: the link ends as ``failed``, in the dead letter."""
