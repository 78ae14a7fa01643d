"""Proxies that an operator names for a feed: the one way around dialling ourselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes, urlsplit

import httpcore2

from jobs.errors import Permanent, Reason
from jobs.socks import MAX_LOGIN_BYTES, SocksBackend
from jobs.urls import redact

SCHEMES = ("http", "https", "socks5", "socks5h")
"""``socks5``: names are resolved here, and the proxy is given a checked address; ``socks5h``: by the proxy,
as HTTP proxies do it (what curl means by the two)."""

Guard = Callable[[httpcore2.AsyncNetworkBackend], httpcore2.AsyncNetworkBackend]
"""A backend that resolves names and judges addresses, then opens connections to them with the given one."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, as its URL names it."""

    scheme: str
    host: str
    port: int
    login: tuple[bytes, bytes] | None = field(default=None, repr=False)
    """User name and password."""

    @property
    def is_socks(self) -> bool:
        return self.scheme.startswith("socks")

    @property
    def resolves(self) -> bool:
        """Whether it is given the names of sites, not their addresses."""
        return self.scheme != "socks5"


def proxy(url: str) -> Proxy:
    """A proxy by its URL: ``http://user:password@host:3128``, ``socks5h://host:1080``.

    Raises:
        Permanent: `BAD_URL`; it is none that can be used, with what is wrong.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad(url, str(error)) from None
    if parts.scheme not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        older = "SOCKS 4 is not supported: " if parts.scheme.startswith("socks") else ""
        raise _bad(url, f"{older}a proxy's URL begins with one of {known}")
    if not host or not host.isascii() or not port:
        raise _bad(url, "a proxy's URL names its host and port")
    user, password = (unquote_to_bytes(text or "") for text in (parts.username, parts.password))
    named = Proxy(parts.scheme, host, port, (user, password) if user or password else None)
    if named.is_socks and max(len(user), len(password)) > MAX_LOGIN_BYTES:
        raise _bad(url, f"SOCKS takes at most {MAX_LOGIN_BYTES} bytes of user name and of password")
    return named


def route(
    proxy: Proxy, dialler: httpcore2.AsyncNetworkBackend, guard: Guard
) -> tuple[httpcore2.AsyncNetworkBackend, httpcore2.Proxy | None]:
    """What a pool of connections through a proxy opens them with, and the proxy as the pool knows it.

    Args:
        dialler: opens the connections to the proxy, unguarded: the operator says where it is.
        guard: for proxies that are given addresses.
    """
    if proxy.is_socks:
        through = SocksBackend(proxy.host, proxy.port, proxy.login, dialler)
        return (through if proxy.resolves else guard(through)), None
    place = httpcore2.URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port, target="/")
    return dialler, httpcore2.Proxy(place, auth=proxy.login)


def _bad(url: str, why: str) -> Permanent:
    return Permanent(Reason.BAD_URL, f"{redact(url)}: {why}")
