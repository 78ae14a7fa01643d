"""The one error tree and the one vocabulary of reasons.

A job does not raise for an outcome that the world can bring about (a 404, a wall, a slow host): it raises one
of `Skip`, `Retry` or `Permanent` inside and turns it into an outcome in the ledger at its edge. What escapes
a job is a bug, and shows as one.
"""

from __future__ import annotations

from enum import StrEnum


class PalmyraError(Exception):
    """Something palmyra can explain went wrong."""

    def __str__(self) -> str:
        return super().__str__() or (type(self).__doc__ or "").strip()


class Reason(StrEnum):
    """Why a link ended, or was put off, without an article. The word is what operators search for."""

    # What the site answered
    NOT_FOUND = "not_found"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate_limited"
    HTTP_ERROR = "http_error"
    SERVER_ERROR = "server_error"
    REDIRECT_LOOP = "redirect_loop"
    BAD_REDIRECT = "bad_redirect"
    NOT_HTML = "not_html"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    BAD_RESPONSE = "bad_response"
    # What kept us from asking
    BLOCKED_ADDRESS = "blocked_address"
    BAD_URL = "bad_url"
    DNS = "dns"
    TLS = "tls"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    # What became of the page
    NO_TEXT = "no_text"
    TOO_COMPLEX = "too_complex"
    POISON = "poison"
    PAGE_LOST = "page_lost"
    LOST = "lost"

    @property
    def meaning(self) -> str:
        """One plain sentence, for people."""
        return MEANING[self]


MEANING: dict[Reason, str] = {
    Reason.NOT_FOUND: "the site says there is no such page",
    Reason.GONE: "the site says the page was taken down",
    Reason.FORBIDDEN: "the site refuses to show the page",
    Reason.RATE_LIMITED: "the site asks for fewer requests",
    Reason.HTTP_ERROR: "the site answered with an error that asking again won't mend",
    Reason.SERVER_ERROR: "the site has trouble of its own",
    Reason.REDIRECT_LOOP: "the page redirects in a circle or too often",
    Reason.BAD_REDIRECT: "the page redirects without saying where to",
    Reason.NOT_HTML: "the link leads to something that is not a web page",
    Reason.EMPTY: "the page is empty",
    Reason.TOO_LARGE: "the page is larger than the limit",
    Reason.BAD_RESPONSE: "the site's answer is not valid HTTP",
    Reason.BLOCKED_ADDRESS: "the address is not a public one, or its port is not allowed",
    Reason.BAD_URL: "the link is not a usable http(s) URL",
    Reason.DNS: "the site's name does not resolve",
    Reason.TLS: "no trustworthy encrypted connection could be made",
    Reason.CONNECT: "the site can't be reached",
    Reason.TIMEOUT: "the site took too long",
    Reason.NO_TEXT: "no article text was found on the page",
    Reason.TOO_COMPLEX: "processing the page exceeds the limits of time or memory",
    Reason.POISON: "processing the page killed its worker again and again",
    Reason.PAGE_LOST: "the stored page expired before it was processed",
    Reason.LOST: "the link was handed out many times and no attempt ever reported back",
}


class Outcome(PalmyraError):
    """An attempt ended without an article. Carries the reason and, in its message, what was tried."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.meaning}: {detail}" if detail else reason.meaning)
        self.reason = reason
        self.detail = detail


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
