"""HTTP/2: what holds over HTTP/1.1 holds there too, and hostile servers find no more to do."""

from __future__ import annotations

import asyncio
import gzip
import resource
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

from jobs.client import Answer, Client
from jobs.errors import Outcome, Permanent, Reason, Retry
from jobs.guard import Policy
from tests.calls import HTML, PACKED, PUBLIC_IP, Dialler, Names, run
from tests.h2server import TLS, Exchange, H2Server, Handler, page

A, B = "https://news.test/a", "https://news.test/b"
HUGE = gzip.compress(bytes(64 * 2**20))
FLOOD_S = 5.0
"""More than a flood takes to be noticed on a busy machine, and less than the deadline below."""
DEADLINE_S = 20.0


@pytest.fixture
def server() -> Iterator[H2Server]:
    with H2Server() as one:
        yield one


def talk(server: H2Server, call: Callable[[Client], Awaitable[Any]], **options: Any) -> Any:
    """What `call` makes of a client that finds the server under https://news.test/."""
    made = {
        "resolver": Names(news_test=[[PUBLIC_IP]], bad_test=[["10.0.0.1"]]),
        "dialler": Dialler(server.port),
        "ssl_context": ssl.create_default_context(cafile=str(TLS)),
    }
    return run(call, Policy(), **(made | options))


def get(server: H2Server, url: str = A, **options: Any) -> Answer:
    answer: Answer = talk(server, lambda client: client.get(url, **options))
    return answer


def failure(server: H2Server, handler: Handler, **options: Any) -> Outcome:
    server.route("/a", handler)
    with pytest.raises(Outcome) as error:
        get(server, **{"deadline_s": DEADLINE_S, **options})
    return error.value


def test_a_page_over_http2(server: H2Server) -> None:
    """Status, headers, decoded body, sizes and address are as over HTTP/1.1."""
    server.route(
        "/a", page(PACKED, ("content-encoding", "gzip"), ("etag", '"1"'), ("x-a", "1"), ("x-a", "2"))
    )
    answer = get(server)
    assert (answer.status, answer.body, answer.wire_bytes) == (200, HTML, len(PACKED))
    assert (answer.etag, answer.headers["x-a"], answer.address) == ('"1"', "1, 2", "127.0.0.1")


def test_one_connection_for_many_answers(server: H2Server) -> None:
    """Kept alive over pages, errors and redirects; at once, several share it."""
    server.route("/a", page(HTML))
    server.route("/from", page(b"moved", ("location", "/a"), status=302))

    async def call(client: Client) -> list[int]:
        one_by_one = [await client.get(f"https://news.test{path}") for path in ("/a", "/from", "/no", "/a")]
        at_once = await asyncio.gather(*(client.get(A) for _ in range(5)))
        return [answer.status for answer in (*one_by_one, *at_once)]

    assert talk(server, call) == [200, 200, 404, 200, 200, 200, 200, 200, 200]
    assert server.connections == 1


def test_it_can_be_switched_off(server: H2Server) -> None:
    """Without the option it is not offered, and a server that has nothing else can't be talked to."""
    server.route("/a", page(HTML))
    with pytest.raises(Outcome):
        talk(server, lambda client: client.get(A, deadline_s=5), http2=False)
    assert server.paths == []


def test_redirects_are_guarded_over_http2(server: H2Server) -> None:
    """A redirect to a refused address opens nothing."""
    server.route("/a", page(b"", ("location", "https://bad.test/"), status=302))
    dialler = Dialler(server.port)
    with pytest.raises(Permanent) as error:
        talk(server, lambda client: client.get(A), dialler=dialler)
    assert error.value.reason is Reason.BLOCKED_ADDRESS
    assert dialler.dialled == [(PUBLIC_IP, 443)]


@pytest.mark.parametrize("status", [404, 503])
def test_a_large_error_page_costs_no_more_than_its_connection(server: H2Server, status: int) -> None:
    """Only the beginning is read; the connection, on which the rest would still come, is not used again."""
    server.route("/a", page(bytes(2**20), status=status))
    server.route("/b", page(HTML))

    async def call(client: Client) -> tuple[Answer, Answer]:
        return await client.get(A), await client.get(B)

    first, second = talk(server, call)
    assert (first.status, len(first.body), second.body) == (status, 65536, HTML)
    assert server.connections == 2


def test_a_body_over_the_cap(server: H2Server) -> None:
    """Bytes on the wire and after decompression are capped; each has its own reason."""
    error = failure(server, page(bytes(2**20 + 1)), max_bytes=2**20)
    assert (type(error), error.reason) == (Permanent, Reason.TOO_LARGE)
    error = failure(server, page(HUGE, ("content-encoding", "gzip")), max_bytes=2**20)
    assert (type(error), error.reason) == (Permanent, Reason.BOMB)
    error = failure(server, page(b"x", ("content-length", "9" * 15)))
    assert (type(error), error.reason) == (Permanent, Reason.TOO_LARGE)


def test_the_next_call_after_a_broken_one(server: H2Server) -> None:
    """Whatever ended a call, the one after it has a sound connection, again and again."""
    server.route("/a", page(bytes(3 * 2**20)))
    server.route("/b", page(HTML))

    async def call(client: Client) -> None:
        for _ in range(10):
            with pytest.raises(Permanent):
                await client.get(A, max_bytes=2**20)
            assert (await client.get(B, deadline_s=10)).body == HTML

    talk(server, call)


async def silence(exchange: Exchange) -> None:
    await asyncio.sleep(60)


async def stall(exchange: Exchange) -> None:
    await exchange.head()
    await exchange.data(b"x" * 100, end=False)
    await asyncio.sleep(60)


async def drip(exchange: Exchange) -> None:
    await exchange.head()
    for _ in range(10_000):
        await exchange.data(b"x", end=False)
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("handler", "reason"), [(silence, Reason.TIMEOUT), (stall, Reason.TOO_SLOW), (drip, Reason.TOO_SLOW)]
)
def test_slowness_ends_at_the_deadline(server: H2Server, handler: Handler, reason: Reason) -> None:
    """No answer, half an answer, an answer byte by byte: over when the time is."""
    started = time.monotonic()
    error = failure(server, handler, deadline_s=0.5)
    assert (type(error), error.reason) == (Retry, reason)
    assert time.monotonic() - started < FLOOD_S


def flood(*frames: Frame) -> Handler:
    """These frames for ever, as fast as they go."""
    block = b"".join(frame.serialize() for frame in frames) * 500

    async def send(exchange: Exchange) -> None:
        while True:
            await exchange.raw(block)

    return send


def block_of(name: bytes, value: bytes) -> bytes:
    """One header, as a literal without indexing (RFC 7541, 6.2.2); lengths under 127."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


FLOODS: dict[str, Handler] = {
    "ping": flood(PingFrame(0, b"12345678")),
    "settings": flood(SettingsFrame(0, {3: 100})),
    "empty settings": flood(SettingsFrame(0)),
    "empty data": flood(DataFrame(1, b"")),
    "resets of others": flood(RstStreamFrame(1, 8), RstStreamFrame(3, 8)),
    "interim answers": flood(HeadersFrame(1, block_of(b":status", b"103"), flags=["END_HEADERS"])),
    "unknown frames": flood(ExtensionFrame(0xFA, 0)),
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_of_frames_end_early(server: H2Server, name: str) -> None:
    """A server that sends nothing but frames is left long before the deadline, at the cost of a blink."""
    started, cpu_s = time.monotonic(), time.thread_time()
    error = failure(server, FLOODS[name])
    assert error.reason is Reason.BAD_RESPONSE
    assert time.monotonic() - started < FLOOD_S
    assert time.thread_time() - cpu_s < 1.0


def test_a_flood_in_the_middle_of_a_body(server: H2Server) -> None:
    """One-byte DATA frames are crumbs, whatever came before them."""

    async def crumbs(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.data(bytes(10_000), end=False)
        await flood(DataFrame(exchange.stream, b"x"))(exchange)

    assert failure(server, crumbs).reason is Reason.BAD_RESPONSE


async def endless_continuation(exchange: Exchange) -> None:
    first = HeadersFrame(exchange.stream, block_of(b":status", b"200"))
    await exchange.frames(first)
    more = ContinuationFrame(exchange.stream, block_of(b"x-a", b"a" * 100) * 100)
    while True:
        await exchange.frames(more)


async def large_head(exchange: Exchange) -> None:
    await exchange.head(extra=[(f"x-{n}", "a" * 1000) for n in range(100)])


async def packed_head(exchange: Exchange) -> None:
    """An HPACK bomb: one header of 4 KB in the table, and thousands of one-byte references to it."""
    name, value = b"x-a", b"a" * 3900
    entry = b"\x40" + bytes([len(name)]) + name + b"\x7f" + varint(len(value) - 127) + value
    head = block_of(b":status", b"200") + entry + b"\xbe" * 12_000
    await exchange.frames(HeadersFrame(exchange.stream, head, flags=["END_HEADERS"]))


def varint(number: int) -> bytes:
    """The rest of an integer that does not fit into its prefix (RFC 7541, 5.1)."""
    out = bytearray()
    while number >= 128:
        out.append(number % 128 + 128)
        number //= 128
    return bytes([*out, number])


@pytest.mark.parametrize("handler", [endless_continuation, large_head, packed_head])
def test_headers_have_a_limit(server: H2Server, handler: Handler) -> None:
    """Endless, large or packed headers are `headers_too_large`, within bounds of time and memory."""
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    error = failure(server, handler)
    assert (type(error), error.reason) == (Permanent, Reason.HEADERS_TOO_LARGE)
    assert time.monotonic() - started < FLOOD_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 64 * 1024


async def reset(exchange: Exchange) -> None:
    await exchange.frames(RstStreamFrame(exchange.stream, 8))


async def reset_in_the_middle(exchange: Exchange) -> None:
    await exchange.head()
    await exchange.data(b"half", end=False)
    await reset(exchange)


async def goodbye(exchange: Exchange) -> None:
    await exchange.frames(GoAwayFrame(0, exchange.stream, 0, b"<script>"))


async def garbage(exchange: Exchange) -> None:
    await exchange.raw(b"<script>alert(1)</script>" * 100)


async def huge_frame(exchange: Exchange) -> None:
    await exchange.raw(b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + bytes(100_000))


def headers(*extra: tuple[str, str], status: str = "200") -> Handler:
    async def answer(exchange: Exchange) -> None:
        await exchange.head(status, extra)
        await exchange.data(b"body")

    return answer


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (reset, Reason.BAD_RESPONSE),
        (reset_in_the_middle, Reason.BAD_RESPONSE),
        (goodbye, Reason.BAD_RESPONSE),
        (garbage, Reason.BAD_RESPONSE),
        (huge_frame, Reason.BAD_RESPONSE),
        (headers(status="two"), Reason.BAD_RESPONSE),
        (headers(status="99999"), Reason.BAD_RESPONSE),
        (headers(("x-a", "a\r\nx-b: b")), Reason.BAD_RESPONSE),
        (headers(("x a", "b")), Reason.BAD_RESPONSE),
        (headers(("content-length", "10")), Reason.WRONG_LENGTH),
        (headers(("content-length", "2")), Reason.WRONG_LENGTH),
        (headers(("content-length", "4"), ("content-length", "5")), Reason.BAD_RESPONSE),
        (headers(("content-encoding", "gzip")), Reason.BAD_RESPONSE),
    ],
    ids=[
        *("reset", "reset in the middle", "goodbye", "garbage", "huge frame", "status no number"),
        *("status out of range", "break in a value", "blank in a name", "short", "long", "two lengths"),
        "not gzip",
    ],
)
def test_broken_answers(server: H2Server, handler: Handler, reason: Reason) -> None:
    """What breaks the protocol is an outcome with its reason, and repeats no word of the server's."""
    error = failure(server, handler, deadline_s=5)
    assert (type(error), error.reason) == (Retry, reason)
    assert "script" not in error.detail
    assert "<" not in error.detail


def test_a_connection_that_the_server_closed_is_replaced(server: H2Server) -> None:
    """The server went away between two requests: the second one goes out again, on a new connection."""
    server.route("/a", page(HTML))

    async def call(client: Client) -> None:
        for turn in range(3):
            assert (await client.get(A, deadline_s=10)).body == HTML
            assert server.connections == turn + 1
            server.drop()
            await asyncio.sleep(0.1)

    talk(server, call)


def test_a_goodbye_for_later_requests_is_heeded(server: H2Server) -> None:
    """GOAWAY after an answer: the next request goes over a new connection."""

    async def last(exchange: Exchange) -> None:
        await page(HTML)(exchange)
        await goodbye(exchange)

    server.route("/a", last)

    async def call(client: Client) -> list[bytes]:
        return [(await client.get(A, deadline_s=10)).body for _ in range(3)]

    assert talk(server, call) == [HTML] * 3
    assert server.connections == 3
