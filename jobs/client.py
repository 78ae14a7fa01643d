"""The one way out: an async HTTP client that hostile servers can't hurt, for feeds, pages and all else.

It stands on httpcore2 (the connections of httpx2) and adds only what it needs: there are no cookies,
credentials, Referer headers, automatic redirects or proxies of the environment to switch off, because there
are none. A proxy that a caller names is dialled as the operator gave it; most resolve the names of sites, so
that the addresses behind these are theirs to guard. What a URL itself tells is still checked here.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Self
from urllib.parse import urlencode
from zlib import crc32

import httpcore2

from jobs import coding
from jobs.answer import Answer as Answer  # part of what this module offers
from jobs.body import ERROR_BYTES, LARGE_AT_ONCE, MAX_BODY_BYTES, Body, drain
from jobs.dial import GuardedBackend
from jobs.errors import Permanent, Reason, Retry
from jobs.exchange import exchange, headers_of
from jobs.guard import Policy, check_unresolved, check_url
from jobs.network_errors import NETWORK_ERRORS, explain
from jobs.proxy import proxy as proxy_at
from jobs.proxy import route
from jobs.resolver import CachedResolver, Resolver, SystemResolver
from jobs.urls import Parts, join, redact
from jobs.user_agent import user_agent as agent_of
from jobs.validators import Validators
from jobs.wire import Wire, WireBackend

NAMELESS = agent_of()
"""The User-Agent when nobody says whom publishers can turn to."""
FORM = "application/x-www-form-urlencoded"
ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
SAME_METHOD_REDIRECTS = frozenset({307, 308})
"""The only ones that ask for a form to be sent again (RFC 9110, 15.4)."""

KEEPALIVE_S = 15.0
SHARDS = 16
"""Pools of connections, by host: for each request, a pool looks at every connection that it has."""


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
    proxy: str = ""
    """Its URL; ``""`` for none."""
    form: bytes | None = None
    """What to POST; None: the request is a GET."""
    content_type: str = FORM
    """Of what is posted."""
    validators: Validators | None = None
    """Sent to the one URL that they are of, be it on the way."""
    beginning: bool = False
    """Of a body over `max_bytes`, its beginning is wanted."""

    @property
    def redirects(self) -> frozenset[int]:
        """The statuses that lead further."""
        return REDIRECTS if self.form is None else SAME_METHOD_REDIRECTS


@dataclass(slots=True)
class _Trip:
    """How far a call has come."""

    start: Parts
    at: Parts
    started_s: float = field(default_factory=time.monotonic)
    hops: list[tuple[int, str]] = field(default_factory=list)
    seen: set[tuple[object, str]] = field(default_factory=set)
    body: Body = field(default_factory=Body)
    wire: Wire = field(default_factory=Wire)
    """Of the request that is under way."""

    @property
    def host(self) -> str:
        return self.at.authority


class Client:
    """An async HTTP client; one for a process, used as a context manager. Safe for many calls at once."""

    def __init__(
        self,
        policy: Policy,
        *,
        user_agent: str = NAMELESS,
        resolver: Resolver | None = None,
        dialler: httpcore2.AsyncNetworkBackend | None = None,
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = 128,
        max_idle: int | None = None,
        http2: bool = True,
    ) -> None:
        """`resolver`: instead of the system's, whose answers are kept for a minute; `dialler` opens
        connections to checked addresses; `ssl_context` says whom to trust (default: as the system does). More
        than `max_connections` calls at once wait for each other, under their deadlines. `max_idle`:
        connections kept for further requests, by default half; each of them costs each request a look."""
        self._policy = policy
        self._user_agent = user_agent
        self._system = SystemResolver()
        self._resolver = resolver or CachedResolver(self._system)
        self._http2 = http2
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._ssl_context = ssl_context or httpcore2.default_ssl_context()
        self._max_connections = max_connections
        self._max_idle = max(1, max_connections // 2 if max_idle is None else max_idle)
        self._dialler = dialler or httpcore2.AnyIOBackend()
        self._guarded = partial(GuardedBackend, policy, self._resolver)
        self._places = asyncio.Semaphore(max_connections)
        self._pools: dict[tuple[str, int], httpcore2.AsyncConnectionPool] = {}
        """By the URL of the proxy that their connections go through, and the shard of the site's name."""

    def _new_pool(
        self, backend: httpcore2.AsyncNetworkBackend, proxy: httpcore2.Proxy | None = None
    ) -> httpcore2.AsyncConnectionPool:
        return httpcore2.AsyncConnectionPool(
            ssl_context=self._ssl_context,
            proxy=proxy,
            max_connections=self._max_connections,
            max_keepalive_connections=-(-self._max_idle // SHARDS),
            keepalive_expiry=KEEPALIVE_S,
            http2=self._http2 and proxy is None,
            network_backend=WireBackend(backend),
        )

    def _pool(self, proxy: str, host: str) -> httpcore2.AsyncConnectionPool:
        """The connections to some hosts, this one among them, through a proxy (``""``: through none).

        Raises:
            Permanent: `BAD_URL`.
        """
        key = (proxy, crc32(host.encode()) % SHARDS)
        if key not in self._pools:
            through = route(proxy_at(proxy), self._dialler, self._guarded) if proxy else None
            self._pools[key] = self._new_pool(*(through or (self._guarded(self._dialler), None)))
        return self._pools[key]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()
        if isinstance(self._resolver, CachedResolver):
            self._resolver.close()
        self._system.close()

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
        proxy: str = "",
        validators: Validators | None = None,
        beginning: bool = False,
    ) -> Answer:
        """GET a URL, following redirects as far as `may_follow(from_url, to_url)` allows.

        `headers` (validators, credentials) go only to the origin of `url`, `validators` to their own URL,
        which may be where redirects lead. The status is not judged. `proxy`: the URL of one to go through
        (see `jobs.proxy`); `Answer.address` is the proxy's then. `beginning`: cut off what is over
        `max_bytes` instead of raising `TOO_LARGE`.

        Raises:
            Permanent: `BAD_URL`, `BLOCKED_ADDRESS`, `REDIRECT_LOOP`, `BAD_REDIRECT`, `TOO_LARGE`, `BOMB`,
                `HEADERS_TOO_LARGE`.
            Retry: `DNS`, `CONNECT`, `TLS`, `TIMEOUT`, `TOO_SLOW`, `BAD_RESPONSE`, `WRONG_LENGTH`.
        """
        ask = _Ask(
            url,
            headers or {},
            accept,
            max_bytes,
            connect_timeout_s,
            max_redirects,
            may_follow,
            proxy,
            validators=validators,
            beginning=beginning,
        )
        return await self._call(ask, deadline_s)

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        accept: str = "*/*",
        max_bytes: int = ERROR_BYTES,
        deadline_s: float = 15.0,
        connect_timeout_s: float = 10.0,
        max_redirects: int = 4,
        may_follow: Callable[[str, str], bool] = always,
    ) -> Answer:
        """POST a form, under the same guard as `get`, and raising the same.

        Redirects 307 and 308 are followed, also to another site, as far as `may_follow` allows: the form is
        sent again there, so it must hold nothing that is for the first site alone. Others are answers.
        """
        body = urlencode(form).encode("ascii")
        ask = _Ask(url, {}, accept, max_bytes, connect_timeout_s, max_redirects, may_follow, form=body)
        return await self._call(ask, deadline_s)

    async def send(
        self, url: str, body: bytes, content_type: str, headers: Mapping[str, str], *, deadline_s: float
    ) -> Answer:
        """POST a body that is for this URL alone, under the same guard as `get`, and raising the same.

        A redirect is an answer like others: `Answer.status` says so, or `Answer.moved_to` for 307 and 308.
        """
        ask = _Ask(
            url,
            headers,
            "*/*",
            ERROR_BYTES,
            connect_timeout_s=min(10.0, deadline_s),
            max_redirects=1,
            may_follow=lambda _from_url, _to_url: False,
            form=body,
            content_type=content_type,
        )
        return await self._call(ask, deadline_s)

    async def _call(self, ask: _Ask, deadline_s: float) -> Answer:
        start = self._checked(ask.url, ask.proxy)
        trip = _Trip(start, start)
        try:
            async with asyncio.timeout(deadline_s), self._places:
                return await self._travel(ask, trip)
        except TimeoutError as error:
            so_far = f", {trip.body.wire_bytes} bytes came" if trip.body.wire_bytes else ""
            reason = Reason.TOO_SLOW if trip.wire.has_answer_begun else Reason.TIMEOUT
            raise Retry(reason, f"{trip.host}: not done after {deadline_s:g} s{so_far}") from error
        finally:
            trip.body.release()

    def _checked(self, url: str, proxy: str) -> Parts:
        """The parts of a URL that may be asked for.

        Raises:
            Permanent: `BAD_URL`, `BLOCKED_ADDRESS`.
        """
        parts = check_url(url, self._policy)
        if proxy:
            check_unresolved(parts, self._policy)
        return parts

    async def _travel(self, ask: _Ask, trip: _Trip) -> Answer:
        """Ask, and go where redirects lead, until there is an answer."""
        while True:
            trip.seen.add((trip.at.origin, trip.at.target))
            async with self._asked(ask, trip) as response:
                headers = headers_of(response)
                if response.status not in ask.redirects:
                    trip.body = Body(trip.host, ask.max_bytes, self._large)
                    usual = trip.body.read_beginning if ask.beginning else trip.body.read
                    read = usual if response.status < 400 else trip.body.read_error
                    await read(response, headers)
                    trip.wire.complete = trip.body.complete
                    return _answer(ask, trip, response, headers)
                trip.wire.complete = await drain(response)
            came_from = str(trip.at)
            self._step(ask, trip, response.status, headers.get("location", ""))
            if not ask.may_follow(came_from, str(trip.at)):
                return _answer(ask, trip, response, headers, moved_to=str(trip.at))

    def _step(self, ask: _Ask, trip: _Trip, status: int, location: str) -> None:
        """One redirect further.

        Raises:
            Permanent: `BAD_REDIRECT`, `REDIRECT_LOOP`, `BLOCKED_ADDRESS`.
        """
        target = self._target(trip.at, status, location, ask.proxy)
        trip.hops.append((status, str(trip.at)))
        if (target.origin, target.target) in trip.seen:
            raise Permanent(Reason.REDIRECT_LOOP, f"{redact(str(target))} comes round again")
        if len(trip.hops) > ask.max_redirects:
            raise Permanent(Reason.REDIRECT_LOOP, f"{trip.host}: more than {ask.max_redirects} redirects")
        trip.at = target

    def _target(self, at: Parts, status: int, location: str, proxy: str) -> Parts:
        if not location:
            raise Permanent(Reason.BAD_REDIRECT, f"{at.authority}: status {status} without a Location")
        try:
            # Header text is Latin-1 by the standard and UTF-8 in fact.
            target = join(str(at), location.encode("latin-1").decode("utf-8", "replace"))
            # RFC 9110, 10.2.2: a target without a fragment inherits it (on some sites it names the article).
            return self._checked(
                target if "#" in target or not at.fragment else f"{target}#{at.fragment}", proxy
            )
        except Permanent as error:
            if error.reason is not Reason.BAD_URL:
                raise
            raise Permanent(Reason.BAD_REDIRECT, f"{at.authority} redirects to {error.detail}") from error

    @asynccontextmanager
    async def _asked(self, ask: _Ask, trip: _Trip) -> AsyncIterator[httpcore2.Response]:
        """One request and its response, closed in the end; what goes wrong comes out as an `Outcome`."""
        trip.wire = Wire(max_body_bytes=ask.max_bytes)
        try:
            async with exchange(
                self._pool(ask.proxy, trip.at.host), self._request(ask, trip), trip.wire
            ) as response:
                yield response
        except NETWORK_ERRORS as error:
            through = f" through {redact(ask.proxy)}" if ask.proxy else ""
            raise explain(error, trip.host + through) from error

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
        if ask.validators and ask.validators.url == str(parts):
            headers |= ask.validators.headers()
        if ask.form is not None:
            headers |= {"Content-Type": ask.content_type, "Content-Length": str(len(ask.form))}
        return httpcore2.Request(
            "GET" if ask.form is None else "POST",
            httpcore2.URL(
                scheme=parts.scheme, host=parts.host, port=parts.explicit_port, target=parts.target
            ),
            headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()],
            content=ask.form,
            # No read timeout of its own: the deadline of the call is over all of it.
            extensions={"timeout": {"connect": ask.connect_timeout_s}},
        )


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
        body=trip.body.data,
        wire_bytes=trip.body.wire_bytes,
        took_ms=round((time.monotonic() - trip.started_s) * 1000),
        address=str(peer[0]) if peer else "",
        received_s=time.time(),
        redirects=tuple(trip.hops),
        moved_to=moved_to,
    )
