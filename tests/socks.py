"""A small real SOCKS 5 proxy on loopback for tests (RFC 1928, RFC 1929), which can also misbehave.

with SocksProxy({("news.test", 80): server.port}) as proxy:
    ... proxy.url ...
    assert proxy.asked == [("name", "news.test", 80)]
"""

from __future__ import annotations

import ipaddress
import socket
import socketserver
import threading
import time
from collections.abc import Mapping
from typing import cast

KINDS = {1: "ipv4", 3: "name", 4: "ipv6"}


class SocksProxy(socketserver.ThreadingTCPServer):
    """The proxy, on threads. It alone knows what it is asked for: (host, port) → a port on loopback.

    Args:
        login: ``user:password`` that it wants; empty: it wants none, and knows no other way in.
        says: sent as it is to every greeting, before it hangs up.
        in_pieces: its replies come byte by byte.
    """

    daemon_threads = True

    def __init__(
        self,
        places: Mapping[tuple[str, int], int],
        *,
        login: str = "",
        says: bytes | None = None,
        in_pieces: bool = False,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.places, self.login, self.says, self.in_pieces = places, login, says, in_pieces
        self.asked: list[tuple[str, str, int]] = []
        """What it was asked to connect to: kind of address, host, port."""
        self._thread = threading.Thread(target=lambda: self.serve_forever(poll_interval=0.02), daemon=True)

    def address(self, scheme: str = "socks5h", login: str | None = None) -> str:
        given = self.login if login is None else login
        return f"{scheme}://{f'{given}@' if given else ''}127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return self.address()

    def __enter__(self) -> SocksProxy:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self._thread.join(5)
        self.server_close()


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Greeting, login, request; then bytes to and fro."""
        proxy = cast(SocksProxy, self.server)
        version, count = self.rfile.read(2)
        methods = self.rfile.read(count)
        assert version == 5
        if proxy.says is not None:
            self.wfile.write(proxy.says)
            return
        if not self._let_in(proxy, methods):
            return
        version, command, _, kind = self.rfile.read(4)
        assert (version, command) == (5, 1)
        size = {1: 4, 4: 16}.get(kind) or self.rfile.read(1)[0]
        raw = self.rfile.read(size)
        host = raw.decode("ascii") if kind == 3 else str(ipaddress.ip_address(raw))
        port = int.from_bytes(self.rfile.read(2), "big")
        proxy.asked.append((KINDS[kind], host, port))
        place = proxy.places.get((host, port))
        if place is None:
            self._say(b"\5\4\0\1" + bytes(6))
            return
        with socket.create_connection(("127.0.0.1", place)) as site:
            # The address that it connects from is a name here: rare, and its length is in the reply.
            self._say(b"\5\0\0\3\x07gateway\0\x50")
            back = threading.Thread(target=_relay, args=(site, self.connection), daemon=True)
            back.start()
            _relay(self.connection, site)
            back.join(5)

    def _let_in(self, proxy: SocksProxy, methods: bytes) -> bool:
        wanted = 2 if proxy.login else 0
        if wanted not in methods:
            self._say(b"\5\xff")
            return False
        self._say(bytes([5, wanted]))
        if not proxy.login:
            return True
        version, size = self.rfile.read(2)
        assert version == 1
        user = self.rfile.read(size)
        password = self.rfile.read(self.rfile.read(1)[0])
        right = user + b":" + password == proxy.login.encode()
        self._say(bytes([1, 0 if right else 1]))
        return right

    def _say(self, reply: bytes) -> None:
        pieces = (
            [reply[i : i + 1] for i in range(len(reply))]
            if cast(SocksProxy, self.server).in_pieces
            else [reply]
        )
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(0.002 if len(pieces) > 1 else 0)


def _relay(source: socket.socket, sink: socket.socket) -> None:
    """Bytes from one to the other until there are no more."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side is gone
