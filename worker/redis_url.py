"""What a Redis URL says: where Redis is, by which way, and how to get a client for it. Imports only redis.

Besides what redis-py reads (``redis://``, ``rediss://`` for TLS, ``unix://``; certificates and the like as
its options in the query) these name sentinels, which know the server that is master now:

    redis+sentinel://[user:password@]host[:26379][,host…]/service[/db][?options]

and ``rediss+sentinel://``, with TLS to both. User and password are Redis's; those of the sentinels, where
they ask for any, are the options ``sentinel_username`` and ``sentinel_password``.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from redis import ConnectionPool, Redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.connection import Connection, SSLConnection, parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection, SentinelManagedSSLConnection

SENTINEL_PORT = 26379
SCHEMES = ("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://")
CONNECT_S = 5.0
ANSWER_S = 60.0
"""For an answer: longer than any command blocks (a worker waits on its queue for 45 s). After redis-py's own
5 s a Redis that is only stopped for a while would be asked again and again, and hand out, when it goes on,
links or feeds to each question, with nobody left to take them."""
ASK_SENTINEL_S = 1.0
"""One that does not answer within this is passed over for the next."""
HEALTH_CHECK_S = 30
_SENTINEL = "+sentinel"
_OF_SENTINELS = "sentinel_"
# A host that vanishes (no power, no network) says nothing: without these a connection to it would hang for as
# long as a blocking command may take, or until TCP gives up after a quarter of an hour.
_KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Who is asked where Redis is."""

    hosts: tuple[tuple[str, int], ...]
    """Host and port of each."""
    service: str
    """What they call the Redis."""
    options: Mapping[str, Any] = field(repr=False)
    """Of connections to Redis."""
    own_options: Mapping[str, Any] = field(repr=False)
    """Of connections to the sentinels."""


class _Following(SentinelManagedConnection):
    """Asks the sentinels at each connecting.

    redis-py's own, while a command is sent again, connects where it was before: to a master that is gone.
    Each of these attempts takes `CONNECT_S` where its host is gone too, a minute in all.
    """

    def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        if self._sock is None and retry_socket_connect:  # else the sentinels were asked just now
            self._connect_retry()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        else:
            super().connect_check_health(check_health, retry_socket_connect)


class _FollowingTls(_Following, SentinelManagedSSLConnection):
    """The same over TLS."""


def connect(url: str, retry: Retry | None = None, *, answer_s: float = ANSWER_S) -> Redis:
    """A client (bytes, not text) that follows the master, where sentinels are named. Connects when used.

    Args:
        url: see the module's text.
        retry: how often and when it asks again where the connection broke; default: for some seconds.
        answer_s: how long to wait for an answer, where the URL says nothing else.

    Raises:
        ValueError: not a URL that can be used.
        TypeError: it has an option that there isn't.
    """
    retry = retry or Retry(ExponentialWithJitterBackoff(cap=2, base=0.05), 8)
    if not _names_sentinels(url):
        more = {} if url.startswith("unix://") else keepalive()
        return Redis.from_url(url, retry=retry, **_times(answer_s), **more)
    found = sentinels(url)
    options = _times(answer_s) | keepalive()
    # redis-py leaves both untyped
    watch = Sentinel(found.hosts, sentinel_kwargs=dict(found.own_options))  # type: ignore[no-untyped-call]
    options["connection_class"] = _FollowingTls if "ssl" in found.options else _Following
    client: Redis = watch.master_for(  # type: ignore[no-untyped-call]
        found.service, retry=retry, **(options | dict(found.options))
    )
    return client


def _times(answer_s: float) -> dict[str, Any]:
    return {
        "socket_timeout": answer_s,
        "socket_connect_timeout": CONNECT_S,
        "health_check_interval": HEALTH_CHECK_S,
    }


def check(url: str) -> None:
    """Refuse what could not be connected to for a mistake in the URL itself.

    Raises:
        ValueError: not a URL that can be used. Its words may quote a password.
        TypeError: it has an option that there isn't.
    """
    if not _names_sentinels(url):
        ConnectionPool.from_url(url).make_connection()
        return
    found = sentinels(url)
    for options in (dict(found.options), dict(found.own_options)):
        kind = SSLConnection if options.pop("ssl", False) else Connection
        kind(**options)


def sentinels(url: str) -> Sentinels:
    """Read a URL that names sentinels.

    Raises:
        ValueError: it has no host, no service, or a database or port that is no number.
    """
    parts = urlsplit(url)
    service, _, db = parts.path.removeprefix("/").partition("/")
    if not service or (db and not db.isdecimal()):
        raise ValueError("a sentinel URL is redis+sentinel://host,host/service or …/service/0")
    hosts = tuple(_host(one) for one in parts.netloc.rpartition("@")[2].split(","))
    options = parse_url(_of_one_server(parts, db))  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
    del options["host"]
    options.pop("connection_class", None)
    tls: dict[str, Any] = {"ssl": True} if parts.scheme.startswith("rediss") else {}
    own = tls | {"socket_timeout": ASK_SENTINEL_S, "socket_connect_timeout": ASK_SENTINEL_S}
    own |= {"retry": Retry(NoBackoff(), 0)}
    own |= {name: value for name, value in options.items() if name.startswith("ssl_")}
    for name in [name for name in options if name.startswith(_OF_SENTINELS)]:
        own[name.removeprefix(_OF_SENTINELS)] = options.pop(name)
    return Sentinels(hosts, service, options | tls, own)


def shown(url: str) -> str:
    """The URL without its secrets: passwords stand before the host or in the query."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


def keepalive() -> dict[str, Any]:
    """Options that let a TCP connection end when its other side vanished, within about 15 s."""
    known = {getattr(socket, name): value for name, value in _KEEPALIVE.items() if hasattr(socket, name)}
    return {"socket_keepalive": True, "socket_keepalive_options": known}


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("a sentinel has no host name")
    return parts.hostname, parts.port or SENTINEL_PORT


def _names_sentinels(url: str) -> bool:
    return url.partition("://")[0].endswith(_SENTINEL)


def _of_one_server(parts: SplitResult, db: str) -> str:
    """The URL of a single server with the same user, database and options."""
    user, at, _ = parts.netloc.rpartition("@")
    scheme = parts.scheme.removesuffix(_SENTINEL)
    return urlunsplit((scheme, f"{user}{at}localhost", f"/{db}", parts.query, ""))
