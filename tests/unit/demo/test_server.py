"""The web server: HTTP as feeds' readers rely on it."""

from __future__ import annotations

import socket

import pytest

from tests.unit.demo.conftest import Clock, Get
from worker.demo.conditional import not_modified
from worker.demo.newsroom import Newsroom
from worker.demo.publication import house_time
from worker.demo.server import CannotListen, DemoServer


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_unchanged_feed_is_304_by_either_validator(
    demo: DemoServer, get: Get, clock: Clock, number: int
) -> None:
    """ETag alone, Last-Modified alone: 304 without a body until something new is published."""
    url = demo.feeds[number].url
    first = get(url)
    by_tag = {"If-None-Match": first.headers["ETag"]}
    by_date = {"If-Modified-Since": first.headers["Last-Modified"]}
    for headers in (by_tag, by_date):
        again = get(url, headers)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
    clock.publish(3)
    for headers in (by_tag, by_date):
        fresh = get(url, headers)
        assert fresh.status == 200
        assert fresh.headers["ETag"] != first.headers["ETag"]


NOON = house_time(1_000_000)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"if-none-match": '"a"'}, True),
        ({"if-none-match": 'W/"a"'}, True),
        ({"if-none-match": '"x", "a"'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": '"b"'}, False),
        ({"if-none-match": '"b"', "if-modified-since": "Mon, 12 Jan 1970 13:46:40 GMT"}, False),
        ({"if-modified-since": "Mon, 12 Jan 1970 13:46:40 GMT"}, True),
        ({"if-modified-since": "Mon, 12 Jan 1970 13:46:39 GMT"}, False),
        ({"if-modified-since": "yesterday"}, False),
        ({"if-modified-since": "Mon, 12 Jan 1970 13:46:40 -0000"}, True),
    ],
)
def test_conditions_are_those_of_rfc_9110(headers: dict[str, str], expected: bool) -> None:
    """Weak comparison of tags, tags before dates, unreadable dates ignored (13.1.2, 13.1.3, 13.2.2)."""
    assert not_modified(headers, '"a"', NOON) is expected


def test_head_is_get_without_the_body(demo: DemoServer, get: Get) -> None:
    """Same headers, Content-Length too, on a page, a feed and a missing page."""
    for url in (demo.url, demo.feeds[0].url, f"{demo.url}none"):
        whole, head = get(url), get(url, method="HEAD")
        assert head.body == b""
        assert int(head.headers["Content-Length"]) == len(whole.body)
        assert {k: v for k, v in head.headers.items() if k != "Date"} == {
            k: v for k, v in whole.headers.items() if k != "Date"
        }


ROBOTS = b"User-agent: *\nAllow: /\n"


def test_one_connection_serves_many_requests(demo: DemoServer) -> None:
    """Keep-alive: a reader's next request needs no new connection."""
    with socket.create_connection(("127.0.0.1", demo.port), timeout=10) as connection:
        stream = connection.makefile("rb")
        for _ in range(3):
            connection.sendall(b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n")
            head = b"".join(iter(stream.readline, b"\r\n"))
            assert head.startswith(b"HTTP/1.1 200")
            assert stream.read(len(ROBOTS)) == ROBOTS
        stream.close()


def test_what_is_not_there_is_404(demo: DemoServer, get: Get) -> None:
    """A page that says so, in HTML, without validators."""
    got = get(f"{demo.url}../../etc/passwd")
    assert got.status == 404
    assert "Not found" in got.text
    assert "ETag" not in got.headers


def test_the_log_has_each_request(demo: DemoServer, get: Get) -> None:
    """Method, path, host, time and headers, in the order they came."""
    get(demo.feeds[0].url, {"User-Agent": "reader/1"})
    get(demo.url, method="HEAD")
    first, second = demo.requests
    assert (first.method, first.path, first.host) == ("GET", "/en/feed.xml", "127.0.0.1")
    assert first.headers["user-agent"] == "reader/1"
    assert (second.method, second.path) == ("HEAD", "/")
    assert first.at_s <= second.at_s


def test_links_carry_the_name_the_reader_used(demo: DemoServer, get: Get) -> None:
    """In a container the reader knows the server by another name than the server itself."""
    named = get(demo.feeds[0].url, {"Host": "newsroom.example:8001"})
    assert "<link>http://newsroom.example:8001/en/" in named.text
    forged = get(demo.feeds[0].url, {"Host": "x/<iframe>"})
    assert "iframe" not in forged.text


def test_a_taken_port_is_explained(demo: DemoServer, newsroom: Newsroom) -> None:
    """The message names the address and the way out."""
    with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{demo.port}.*--port"):
        DemoServer(newsroom, port=demo.port)


def test_stopping_cuts_open_connections(newsroom: Newsroom) -> None:
    """After `stop` neither an old nor a new connection is served."""
    with DemoServer(newsroom) as server:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        connection.sendall(b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 200"
    with connection:
        while connection.recv(4096):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=10)
