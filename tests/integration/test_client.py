"""The guarded client against a real server: answers, redirects, encryption, pages."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.client import Answer, Client
from jobs.errors import Permanent, Reason, Retry
from jobs.fetch import Moved, fetch_page
from jobs.guard import Policy
from jobs.page import Page
from tests.calls import HTML, PACKED, PUBLIC_IP, Dialler, Names, failure, get, run
from tests.server import Request, Response, TestServer, redirect

TLS = Path(__file__).parent.parent / "data" / "tls.pem"


def test_an_answer_says_all_there_is_to_know(server: TestServer) -> None:
    """Body, headers, sizes, address and times of a plain page."""
    headers = {"ETag": '"1"', "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT", "Retry-After": "7"}
    server.route("/a", Response(body=HTML, headers=headers, delay_s=0.05))
    answer = get(server.url("/a?b=1#top"))
    assert (answer.status, answer.body, answer.wire_bytes) == (200, HTML, len(HTML))
    assert answer.url == server.url("/a?b=1#top")
    assert (answer.etag, answer.last_modified, answer.retry_after_s) == ('"1"', headers["Last-Modified"], 7)
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.address == "127.0.0.1"
    assert answer.took_ms >= 50
    assert abs(answer.received_s - time.time()) < 10
    assert (answer.redirects, answer.moved_to, answer.moved_permanently) == ((), None, False)


def test_only_what_is_needed_is_sent(server: TestServer) -> None:
    """No cookies, Referer, credentials or fragment: our name, what we take, and what the caller adds."""
    server.route("/a", Response(headers={"Set-Cookie": "id=1; Path=/"}))
    server.route("/from", redirect("/a#x"))

    async def call(client: Client) -> None:
        await client.get(server.url("/a"))
        await client.get(server.url("/from"), headers={"If-None-Match": '"1"'})

    run(call, user_agent="Palmyra/test")
    assert server.paths == ["/a", "/from", "/a"]
    expected = {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "Palmyra/test",
        "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "accept-encoding": "gzip, deflate, br, zstd",
    }
    assert dict(server.requests[0].headers) == expected
    assert dict(server.requests[2].headers) == {**expected, "if-none-match": '"1"'}


def test_the_environment_gives_no_proxy(server: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxy variables are ignored: a proxy would dial what the guard never saw."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.route("/a", Response(body=HTML))
    assert get(server.url("/a")).body == HTML


def test_connections_are_used_again(server: TestServer) -> None:
    """Pages of one site, redirects and errors too, come over one connection."""
    server.route("/a", Response(body=HTML))
    server.route("/from", Response(status=301, headers={"Location": "/a"}, body=b"moved"))
    server.route("/pieces", Response(body=lambda: [b"a", b"b"]))

    async def call(client: Client) -> None:
        for path in ("/a", "/from", "/pieces", "/missing", "/a"):
            await client.get(server.url(path))

    run(call)
    assert {request.connection for request in server.requests} == {1}


def test_statuses_are_not_judged(server: TestServer) -> None:
    """Whatever the status, it comes back as an answer."""
    for status in (204, 304, 404, 410, 429, 500, 503, 599):
        server.route(f"/{status}", Response(status=status))

    async def call(client: Client) -> list[int]:
        return [(await client.get(server.url(path))).status for path in ("/204", "/304", "/404", "/503")]

    assert run(call) == [204, 304, 404, 503]


def test_repeated_headers_are_joined(server: TestServer) -> None:
    """A repeated header is one value, as RFC 9110 (5.3) has it."""
    server.route("/a", Response(raw=b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nok"))
    assert get(server.url("/a")).headers["x-a"] == "1, 2"


def test_redirects_are_followed_and_remembered(server: TestServer) -> None:
    """Each redirect, with its status, is in the answer; the fragment is inherited (RFC 9110, 10.2.2)."""
    server.route("/1", redirect("/2?x=1", 301))
    server.route("/2", redirect("3", 308))
    server.route("/3", Response(body=HTML))
    answer = get(server.url("/1#!/story"))
    assert answer.final_url == server.url("/3#!/story")
    assert answer.redirects == ((301, server.url("/1#!/story")), (308, server.url("/2?x=1#!/story")))
    assert answer.moved_permanently


def test_one_temporary_redirect_makes_the_move_temporary(server: TestServer) -> None:
    """Only a way of permanent redirects replaces a URL for good."""
    server.route("/1", redirect("/2", 301))
    server.route("/2", redirect("/3", 307))
    server.route("/3", Response(body=HTML))
    assert not get(server.url("/1")).moved_permanently


def test_loops_end(server: TestServer) -> None:
    """A circle, a redirect to itself and an endless chain are REDIRECT_LOOP, within the limit."""
    server.route("/self", redirect("/self"))
    server.route("/1", redirect("/2"))
    server.route("/2", redirect("/1#again"))
    server.route("*", lambda request: redirect(request.path + "x"))
    for path, requests in (("/self", 1), ("/1", 2), ("/endless", 9)):
        server.requests.clear()
        error = failure(server.url(path))
        assert (type(error), error.reason) == (Permanent, Reason.REDIRECT_LOOP)
        assert len(server.requests) == requests


@pytest.mark.parametrize(
    "location", [None, "", "javascript:alert(1)", "mailto:a@b", "http://[::1/", "ftp://e.com/"]
)
def test_a_redirect_to_nowhere(server: TestServer, location: str | None) -> None:
    """No Location, or one that is not http(s), is BAD_REDIRECT."""
    server.route("/", Response(status=302, headers={} if location is None else {"Location": location}))
    error = failure(server.url())
    assert (type(error), error.reason) == (Permanent, Reason.BAD_REDIRECT)


def test_a_location_in_utf8(server: TestServer) -> None:
    """Servers send raw UTF-8 in Location: it is read as such and encoded."""
    server.route("/", redirect("/ü ü"))
    server.route("*", Response(body=HTML))
    assert get(server.url()).final_url == server.url("/%C3%BC%20%C3%BC")


def test_the_callers_headers_stay_at_their_origin(server: TestServer) -> None:
    """Validators and credentials are not told to another origin, and not again after coming back from it."""
    with TestServer() as other:
        server.route("/a", redirect("/b"))
        server.route("/b", redirect(other.url("/c")))
        other.route("/c", Response(body=HTML))
        get(server.url("/a"), headers={"Authorization": "Bearer x", "If-None-Match": '"1"'})
        assert [request.headers.get("authorization") for request in server.requests] == ["Bearer x"] * 2
        assert "authorization" not in other.requests[0].headers
        assert "if-none-match" not in other.requests[0].headers


def test_a_redirect_that_may_not_be_followed(server: TestServer) -> None:
    """The caller learns where it leads; the target is neither resolved nor asked."""
    server.route("/a", redirect("/b", 301))
    server.route("/b", redirect("http://elsewhere.test/c?d=1", 302))
    names = Names()
    answer = get(server.url("/a"), client={"resolver": names}, may_follow=lambda _, to: "elsewhere" not in to)
    assert answer.moved_to == "http://elsewhere.test/c?d=1"
    assert answer.final_url == server.url("/b")
    assert [status for status, _ in answer.redirects] == [301, 302]
    assert (answer.status, answer.body) == (302, b"")
    assert names.asked == []


def test_a_redirects_endless_body_is_not_waited_for(server: TestServer) -> None:
    """The Location counts at once, whatever body drips behind it."""
    drip = Response(
        status=302, headers={"Location": "/a"}, body=lambda: (b"x" for _ in range(10**6)), drip_s=0.05
    )
    server.route("/", drip)
    server.route("/a", Response(body=HTML))
    assert get(server.url(), deadline_s=5).body == HTML


@pytest.fixture(scope="module")
def secure() -> Iterator[TestServer]:
    """An https server for the name news.test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS)
    with TestServer(tls=context) as server:
        server.route("/", Response(body=HTML))
        yield server


def encrypted(server: TestServer, url: str, **options: Any) -> Answer:
    names = Names(news_test=[[PUBLIC_IP]], other_test=[[PUBLIC_IP]])
    return get(url, Policy(), {"resolver": names, "dialler": Dialler(server.port), **options})


def test_the_certificate_is_checked_for_the_name(secure: TestServer) -> None:
    """The address that is dialled was chosen by us, but the certificate must be the name's."""
    trusting = ssl.create_default_context(cafile=str(TLS))
    assert encrypted(secure, "https://news.test/", ssl_context=trusting).body == HTML
    with pytest.raises(Retry) as error:
        encrypted(secure, "https://other.test/", ssl_context=trusting)
    assert error.value.reason is Reason.TLS
    assert "mismatch" in error.value.detail


def test_a_certificate_that_nobody_trusts(secure: TestServer, server: TestServer) -> None:
    """A self-signed certificate, and a server that speaks no TLS at all, are TLS errors."""
    with pytest.raises(Retry) as error:
        encrypted(secure, "https://news.test/")
    assert error.value.reason is Reason.TLS
    assert "self-signed" in error.value.detail
    with pytest.raises(Retry) as error:
        encrypted(server, "https://news.test/")
    assert error.value.reason is Reason.TLS


def test_fetch_page(server: TestServer) -> None:
    """A page comes back whole, with the redirects inside its domain already followed."""
    server.route("/old", redirect("/new", 301))
    server.route("/new", Response(body=PACKED, headers={"Content-Encoding": "gzip", "ETag": '"7"'}))
    page = run(lambda client: fetch_page(client, server.url("/old"), now_ms=1_000_000))
    assert isinstance(page, Page)
    assert (page.body, page.wire_bytes, page.etag) == (HTML, len(PACKED), '"7"')
    assert page.redirects == (server.url("/old"),)
    assert page.fetched_ms == 1_000_000 + page.took_ms
    assert Page.unpack(page.pack()) == page


def test_fetch_page_stops_at_the_border_of_its_domain(server: TestServer) -> None:
    """A redirect to another domain goes back to the ledger; one inside the domain does not."""
    server.route("/a", redirect("http://www.example.test:8080/b"))
    server.route("/b", redirect("https://other.test/c"))
    names = Names(news_example_test=[[PUBLIC_IP]], www_example_test=[[PUBLIC_IP]])
    options: dict[str, Any] = {"resolver": names, "dialler": Dialler(server.port)}
    moved = run(lambda client: fetch_page(client, "http://news.example.test/a"), Policy(), **options)
    hops = ("http://news.example.test/a", "http://www.example.test:8080/b")
    assert isinstance(moved, Moved)
    assert (moved.url, moved.hops) == ("https://other.test/c", hops)
    assert names.asked == ["news.example.test", "www.example.test"]


def test_fetch_page_raises_outcomes(server: TestServer) -> None:
    """What the answer means comes out as an outcome, for the ledger."""

    def busy(_: Request) -> Response:
        return Response(429, headers={"Retry-After": "60"})

    server.route("/", busy)
    with pytest.raises(Retry) as error:
        run(lambda client: fetch_page(client, server.url("/")))
    assert error.value.reason is Reason.RATE_LIMITED
    assert error.value.after_s == 60
