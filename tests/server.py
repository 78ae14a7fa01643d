"""A small real HTTP/1.1 server on loopback for tests, which can also misbehave in every way a site can.

with TestServer() as server:
    server.route("/x", Response(body=b"<p>hello</p>"))
    server.route("/echo", lambda request: Response(body=request.path.encode()))
    ... server.url("/x") ...
    assert server.paths == ["/x"]
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

START_TIMEOUT_S = 10.0
TLS_HELLO = b"\x16"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in."""

    method: str
    path: str
    """With the query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    at_s: float
    """When it came, by `time.monotonic`."""
    connection: int
    """Number of the connection it came on, from 1."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What to answer, well or badly."""

    status: int = 200
    body: bytes | Callable[[], Iterable[bytes]] = b""
    """Bytes, or a callable whose pieces are sent one by one, each made when the one before is gone."""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = "text/html; charset=utf-8"
    delay_s: float = 0.0
    """Wait before the status line."""
    drip_s: float = 0.0
    """Wait after each piece; a body of bytes is then sent byte by byte."""
    length: int | None = None
    """Claim this Content-Length instead of the true one."""
    framing: str = "auto"
    """``length``, ``chunked`` or ``close``; auto: length for bytes, chunked for pieces."""
    raw: bytes | None = None
    """Sent as it is instead of everything else (dripping, if `drip_s`); then the connection is closed."""


Handler = Callable[[Request], Response]


def redirect(to: str, status: int = 302) -> Response:
    """A redirect."""
    return Response(status=status, headers={"Location": to})


class TestServer:
    """The server, in a thread of its own. Use as a context manager."""

    __test__ = False  # not a test case, whatever pytest thinks of the name

    def __init__(self, *, tls: ssl.SSLContext | None = None, hosts: Sequence[str] = ("127.0.0.1",)) -> None:
        """`hosts`: loopback addresses to listen on, on one port; the Host header tells them apart."""
        self.requests: list[Request] = []
        self.connections = 0
        """How many connections were opened."""
        self.port = 0
        self._tls = tls
        self._hosts = hosts
        self._routes: dict[str, Response | Handler] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def route(self, path: str, answer: Response | Handler) -> None:
        """Answer requests for `path` (without query); what has no route is 404. ``"*"``: everything else."""
        self._routes[path] = answer

    def reset(self) -> None:
        """Forget routes and requests, for the next test; connections count from 1 again."""
        self._routes.clear()
        self.requests.clear()
        self.connections = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [request.path for request in self.requests]

    def __enter__(self) -> TestServer:
        self._thread.start()
        assert self._ready.wait(START_TIMEOUT_S), "the test server did not start"
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_TIMEOUT_S)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # failed TLS handshakes are expected
        self._stop = asyncio.Event()
        servers = []
        for host in self._hosts:
            servers.append(await asyncio.start_server(self._serve, host, self.port, ssl=self._tls))
            self.port = servers[0].sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        number = self.connections
        try:
            while await self._exchange(reader, writer, number):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the client went away, or the server is being stopped
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        """One request and its answer; true when the connection may be used again."""
        first = await reader.readexactly(1)
        if first == TLS_HELLO and not self._tls:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")  # as other servers do
            return False
        request = await _read(first, reader, number)
        self.requests.append(request)
        route = self._routes.get(request.path.partition("?")[0], self._routes.get("*", Response(status=404)))
        response = route(request) if callable(route) else route
        await asyncio.sleep(response.delay_s)
        if response.raw is not None:
            await _send(writer, _pieces(response.raw, response.drip_s), response.drip_s)
            return False
        framing = _framing(response)
        writer.write(_head(response, framing))
        if request.method != "HEAD":
            pieces = _pieces(response.body, response.drip_s)
            await _send(writer, _chunked(pieces) if framing == "chunked" else pieces, response.drip_s)
        await writer.drain()
        return framing == "chunked" or (framing == "length" and response.length is None)


async def _read(begun: bytes, reader: asyncio.StreamReader, number: int) -> Request:
    head = (begun + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, time.monotonic(), number, body)


def _framing(response: Response) -> str:
    if response.framing != "auto":
        return response.framing
    return "length" if isinstance(response.body, bytes) else "chunked"


def _head(response: Response, framing: str) -> bytes:
    known = {status.value: status.phrase for status in HTTPStatus}
    headers = dict(response.headers)
    if response.content_type is not None:
        headers.setdefault("Content-Type", response.content_type)
    if framing == "chunked":
        headers["Transfer-Encoding"] = "chunked"
    elif framing == "close":
        headers["Connection"] = "close"
    elif response.status not in (204, 304):
        body = response.body if isinstance(response.body, bytes) else b""
        headers["Content-Length"] = str(len(body) if response.length is None else response.length)
    lines = [f"HTTP/1.1 {response.status} {known.get(response.status, 'Odd')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def _pieces(body: bytes | Callable[[], Iterable[bytes]], drip_s: float) -> Iterable[bytes]:
    if callable(body):
        return body()
    return (body[i : i + 1] for i in range(len(body))) if drip_s else (body,)


def _chunked(pieces: Iterable[bytes]) -> Iterable[bytes]:
    for piece in pieces:
        if piece:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


async def _send(writer: asyncio.StreamWriter, pieces: Iterable[bytes], drip_s: float) -> None:
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(drip_s)  # zero too: a client in another task of the loop gets its turn
