"""Feeds through SOCKS 5 proxies: a real proxy, whose names nobody else knows."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
from redis import Redis

from jobs.errors import Permanent, Reason, Retry
from jobs.guard import Policy
from jobs.keys import Keys
from tests.calls import HTML, LOOPBACK, PUBLIC_IP, Names, failure, get
from tests.polling import World, feed_of, story
from tests.server import Response, TestServer, redirect
from tests.socks import SocksProxy
from worker.feeds.parser import Parser

TLS = Path(__file__).parent.parent / "data" / "tls.pem"


def test_a_feed_is_polled_through_its_socks_proxy(redis: Redis, keys: Keys, server: TestServer) -> None:
    """The poller, from end to end; the proxy resolves the name, which nobody else could."""
    server.route("/feed", feed_of(1, 2))
    parser = Parser()
    world = World(redis, keys, server, parser)
    with SocksProxy({("news.example", 80): server.port}, login="me:p@ss") as proxy:
        url = world.add("http://news.example/feed")
        world.registry.edit(world.feed(url), {"proxy": proxy.address(login="me:p%40ss")})
        world.poll(url)
        assert proxy.asked == [("name", "news.example", 80)]
    asyncio.run(parser.__aexit__(None, None, None))
    assert world.links() == story(1, 2)
    assert world.feed(url).failures == 0
    assert [request.headers["host"] for request in server.requests] == ["news.example"]


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("login", ["", "me:secret"])
def test_bytes_come_through(server: TestServer, login: str, in_pieces: bool) -> None:
    """With a login or without, in however many pieces the proxy answers; a connection is used again."""
    server.route("/", Response(body=HTML))
    with SocksProxy({("news.test", 80): server.port}, login=login, in_pieces=in_pieces) as proxy:
        assert get("http://news.test/", proxy=proxy.url).body == HTML
        assert proxy.asked == [("name", "news.test", 80)]


def test_a_login_that_is_not_wanted_does_no_harm(server: TestServer) -> None:
    """It is offered, not forced on a proxy that lets everybody in."""
    server.route("/", Response(body=HTML))
    with SocksProxy({("news.test", 80): server.port}) as proxy:
        assert get("http://news.test/", proxy=proxy.address(login="me:secret")).body == HTML


def test_encryption_goes_through_to_the_site() -> None:
    """The certificate is the site's, and is checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS)
    trusting = {"ssl_context": ssl.create_default_context(cafile=str(TLS))}
    with TestServer(tls=context) as secure, SocksProxy({("news.test", 443): secure.port}) as proxy:
        secure.route("/", Response(body=HTML))
        assert get("https://news.test/", client=trusting, proxy=proxy.url).body == HTML
        assert failure("https://news.test/", proxy=proxy.url).reason is Reason.TLS
        assert proxy.asked == [("name", "news.test", 443)] * 2


# -- who resolves ------------------------------------------------------------------------------------------
def test_socks5_resolves_here_and_hands_on_a_checked_address(server: TestServer) -> None:
    """The proxy never hears the name; an address that is not public never reaches the proxy."""
    server.route("/", Response(body=HTML))
    places = {(PUBLIC_IP, 80): server.port, ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", 80): server.port}
    for address, kind in zip(
        (PUBLIC_IP, "2606:2800:21f:cb07:6820:80da:af6b:8b2c"), ("ipv4", "ipv6"), strict=True
    ):
        names = {"resolver": Names(news_test=[[address]])}
        with SocksProxy(places) as proxy:
            assert get("http://news.test/", client=names, proxy=proxy.address("socks5")).body == HTML
            assert proxy.asked == [(kind, address, 80)]
    private = {"resolver": Names(news_test=[[PUBLIC_IP, "10.0.0.1"]])}
    with SocksProxy(places) as proxy:
        error = failure("http://news.test/", Policy(), private, proxy=proxy.address("socks5"))
        assert error.reason is Reason.BLOCKED_ADDRESS
        assert proxy.asked == []


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_what_a_url_tells_is_checked_before_the_proxy_hears_of_it(server: TestServer, scheme: str) -> None:
    """Private addresses, names of local networks and other ports, also where a redirect leads."""
    names = {"resolver": Names(news_example=[[PUBLIC_IP]])}
    with SocksProxy({("news.example", 80): server.port, (PUBLIC_IP, 80): server.port}) as proxy:
        for target in (
            "http://10.0.0.1/",
            "http://localhost/",
            "http://db.internal/",
            "http://a.example:22/",
        ):
            server.route("/", redirect(target))
            for url in (target, "http://news.example/"):
                error = failure(url, LOOPBACK, names, proxy=proxy.address(scheme))
                assert isinstance(error, Permanent)
                assert error.reason is Reason.BLOCKED_ADDRESS
        assert {host for _, host, _ in proxy.asked} <= {"news.example", PUBLIC_IP}


# -- what goes wrong ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("says", "words"),
    [
        (b"\5\xff", "wants a user name and password"),
        (b"\5\1", "wants a user name and password"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak SOCKS 5"),
        (b"", "hangs up"),
        (b"\5", "hangs up"),
        (b"\5\0\5\1\0\1" + bytes(6), "fails, and does not say why"),
        (b"\5\0\5\2\0\1" + bytes(6), "does not allow it"),
        (b"\5\0\5\5\0\1" + bytes(6), "says that the host refuses the connection"),
        (b"\5\0\5\x63\0\1" + bytes(6), "answers 99"),
        (b"\5\0\4\0\0\1" + bytes(6), "does not speak SOCKS 5"),
        (b"\5\0\5\0\0\3\xffx", "hangs up"),
    ],
)
def test_a_proxy_that_fails_is_named_with_what_it_does(says: bytes, words: str) -> None:
    """Whatever it says: an outcome that a feed is asked again after, never an exception of the library's."""
    with SocksProxy({}, says=says) as proxy:
        error = failure("http://news.example/", proxy=proxy.url)
        assert isinstance(error, Retry)
        assert error.reason is Reason.CONNECT
        assert str(error).endswith(f"news.example through {proxy.url}: the proxy {words}")


def test_a_password_is_never_shown() -> None:
    """Wrong, or at a proxy that can't be reached."""
    with SocksProxy({}, login="me:secret") as proxy:
        wrong = failure("http://news.example/", proxy=proxy.address(login="me:hunter2"))
        assert "the proxy refuses the user name or password" in str(wrong)
        unreachable = failure("http://news.example/", proxy=proxy.url)
        assert "the proxy says that the host can't be reached" in str(unreachable)
        gone = proxy.url
    away = failure("http://news.example/", proxy=gone)
    assert (type(away), away.reason) == (Retry, Reason.CONNECT)
    assert "through socks5h://127.0.0.1:" in str(away)
    for error in (wrong, unreachable, away):
        assert "secret" not in str(error)
        assert "hunter2" not in str(error)


def test_a_proxy_that_says_nothing_costs_a_timeout() -> None:
    """The connect timeout is over the proxy's part too."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = failure(
            "http://news.example/",
            proxy=f"socks5h://127.0.0.1:{silent.getsockname()[1]}",
            connect_timeout_s=0.3,
        )
    assert (type(error), error.reason) == (Retry, Reason.TIMEOUT)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("socks4://proxy.example:1080", "SOCKS 4 is not supported: a proxy's URL begins with one of http://"),
        ("socks://proxy.example:1080", "begins with one of http://, https://, socks5://, socks5h://"),
        ("ssh://proxy.example:22", "begins with one of http://, https://, socks5://, socks5h://"),
        ("socks5://proxy.example", "names its host and port"),
        (f"socks5://me:{'p' * 256}@proxy.example:1080", "SOCKS takes at most 255 bytes"),
    ],
)
def test_what_is_not_supported_is_said(url: str, words: str) -> None:
    """Nothing is asked for without the proxy, and the error says what would do."""
    error = failure("http://127.0.0.1:1/", proxy=url)
    assert (type(error), error.reason) == (Permanent, Reason.BAD_URL)
    assert words in str(error)
    assert "ppp" not in str(error)
