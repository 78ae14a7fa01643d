"""Redis URLs: what they say, without connecting to anything."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from redis.backoff import NoBackoff
from redis.connection import SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool, SentinelManagedSSLConnection

from worker.redis_url import check, connect, sentinels, shown

RETRY = Retry(NoBackoff(), 0)
SENTINELS = "redis+sentinel://web:p%40ss@a:1,b,[::1]:3/news/2"


def test_sentinels_are_read_with_all_they_say() -> None:
    """Hosts (port 26379 unless said), the service, and user and database of the Redis behind them."""
    found = sentinels(SENTINELS)
    assert found.hosts == (("a", 1), ("b", 26379), ("::1", 3))
    assert (found.service, found.options) == ("news", {"username": "web", "password": "p@ss", "db": 2})
    assert "p@ss" not in repr(found)


def test_sentinels_may_want_a_login_of_their_own() -> None:
    """Redis's own user and password are not theirs."""
    found = sentinels("redis+sentinel://:secret@a/news?sentinel_username=s&sentinel_password=t")
    assert found.options == {"password": "secret"}
    assert {**found.own_options}["username"] == "s"
    assert {**found.own_options}["password"] == "t"


def test_tls_holds_for_redis_and_its_sentinels() -> None:
    """With the same certificates; without it neither has it."""
    url = "rediss+sentinel://a/news?ssl_ca_certs=/ca.pem&ssl_certfile=/me.pem"
    found = sentinels(url)
    for options in (found.options, found.own_options):
        assert (options["ssl"], options["ssl_ca_certs"], options["ssl_certfile"]) == (
            True,
            "/ca.pem",
            "/me.pem",
        )
    pool: Any = connect(url, RETRY).connection_pool
    assert issubclass(pool.connection_class, SentinelManagedSSLConnection)
    assert isinstance(pool.make_connection(), SSLConnection)
    assert pool.sentinel_manager.sentinels[0].connection_pool.connection_class is SSLConnection
    assert "ssl" not in sentinels(SENTINELS).own_options


def test_each_kind_of_url_gives_its_kind_of_client() -> None:
    """Nothing connects here."""
    pools = [connect(url, RETRY).connection_pool for url in ("rediss://h", "unix:///run/r.sock", SENTINELS)]
    assert [pool.connection_class for pool in pools[:2]] == [SSLConnection, UnixDomainSocketConnection]
    assert isinstance(pools[2], SentinelConnectionPool)
    assert pools[2].connection_kwargs["db"] == 2


@pytest.mark.parametrize("url", ["redis://h", "rediss://h", SENTINELS])
def test_a_host_that_vanished_is_noticed(url: str) -> None:
    """By TCP, within half a minute, whatever is waited for."""
    options = connect(url, RETRY).connection_pool.connection_kwargs["socket_keepalive_options"]
    idle, every, times = (options[n] for n in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT))
    assert idle + every * times <= 30
    assert options[socket.TCP_USER_TIMEOUT] <= 30_000


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://a",
        "redis+sentinel://a/",
        "redis+sentinel:///news",
        "redis+sentinel://a,,b/news",
        "redis+sentinel://a/news/zero",
        "redis+sentinel://a/news/0/1",
        "redis+sentinel://a:port/news",
        "redis+sentinel://a/news?nonsense=1",
        "redis+sentinel://a/news?sentinel_nonsense=1",
        "redis+sentinel://a/news?ssl_ca_certs=/without/tls",
        "sentinel://a/news",
    ],
)
def test_what_could_never_connect_is_refused(url: str) -> None:
    """Before anything starts."""
    with pytest.raises((ValueError, TypeError)):
        check(url)


@pytest.mark.parametrize(
    "url", [SENTINELS, "rediss+sentinel://a/n?ssl_cert_reqs=none", "redis://u:p@h/1?socket_timeout=2"]
)
def test_what_can_connect_is_taken(url: str) -> None:
    """As it is."""
    check(url)


def test_a_url_is_shown_without_its_secrets() -> None:
    """Wherever they stand."""
    assert shown("redis+sentinel://u:secret@a,b/n/1?sentinel_password=secret") == "redis+sentinel://a,b/n/1"
    assert shown("rediss://:secret@h:1/0?ssl_password=secret") == "rediss://h:1/0"
