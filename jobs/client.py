"""The one way out: an async HTTP client that hostile servers can't hurt, for feeds, pages and all else.

It stands on httpcore2 (the connections of httpx2) and adds only what it needs: there are no proxies, cookies,
credentials, Referer headers or automatic redirects to switch off, because there are none.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Self, cast

import httpcore2

from jobs import coding
from jobs.body import MAX_BODY_BYTES, Body, drain
from jobs.dial import GuardedBackend, Resolver, SystemResolver
from jobs.errors import Outcome, Permanent, Reason, Retry
from jobs.guard import Policy, check_url
from jobs.retry_after import retry_after_s
from jobs.urls import Parts, join, redact

USER_AGENT = f"Palmyra/{version('palmyra')} (feed reader; see the operator's contact)"
ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT_REDIRECTS = frozenset({301, 308})

KEEPALIVE_S = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a site answered, whatever its status."""

    url: str
    """The URL that was asked for, as it was given."""
    final_url: str
    """The URL that answered, after redirects, in normal form."""
    status: int
    headers: Mapping[str, str]
    """Names in lower case; values of a repeated one are joined by ``", "``."""
    body: bytes
    """After content decoding. Of an error (status 400 and over) only the beginning."""
    wire_bytes: int
    """Size of the body as sent."""
    took_ms: int
    """The whole call, redirects included."""
    address: str
    """The IP address that answered."""
    received_s: float
    """When the answer was complete, s since the epoch by this machine's clock."""
    redirects: tuple[tuple[int, str], ...] = ()
    """Each redirect on the way: its status and the URL that answered so."""
    moved_to: str | None = None
    """Where a redirect led that the caller did not want to follow; the body was not read then."""

    @property
    def etag(self) -> str | None:
        return self.headers.get("etag")

    @property
    def last_modified(self) -> str | None:
        return self.headers.get("last-modified")

    @property
    def content_type(self) -> str:
        """The Content-Type as sent, ``""`` when there was none."""
        return self.headers.get("content-type", "")

    @property
    def retry_after_s(self) -> float | None:
        """Seconds that the site asks to wait (Retry-After), if it does."""
        return retry_after_s(self.headers.get("retry-after"), self.received_s)

    @property
    def moved_permanently(self) -> bool:
        """True when there were redirects and all of them were permanent: the new URL replaces the old."""
        return bool(self.redirects) and all(status in PERMANENT_REDIRECTS for status, _ in self.redirects)


def always(_from_url: str, _to_url: str) -> bool:
    """Follow every redirect."""
    return True


@dataclass(frozen=True, slots=True)
class _Ask:
    """What a caller wants."""

    url: str
    headers: Mapping[str, str]
    """Sent only to the origin of `url`."""
    accept: str
    max_bytes: int
    connect_timeout_s: float
    max_redirects: int
    may_follow: Callable[[str, str], bool]


@dataclass(slots=True)
class _Trip:
    """How far a call has come."""

    start: Parts
    at: Parts
    started_s: float = field(default_factory=time.monotonic)
    hops: list[tuple[int, str]] = field(default_factory=list)
    seen: set[tuple[object, str]] = field(default_factory=set)
    body: Body = field(default_factory=Body)

    @property
    def host(self) -> str:
        return self.at.authority


class Client:
    """An async HTTP client; one for a process, used as a context manager. Safe for many calls at once."""

    def __init__(
        self,
        policy: Policy,
        *,
        user_agent: str = USER_AGENT,
        resolver: Resolver | None = None,
        dialler: httpcore2.AsyncNetworkBackend | None = None,
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = 128,
    ) -> None:
        """`dialler` opens connections to checked addresses; `ssl_context` says whom to trust (default: as the
        system does). More than `max_connections` calls at once wait for each other, under their deadlines."""
        self._policy = policy
        self._user_agent = user_agent
        self._own_resolver = None if resolver else SystemResolver()
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context or httpcore2.default_ssl_context(),
            max_connections=max_connections,
            max_keepalive_connections=max(1, max_connections // 2),
            keepalive_expiry=KEEPALIVE_S,
            network_backend=GuardedBackend(
                policy, resolver or cast(Resolver, self._own_resolver), dialler or httpcore2.AnyIOBackend()
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()
        if self._own_resolver:
            self._own_resolver.close()

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        accept: str = ACCEPT,
        max_bytes: int = MAX_BODY_BYTES,
        deadline_s: float = 30.0,
        connect_timeout_s: float = 10.0,
        max_redirects: int = 8,
        may_follow: Callable[[str, str], bool] = always,
    ) -> Answer:
        """GET a URL, following redirects as far as `may_follow(from_url, to_url)` allows.

        `headers` (validators, credentials) go only to the origin of `url`. The status is not judged.

        Raises:
            Permanent: `BAD_URL`, `BLOCKED_ADDRESS`, `REDIRECT_LOOP`, `BAD_REDIRECT`, `TOO_LARGE`.
            Retry: `DNS`, `CONNECT`, `TLS`, `TIMEOUT`, `BAD_RESPONSE`.
        """
        start = check_url(url, self._policy)
        ask = _Ask(url, headers or {}, accept, max_bytes, connect_timeout_s, max_redirects, may_follow)
        trip = _Trip(start, start)
        try:
            async with asyncio.timeout(deadline_s):
                return await self._travel(ask, trip)
        except TimeoutError as error:
            so_far = f", {trip.body.wire_bytes} bytes came" if trip.body.wire_bytes else ""
            raise Retry(Reason.TIMEOUT, f"{trip.host}: not done after {deadline_s:g} s{so_far}") from error

    async def _travel(self, ask: _Ask, trip: _Trip) -> Answer:
        """Ask, and go where redirects lead, until there is an answer."""
        while True:
            trip.seen.add((trip.at.origin, trip.at.target))
            async with self._asked(ask, trip) as response:
                headers = _headers(response)
                if response.status not in REDIRECTS:
                    trip.body = Body(trip.host, ask.max_bytes)
                    read = trip.body.read if response.status < 400 else trip.body.read_error
                    await read(response, headers)
                    return _answer(ask, trip, response, headers)
                await drain(response)
            came_from = str(trip.at)
            self._step(ask, trip, response.status, headers.get("location", ""))
            if not ask.may_follow(came_from, str(trip.at)):
                return _answer(ask, trip, response, headers, moved_to=str(trip.at))

    def _step(self, ask: _Ask, trip: _Trip, status: int, location: str) -> None:
        """One redirect further.

        Raises:
            Permanent: `BAD_REDIRECT`, `REDIRECT_LOOP`, `BLOCKED_ADDRESS`.
        """
        target = self._target(trip.at, status, location)
        trip.hops.append((status, str(trip.at)))
        if (target.origin, target.target) in trip.seen:
            raise Permanent(Reason.REDIRECT_LOOP, f"{redact(str(target))} comes round again")
        if len(trip.hops) > ask.max_redirects:
            raise Permanent(Reason.REDIRECT_LOOP, f"{trip.host}: more than {ask.max_redirects} redirects")
        trip.at = target

    def _target(self, at: Parts, status: int, location: str) -> Parts:
        if not location:
            raise Permanent(Reason.BAD_REDIRECT, f"{at.authority}: status {status} without a Location")
        try:
            # Header text is Latin-1 by the standard and UTF-8 in fact.
            target = join(str(at), location.encode("latin-1").decode("utf-8", "replace"))
            # RFC 9110, 10.2.2: a target without a fragment inherits it (on some sites it names the article).
            return check_url(
                target if "#" in target or not at.fragment else f"{target}#{at.fragment}", self._policy
            )
        except Permanent as error:
            if error.reason is not Reason.BAD_URL:
                raise
            raise Permanent(Reason.BAD_REDIRECT, f"{at.authority} redirects to {error.detail}") from error

    @asynccontextmanager
    async def _asked(self, ask: _Ask, trip: _Trip) -> AsyncIterator[httpcore2.Response]:
        """One request and its response, closed in the end; what goes wrong comes out as an `Outcome`."""
        try:
            response = await self._pool.handle_async_request(self._request(ask, trip))
            try:
                yield response
            finally:
                await response.aclose()
        except _NETWORK_ERRORS as error:
            raise explain(error, trip.host) from error

    def _request(self, ask: _Ask, trip: _Trip) -> httpcore2.Request:
        parts = trip.at
        headers = {
            "Host": parts.authority,
            "User-Agent": self._user_agent,
            "Accept": ask.accept,
            "Accept-Encoding": coding.ACCEPTED,
        }
        if parts.origin == trip.start.origin:
            headers |= ask.headers
        return httpcore2.Request(
            "GET",
            httpcore2.URL(scheme=parts.scheme, host=parts.host, port=parts.port, target=parts.target),
            headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()],
            # No read timeout of its own: the deadline of the call is over all of it.
            extensions={"timeout": {"connect": ask.connect_timeout_s}},
        )


_NETWORK_ERRORS = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    OSError,  # ssl.SSLError too, when encryption breaks in the middle of a body
)


def explain(error: Exception, host: str) -> Outcome:
    """The outcome that a failure of the network means. The detail names `host` and quotes nothing from it."""
    if isinstance(error, httpcore2.TimeoutException):
        return Retry(Reason.TIMEOUT, f"{host}: no connection in time")
    if isinstance(error, httpcore2.ProtocolError):
        return Retry(Reason.BAD_RESPONSE, f"{host}: {_own_words(str(error))}")
    causes = list(_causes(error))
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        words = getattr(tls, "verify_message", None) or tls.reason or "handshake failed"
        return Retry(Reason.TLS, f"{host}: {str(words).replace('_', ' ').lower()}")
    number = next((cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno), None)
    return Retry(Reason.CONNECT, f"{host}: {os.strerror(number) if number else 'the connection was lost'}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it."""
    for _ in range(10):
        if error is None:
            return
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from error.exceptions
        error = error.__cause__ or error.__context__


def _own_words(message: str) -> str:
    """A protocol error's message without what it quotes from the peer."""
    return message.partition(":")[0].partition(" b'")[0].partition("bytearray")[0].strip()[:120]


def _headers(response: httpcore2.Response) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _answer(
    ask: _Ask,
    trip: _Trip,
    response: httpcore2.Response,
    headers: Mapping[str, str],
    moved_to: str | None = None,
) -> Answer:
    peer = response.extensions["network_stream"].get_extra_info("server_addr")
    return Answer(
        url=ask.url,
        final_url=trip.hops[-1][1] if moved_to else str(trip.at),
        status=response.status,
        headers=headers,
        body=bytes(trip.body.data),
        wire_bytes=trip.body.wire_bytes,
        took_ms=round((time.monotonic() - trip.started_s) * 1000),
        address=str(peer[0]) if peer else "",
        received_s=time.time(),
        redirects=tuple(trip.hops),
        moved_to=moved_to,
    )
