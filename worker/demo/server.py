"""The web server under the demo newsroom: HTTP/1.1 in threads, with a log that tests can read."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import unquote, urlsplit

from jobs.errors import PalmyraError
from worker.demo.answer import HTML, Answer, Site
from worker.demo.conditional import etag, http_date, not_modified

REQUESTS_KEPT = 5000
PORT_ATTEMPTS = 20
IDLE_TIMEOUT_S = 60
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?")
_NOT_FOUND = Answer(
    b"<!doctype html><html lang=en><meta charset=utf-8><title>Not found</title>"
    b"<h1>Not found</h1><p>There is no such page here. <a href=/>To the front page</a></p></html>",
    HTML,
    404,
)


class CannotListen(PalmyraError):
    """The demo server can't listen on its address."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    """As sent, with the query."""
    host: str
    """The address it was sent to, without the port."""
    at_s: float
    """Unix time."""
    headers: dict[str, str]
    """Names in lower case."""


@dataclass(frozen=True, slots=True)
class FeedAddress:
    """A feed, as a reader would subscribe to it."""

    url: str
    title: str


class DemoServer:
    """Serves a site from threads of this process. Use as a context manager, or `start` and `stop`."""

    def __init__(self, site: Site, *, host: str = "127.0.0.1", port: int = 0, hosts: int = 1) -> None:
        """Listen on `hosts` addresses counted up from `host`, all on `port` (0: a free one).

        Raises:
            CannotListen: an address or the port is not to be had.
        """
        self.site = site
        self._log: deque[Request] = deque(maxlen=REQUESTS_KEPT)
        self._listeners = _listen(_addresses(host, hosts), port, self)
        self.port: int = self._listeners[0].server_address[1]
        shown = ["127.0.0.1" if a == "0.0.0.0" else a for a in _addresses(host, hosts)]  # noqa: S104 - compared only
        self.origins = tuple(f"http://{address}:{self.port}" for address in shown)

    @property
    def url(self) -> str:
        """The front page."""
        return f"{self.origins[0]}/"

    @property
    def feeds(self) -> list[FeedAddress]:
        """The feeds it serves."""
        return [FeedAddress(self.origins[0] + feed.path, feed.title) for feed in self.site.feeds]

    @property
    def requests(self) -> list[Request]:
        """The latest requests (at most REQUESTS_KEPT), oldest first; each is there before it is answered."""
        return list(self._log)

    def start(self) -> None:
        """Begin to answer; returns at once."""
        for listener in self._listeners:
            threading.Thread(target=listener.serve_forever, args=(0.1,), name="demo", daemon=True).start()

    def stop(self) -> None:
        """Stop listening and cut the connections that are still open."""
        for listener in self._listeners:
            listener.shutdown()
            listener.server_close()
            listener.cut()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def answer(self, request: Request) -> Answer:
        """What the site says to a request. Also the place where it is logged."""
        self._log.append(request)
        path = unquote(urlsplit(request.path).path)
        return self.site.answer(path, self._origins_for(request)) or _NOT_FOUND

    def _origins_for(self, request: Request) -> Sequence[str]:
        """Readers who know the server by another name (in a container, say) get links with that name."""
        named = request.headers.get("host", "")
        return (f"http://{named}",) if len(self.origins) == 1 and _HOST.fullmatch(named) else self.origins


def _addresses(host: str, hosts: int) -> list[str]:
    """`host` and the addresses after it."""
    if hosts == 1:
        return [host]
    try:
        first = ipaddress.IPv4Address(host)
    except ValueError:
        raise CannotListen(f"--hosts counts up from an IPv4 address, and --host is {host!r}.") from None
    return [str(first + n) for n in range(hosts)]


def _listen(addresses: Sequence[str], port: int, demo: DemoServer) -> list[_Listener]:
    """A listener for each address, all on one port. A port free on one may be taken on another: try again."""
    for attempt in range(PORT_ATTEMPTS):
        listeners: list[_Listener] = []
        try:
            for address in addresses:
                chosen = listeners[0].server_address[1] if listeners else port
                listeners.append(_Listener((address, chosen), demo))
        except (OSError, OverflowError) as error:
            for listener in listeners:
                listener.server_close()
            busy = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if port == 0 and busy and attempt < PORT_ATTEMPTS - 1:
                continue
            hint = " Choose another with --port; 0 takes a free one." if busy else ""
            raise CannotListen(f"Can't listen on {address}:{port}: {error}.{hint}") from error
        return listeners
    raise AssertionError("unreachable: the last attempt returns or raises")


class _Listener(ThreadingHTTPServer):
    """One listening socket. Remembers its open connections, to cut them at the end."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], demo: DemoServer) -> None:
        self.demo = demo
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # not HTTPServer's, which looks the address up in the DNS
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """End every open connection; its thread ends by itself."""
        for connection in tuple(self._open):
            with suppress(OSError):  # it may have ended meanwhile
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader who hangs up is not worth a word; anything else is a bug, and shows."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection, kept alive."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_TIMEOUT_S
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet

    def do_GET(self) -> None:
        """Answer, or say that nothing has changed."""
        request = self._request()
        answer = self._demo().answer(request)
        tag = etag(answer.body)
        unchanged = answer.status == 200 and not_modified(request.headers, tag, answer.modified)
        self.send_response(304 if unchanged else answer.status)
        if answer.status == 200:
            self.send_header("ETag", tag)
        if answer.modified:
            self.send_header("Last-Modified", http_date(answer.modified))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if not unchanged:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if not unchanged and self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_GET  # noqa: N815 - BaseHTTPRequestHandler looks the name up

    def version_string(self) -> str:
        """What the Server header says."""
        return "demo-newsroom"

    def _demo(self) -> DemoServer:
        return cast(_Listener, self.server).demo

    def _request(self) -> Request:
        host = str(self.connection.getsockname()[0])
        headers = {k.lower(): v for k, v in self.headers.items()}
        return Request(self.command, self.path, host, time.time(), headers)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: `DemoServer.requests` is the log."""
