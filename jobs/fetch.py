"""Fetching one page: what a site's answer means for a link."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobs.body import MAX_BODY_BYTES
from jobs.client import Answer, Client
from jobs.errors import Outcome, Permanent, Reason, Retry, Skip
from jobs.page import Page, kept_headers
from jobs.permitted import Permission, get_permitted
from jobs.trip import told
from jobs.urls import domain, split
from jobs.validators import Validators
from jobs.walls import challenger

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
SNIFFED_TYPES = frozenset(
    {"", "text/plain", "text/xml", "application/xml", "application/octet-stream", "unknown/unknown"}
)
"""Types under which misconfigured sites serve HTML: believed only if the body looks like it."""
OK_STATUSES = frozenset({200, 203})
SNIFF_BYTES = 2048

_BLANK = b"\x00\t\n\x0b\x0c\r \xef\xbb\xbf\xfe\xff\xa0"  # white space, byte order marks and padding
_HTML_START = re.compile(rb"<(?:!doctype\s+html|html|head|body)[\s>]", re.I)
_MAGIC = (
    b"%PDF-",
    b"%!PS",
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"ID3",
    b"OggS",
    b"\x7fELF",
    b"wOFF",
    b"wOF2",
    b"\xd0\xcf\x11\xe0",
    b"\x1a\x45\xdf\xa3",
)


@dataclass(frozen=True, slots=True)
class Moved:
    """A redirect led to another registrable domain: the link goes back to the ledger and waits there."""

    url: str
    """Where to go on, in normal form."""
    hops: tuple[str, ...]
    """The URLs on the way, each of which redirected."""
    took_ms: int = 0
    address: str = ""
    """The IP address that redirected last."""


@dataclass(frozen=True, slots=True)
class NotModified:
    """The page is what it was when its validators were given (status 304)."""

    final_url: str
    """The URL that answered, after redirects."""
    took_ms: int
    address: str
    """The IP address that answered."""
    redirects: tuple[str, ...] = ()
    """The URLs on the way, without the last."""


async def fetch_page(
    client: Client,
    url: str,
    *,
    permission: Permission | None = None,
    validators: Validators | None = None,
    deadline_s: float = 30.0,
    max_bytes: int = MAX_BODY_BYTES,
    now_ms: int | None = None,
) -> Page | Moved | NotModified:
    """Download one page, following redirects inside its registrable domain.

    With `validators` the site is asked whether the page changed since, and may say no. `now_ms` is the time
    at the start by the clock that the page's time is to be in (default: this machine's). `permission` is
    asked for each URL on the way.

    Raises:
        Outcome: as `Client.get` and `judge` say, and what `permission` raises.
    """
    answer = await get_permitted(
        client,
        url,
        permission or _anything,
        deadline_s=deadline_s,
        max_bytes=max_bytes,
        validators=validators,
    )
    if answer.moved_to is not None:
        hops = tuple(hop for _, hop in answer.redirects)
        return Moved(answer.moved_to, hops, answer.took_ms, answer.address)
    # A 304 to a request without validators is no answer: `judge` says so.
    if answer.status == 304 and validators and validators.url == answer.final_url:
        hops = tuple(hop for _, hop in answer.redirects)
        return NotModified(answer.final_url, answer.took_ms, answer.address, hops)
    received_ms = round(answer.received_s * 1000) if now_ms is None else now_ms + answer.took_ms
    return judge(answer, fetched_ms=received_ms)


async def _anything(_client: Client, _url: str) -> None:
    """Permission for every URL."""


def same_domain(from_url: str, to_url: str) -> bool:
    """True when both URLs are of one registrable domain, so that one politeness slot covers both."""
    return domain(from_url) == domain(to_url)


def judge(answer: Answer, *, fetched_ms: int) -> Page:
    """The page that an answer carries.

    Raises:
        Skip: `NOT_HTML`.
        Retry: `RATE_LIMITED`, `SERVER_ERROR`, `EMPTY`, `BAD_RESPONSE`, `BOT_CHALLENGE`.
        Permanent: `NOT_FOUND`, `GONE`, `LEGAL_REASONS`, `FORBIDDEN`, `LOGIN_WALL`, `PAYWALL`, `HTTP_ERROR`.
    """
    if outcome := _no_page(answer, split(answer.final_url).authority):
        way = tuple(hop for _, hop in answer.redirects)
        outcome.trip = told(len(answer.body), answer.took_ms, answer.address, way)
        raise outcome
    return _page(answer, fetched_ms)


def _no_page(answer: Answer, host: str) -> Outcome | None:
    """Why an answer carries no page; None when it does."""
    if vendor := challenger(answer.status, answer.headers, answer.body):
        detail = f"{host}: status {answer.status}, a challenge by {vendor}"
        return Retry(Reason.BOT_CHALLENGE, detail, after_s=answer.retry_after_s)
    if answer.status not in OK_STATUSES:
        return _refusal(answer, host)
    # An article page without content is next to always a site in trouble: worth asking again, within the
    # number of attempts that the ledger allows. So is 204, which `_refusal` treats the same.
    if not answer.body.strip(_BLANK):
        return Retry(Reason.EMPTY, f"{host}: status {answer.status} with an empty body")
    if found := not_html(answer.content_type, answer.body):
        return Skip(Reason.NOT_HTML, f"{host}: status {answer.status}, {found}")
    return None


def not_html(content_type: str, body: bytes) -> str | None:
    """What a body is instead of HTML, in words, or None when it is HTML as far as its beginning tells.

    What the body starts with counts more than the declared type, which is often wrong. Plain text without
    markup is not taken: it has no structure that tells an article from a licence or a robots file.
    """
    start = body[:SNIFF_BYTES].lstrip(_BLANK)
    if body.startswith(_MAGIC) or start.startswith(_MAGIC) or body[4:8] == b"ftyp":
        return "a document, picture, sound or archive"
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in HTML_TYPES:
        return None
    if media_type in SNIFFED_TYPES:
        return None if _HTML_START.search(start) else "not HTML, and not declared as such"
    # The words are the site's: only what a media type may consist of is repeated.
    return f"declared as {re.sub(r'[^a-z0-9.+/_-]', '', media_type)[:60]}"


def _refusal(answer: Answer, host: str) -> Outcome:
    """The outcome of an answer that is not a page, by its status (RFC 9110, 15)."""
    status, after_s = answer.status, answer.retry_after_s
    detail = f"{host}: status {status}"
    if status in _PERMANENT:
        return Permanent(_PERMANENT[status], detail)
    if status == 429:
        return Retry(Reason.RATE_LIMITED, detail, after_s=after_s)
    if status in (408, 425) or 500 <= status < 600:
        return Retry(Reason.SERVER_ERROR, detail, after_s=after_s)
    if 400 <= status < 500:
        return Permanent(Reason.HTTP_ERROR, detail)
    if status in (204, 205):
        return Retry(Reason.EMPTY, detail)
    return Retry(Reason.BAD_RESPONSE, f"{detail} is no answer to this request")


_PERMANENT = {
    401: Reason.LOGIN_WALL,
    402: Reason.PAYWALL,
    403: Reason.FORBIDDEN,
    404: Reason.NOT_FOUND,
    410: Reason.GONE,
    451: Reason.LEGAL_REASONS,
}


def _page(answer: Answer, fetched_ms: int) -> Page:
    return Page(
        url=answer.url,
        final_url=answer.final_url,
        status=answer.status,
        body=answer.body,
        content_type=answer.content_type,
        fetched_ms=fetched_ms,
        took_ms=answer.took_ms,
        wire_bytes=answer.wire_bytes,
        address=answer.address,
        redirects=tuple(hop for _, hop in answer.redirects),
        etag=answer.etag,
        last_modified=answer.last_modified,
        headers=kept_headers(answer.headers),
    )
