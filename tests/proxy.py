"""A small real HTTP proxy on loopback for tests: forwards plain requests and tunnels encrypted ones.

with TestProxy({("news.test", 80): server.port}) as proxy:
    ... proxy.url ...
    assert proxy.asked == ["GET http://news.test/feed"]
"""

from __future__ import annotations

import base64
import http.client
import socket
import socketserver
import threading
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit


class TestProxy(socketserver.ThreadingTCPServer):
    """The proxy, on threads. It alone knows the names it is given: (host, port) → a port on loopback."""

    __test__ = False  # not a test case, whatever pytest thinks of the name
    daemon_threads = True

    def __init__(self, names: Mapping[tuple[str, int], int], login: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.names = names
        self.login = login
        """``user:password`` that it wants."""
        self.asked: list[str] = []
        self._thread = threading.Thread(target=lambda: self.serve_forever(poll_interval=0.02), daemon=True)

    @property
    def url(self) -> str:
        return f"http://{f'{self.login}@' if self.login else ''}127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> TestProxy:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self._thread.join(5)
        self.server_close()


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """One request: answered, or joined with a connection to the site."""
        proxy = cast(TestProxy, self.server)
        first = self.rfile.readline().decode("latin-1")
        lines = iter(lambda: self.rfile.readline().decode("latin-1"), "\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        method, target, _ = first.split(" ", 2)
        proxy.asked.append(f"{method} {target}")
        wanted = f"Basic {base64.b64encode(proxy.login.encode()).decode()}"
        if proxy.login and headers.pop("proxy-authorization", "") != wanted:
            self._answer("407 Proxy Authentication Required")
            return
        parts = urlsplit(target if "://" in target else f"tunnel://{target}")
        port = proxy.names.get((parts.hostname or "", parts.port or 80))
        if port is None:
            self._answer("502 Bad Gateway")
            return
        if method == "CONNECT":
            self._tunnel(port)
        else:
            self._forward(port, parts._replace(scheme="", netloc="").geturl() or "/", headers)

    def _forward(self, port: int, path: str, headers: Mapping[str, str]) -> None:
        site = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        site.request("GET", path, headers=dict(headers))
        answer = site.getresponse()
        body = answer.read()
        kept = {n: v for n, v in answer.getheaders() if n.lower() not in ("content-length", "connection")}
        self._answer(f"{answer.status} Forwarded", kept, body)
        site.close()

    def _tunnel(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as site:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_relay, args=(site, self.connection), daemon=True)
            back.start()
            _relay(self.connection, site)
            back.join(5)

    def _answer(self, status: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        lines = [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += [f"Content-Length: {len(body)}", "Connection: close"]
        self.wfile.write("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1") + body)


def _relay(source: socket.socket, sink: socket.socket) -> None:
    """Bytes from one to the other until there are no more."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side is gone
