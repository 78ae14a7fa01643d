"""Hostile servers: bodies without end, answers without end, answers that break; all end as outcomes."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import brotli  # type: ignore[import-untyped]  # it has no type hints
import httpcore2
import pytest

from jobs.client import Client
from jobs.errors import Outcome, Permanent, Reason, Retry
from jobs.guard import Policy
from tests.calls import HTML, PACKED, Dialler, Names, failure, get, run
from tests.server import Response, TestServer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CAP_BYTES = 2**20
BLOCK = bytes(2**20)
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def bomb(packer: Any, finish: str, blocks: int) -> Callable[[], Iterator[bytes]]:
    """Zeros, packed while they are sent; never in memory as a whole."""
    pack = getattr(packer, "process", None) or packer.compress

    def pieces() -> Iterator[bytes]:
        for _ in range(blocks):
            yield pack(BLOCK)
        yield getattr(packer, finish)()

    return pieces


BOMBS: dict[str, Callable[[int], Callable[[], Iterator[bytes]]]] = {
    "gzip": lambda blocks: bomb(zlib.compressobj(9, zlib.DEFLATED, 31), "flush", blocks),
    "deflate": lambda blocks: bomb(zlib.compressobj(9), "flush", blocks),
    "br": lambda blocks: bomb(brotli.Compressor(quality=1), "finish", blocks),
    "zstd": lambda blocks: bomb(zstd.ZstdCompressor(3), "flush", blocks),
}


@pytest.mark.parametrize("blocks", [2, 64, 512])
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_at_the_cap_in_bounded_memory(server: TestServer, name: str, blocks: int) -> None:
    """Up to half a gigabyte in any coding, in one packet or streamed, is BOMB after a megabyte."""
    if name in ("br", "zstd"):  # so dense that all of it fits into one packet or two
        packed = b"".join(BOMBS[name](blocks)())
        server.route("/", Response(body=packed, headers={"Content-Encoding": name}))
    else:
        server.route("/", Response(body=BOMBS[name](blocks), headers={"Content-Encoding": name}))
    tracemalloc.start()
    try:
        error = failure(server.url(), max_bytes=CAP_BYTES)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (type(error), error.reason) == (Permanent, Reason.BOMB)
    assert peak_bytes < 16 * CAP_BYTES


PROCESS = "tests.integration.bomb_process"
GIGABYTE = 2**30
PIECE = bytes(2**24)
PIECES = GIGABYTE // len(PIECE)


def gigabyte(name: str) -> bytes:
    """A gigabyte of zeros, packed: pieces that are alike are packed once, where the coding has any."""
    if name == "gzip":
        return gzip.compress(PIECE) * PIECES
    if name == "deflate":
        pack = zlib.compressobj(9)
        return pack.compress(PIECE) + (pack.flush(zlib.Z_FULL_FLUSH) + one_more(pack)) * (PIECES - 1)
    if name == "zstd":
        return zstd.compress(PIECE, 3) * PIECES
    pack = brotli.Compressor(quality=1)
    return bytes(b"".join(pack.process(PIECE) for _ in range(PIECES)) + pack.finish())


def one_more(pack: Any) -> bytes:
    return bytes(pack.compress(PIECE) + pack.flush(zlib.Z_FULL_FLUSH))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("times", [1, 64])
@pytest.mark.parametrize("name", BOMBS)
def test_a_gigabyte_in_any_coding_costs_a_process_little(server: TestServer, name: str, times: int) -> None:
    """One, or as many at once as a worker fetches: less than 200 MB more than idle, each one BOMB."""
    packed = gigabyte(name)
    assert len(packed) < GIGABYTE / 800
    server.route("/plain", Response(body=HTML))
    server.route("/", Response(body=packed, headers={"Content-Encoding": name}))
    done = subprocess.run(
        [sys.executable, "-m", PROCESS, str(times), server.url("/plain"), server.url()],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["reasons"] == {"bomb": times}
    assert (told["peak_kb"] - told["idle_kb"]) / 1024 < 200


@pytest.mark.parametrize("name", BOMBS)
def test_a_body_up_to_the_cap_is_read(server: TestServer, name: str) -> None:
    """The cap refuses nothing below it: a body of exactly the size comes through each coding."""
    server.route("/", Response(body=BOMBS[name](1), headers={"Content-Encoding": name}))
    answer = get(server.url(), max_bytes=CAP_BYTES)
    assert answer.body == BLOCK
    assert answer.wire_bytes < CAP_BYTES / 100


def endless() -> Iterator[bytes]:
    while True:
        yield bytes(65536)


@pytest.mark.parametrize(
    "response",
    [
        Response(body=endless),
        Response(body=endless, framing="close"),
        Response(body=b"x", length=10**15),
        Response(body=bytes(CAP_BYTES + 1)),
    ],
    ids=["chunked", "until closed", "announced", "one byte over"],
)
def test_a_body_over_the_cap_ends_at_it(server: TestServer, response: Response) -> None:
    """Bytes on the wire are capped whether or not their number is announced."""
    server.route("/", response)
    error = failure(server.url(), max_bytes=CAP_BYTES)
    assert (type(error), error.reason) == (Permanent, Reason.TOO_LARGE)


def test_crumbs_are_refused(server: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body in a great many tiny chunks, which cost far more than their bytes, is not read to its end."""
    monkeypatch.setattr("jobs.body.MAX_PIECES", 500)
    server.route("/", Response(body=lambda: (b"x" for _ in range(501))))
    error = failure(server.url())
    assert (type(error), error.reason) == (Retry, Reason.BAD_RESPONSE)


def test_the_body_of_an_error_is_cut(server: TestServer) -> None:
    """The status of an error stands, however large, broken or slow the page behind it is."""
    server.route("/large", Response(status=404, body=endless))
    server.route("/bomb", Response(status=403, body=BOMBS["gzip"](64), headers={"Content-Encoding": "gzip"}))
    server.route("/broken", Response(status=500, body=b"not gzip", headers={"Content-Encoding": "gzip"}))
    server.route("/cut", Response(status=503, body=b"half", length=1000, framing="length"))
    for path, status in (("/large", 404), ("/bomb", 403), ("/broken", 500), ("/cut", 503)):
        answer = get(server.url(path))
        assert answer.status == status
        assert len(answer.body) <= 65536
    assert get(server.url("/large")).body == bytes(65536)


def many(piece: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: (piece for _ in range(10**6))


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (Response(delay_s=30), Reason.TIMEOUT),
        (Response(body=HTML, drip_s=0.02), Reason.TOO_SLOW),
        (Response(body=many(b"x"), drip_s=0.02), Reason.TOO_SLOW),
        (Response(raw=b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 5000, drip_s=0.02), Reason.TOO_SLOW),
        (Response(raw=b"HTTP/1.1 100 Continue\r\n\r\n" * 5000, drip_s=0.001), Reason.TOO_SLOW),
        (Response(body=many(bytes(500)), drip_s=0.001), Reason.TOO_SLOW),
    ],
    ids=["silence", "drip", "drip in chunks", "drip in the header", "interim answers", "endless"],
)
def test_slowness_ends_at_the_deadline(server: TestServer, response: Response, reason: Reason) -> None:
    """However a server spreads its answer, the call is over when its time is.

    TIMEOUT when there was no answer, TOO_SLOW when it had begun.
    """
    server.route("/", response)
    started = time.monotonic()
    error = failure(server.url(), deadline_s=0.4)
    assert (type(error), error.reason) == (Retry, reason)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (Response(raw=b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20_000), Reason.HEADERS_TOO_LARGE),
        (Response(raw=OK + b"X-A: abc\r\n" * 30_000 + b"\r\n"), Reason.HEADERS_TOO_LARGE),
        (Response(raw=CHUNKED + (b"1;" + b"x" * 5000 + b"\r\nx\r\n") * 2000), Reason.BAD_RESPONSE),
    ],
    ids=["interim answers", "headers", "chunk extensions"],
)
def test_what_is_around_a_body_has_a_limit(server: TestServer, response: Response, reason: Reason) -> None:
    """At full speed, no answer without an end keeps the parser busy until the deadline."""
    server.route("/", response)
    started = time.monotonic()
    error = failure(server.url(), deadline_s=20, max_bytes=CAP_BYTES)
    assert error.reason is reason
    assert time.monotonic() - started < 5


def test_the_deadline_is_over_all_redirects(server: TestServer) -> None:
    """Redirects don't win time: the deadline is for the whole way."""
    server.route("*", lambda request: Response(302, headers={"Location": request.path + "x"}, delay_s=0.15))
    started = time.monotonic()
    assert failure(server.url("/"), deadline_s=0.4).reason is Reason.TIMEOUT
    assert time.monotonic() - started < 2


def test_a_connection_that_never_opens(server: TestServer) -> None:
    """Each dead address has its share of the connect timeout; then the call is a TIMEOUT."""

    class Hole(Dialler):
        async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
            self.dialled.append((host, port))
            await asyncio.sleep(args[0])
            raise httpcore2.ConnectTimeout("no answer")

    names, hole = Names(slow_test=[["1.1.1.1", "8.8.8.8"]]), Hole(server.port)
    options = {"resolver": names, "dialler": hole}
    error = failure("http://slow.test/", Policy(), options, connect_timeout_s=0.2)
    assert (type(error), error.reason) == (Retry, Reason.TIMEOUT)
    assert [host for host, _ in hole.dialled] == ["1.1.1.1", "8.8.8.8"]


def test_timeouts_leave_nothing_behind(server: TestServer) -> None:
    """More calls than the pool has places run into their deadline; the next one finds a place."""
    server.route("/slow", Response(delay_s=30))
    server.route("/a", Response(body=HTML))

    async def call(client: Client) -> bytes:
        slow = [client.get(server.url("/slow"), deadline_s=0.3) for _ in range(12)]
        ended = await asyncio.gather(*slow, return_exceptions=True)
        assert {e.reason for e in ended if isinstance(e, Outcome)} == {Reason.TIMEOUT}
        body: bytes = (await client.get(server.url("/a"), deadline_s=5)).body
        return body

    assert run(call, max_connections=4) == HTML


def test_cancellation_is_not_an_outcome(server: TestServer) -> None:
    """A worker that shuts down cancels its downloads: that comes out as it is."""
    server.route("/slow", Response(delay_s=30))

    async def call(client: Client) -> None:
        task = asyncio.create_task(client.get(server.url("/slow")))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(call)


BROKEN = {
    "nothing": Response(raw=b""),
    "not HTTP": Response(raw=b"SSH-2.0-OpenSSH_9.6\r\n"),
    "HTTP/0.9": Response(raw=b"<html>hello</html>"),
    "cut header": Response(raw=OK + b"Content-Le"),
    "control characters": Response(raw=OK + b"X-A: a\x00b\r\n\r\n"),
    "bad chunks": Response(raw=CHUNKED + b"zz\r\nhello\r\n"),
    "unknown transfer coding": Response(raw=OK + b"Transfer-Encoding: gzip\r\n\r\n" + PACKED),
    "not gzip": Response(body=HTML, headers={"Content-Encoding": "gzip"}),
    "cut gzip": Response(body=PACKED[:-9], headers={"Content-Encoding": "gzip"}, framing="close"),
    "stacked codings": Response(body=PACKED, headers={"Content-Encoding": "gzip, gzip"}),
}
LENGTHS = {
    "bad length": Response(raw=OK + b"Content-Length: ten\r\n\r\n"),
    "negative length": Response(raw=OK + b"Content-Length: -1\r\n\r\n"),
    "two lengths": Response(raw=OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "cut body": Response(body=HTML, length=len(HTML) + 10, framing="length"),
    "cut chunks": Response(raw=CHUNKED + b"5\r\nhel"),
}
HEADERS = {
    "one": Response(raw=OK + b"X-A: " + b"a" * 200_000 + b"\r\n\r\n"),
    "many": Response(raw=OK + b"X-A: abc\r\n" * 30_000 + b"\r\n"),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_wrong_lengths(server: TestServer, name: str) -> None:
    """What is shorter than announced, or announces nonsense, is WRONG_LENGTH; never half a page."""
    server.route("/", LENGTHS[name])
    error = failure(server.url(), deadline_s=5)
    assert (type(error), error.reason) == (Retry, Reason.WRONG_LENGTH)


@pytest.mark.parametrize("name", HEADERS)
def test_large_headers(server: TestServer, name: str) -> None:
    """One header without end, or many small ones, are HEADERS_TOO_LARGE."""
    server.route("/", HEADERS[name])
    error = failure(server.url(), deadline_s=5)
    assert (type(error), error.reason) == (Permanent, Reason.HEADERS_TOO_LARGE)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_answers(server: TestServer, name: str) -> None:
    """What is not valid HTTP, or is cut in the middle, is BAD_RESPONSE; never half a page."""
    server.route("/", BROKEN[name])
    error = failure(server.url(), deadline_s=5)
    assert (type(error), error.reason) == (Retry, Reason.BAD_RESPONSE)
    assert f"127.0.0.1:{server.port}" in error.detail
    assert len(error.detail) < 200


def test_a_peers_words_are_not_repeated(server: TestServer) -> None:
    """Error texts go to logs and dashboards: nothing that the server sent is in them."""
    for raw in (
        b"<script>alert(1)</script>\r\n\r\n",
        OK + b"<script>: \x00\r\n\r\n",
        OK + b"Content-Length: <script>\r\n\r\n",
    ):
        server.route("/", Response(raw=raw))
        assert "script" not in failure(server.url()).detail


def test_no_answer_at_the_name_or_port() -> None:
    """A name without addresses is DNS; a port that nobody listens on is CONNECT, and says so."""
    error = failure("http://nowhere.test/", client={"resolver": Names()})
    assert (type(error), error.reason) == (Retry, Reason.DNS)
    error = failure("http://empty.test/", client={"resolver": Names(empty_test=[[]])})
    assert (type(error), error.reason) == (Retry, Reason.DNS)
    with TestServer() as gone:
        port = gone.port
    error = failure(f"http://127.0.0.1:{port}/")
    assert (type(error), error.reason) == (Retry, Reason.CONNECT)
    assert "refused" in error.detail.lower()
