"""``python -m worker.bench.poll_server``: thousands of feeds on as many loopback addresses, until SIGTERM.

It does as little as it can for an answer, so that it is not what limits a poller. When it is ready it prints
one line of JSON: ``{"port": …}``. What it answers to polls is set by ``GET /be/<mode>``.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import signal
import time
from collections import Counter
from collections.abc import Sequence
from email.utils import formatdate

from worker.bench import poll_documents
from worker.bench.poll_documents import CONTENT_TYPE, PATH, SPREAD

NOT_MODIFIED, SAME_BODY, CHANGED = "not_modified", "same_body", "changed"
MODES = (NOT_MODIFIED, SAME_BODY, CHANGED)
"""What each poll gets: 304 if it brings a validator; 200 and the same document; 200 and a new edition."""
BACKLOG = 4096
_FIRST = int(ipaddress.ip_address(poll_documents.address(0)))


class Feeds:
    """What is served."""

    def __init__(self, opened_s: int) -> None:
        self.port = 0
        self.mode = NOT_MODIFIED
        self._opened_s = opened_s
        self._editions: Counter[int] = Counter()
        """By feed: 0 until one was asked for in mode `CHANGED`."""

    def answer(self, address: str, head: bytes) -> bytes:
        """The whole response to a request (its head) that came to this address."""
        target = head.split(b" ", 2)[1].decode("latin-1")
        if target.startswith("/be/"):
            self.mode = target.removeprefix("/be/")
            return _response("204 No Content")
        if target != PATH:
            return _response("404 Not Found")
        return self._feed(_number(address), conditional=b"\r\nif-none-match:" in head.lower())

    def _feed(self, number: int, *, conditional: bool) -> bytes:
        if self.mode == CHANGED:
            self._editions[number] += 1
        edition = self._editions[number]
        headers = {
            "ETag": poll_documents.etag(number, edition),
            "Last-Modified": poll_documents.last_modified(edition, self._opened_s),
            "Cache-Control": "max-age=60",
        }
        if self.mode == NOT_MODIFIED and conditional:
            return _response("304 Not Modified", headers)
        body = poll_documents.document(number, edition, port=self.port, opened_s=self._opened_s)
        return _response("200 OK", headers | {"Content-Type": CONTENT_TYPE}, body)


def _number(address: str) -> int:
    offset = int(ipaddress.ip_address(address)) - _FIRST
    return (offset >> 16) * SPREAD * SPREAD + (offset >> 8 & 255) * SPREAD + (offset & 255)


def _response(status: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", "Server: bench", f"Date: {formatdate(time.time(), usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if not status.startswith(("204", "304")):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection(asyncio.Protocol):
    """One connection: requests without a body, one after the other."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds
        self._buffer = b""
        self._address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Only this machine is served, though thousands of addresses need a socket that is bound to all."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a stream server gives
        self._transport = transport
        self._address = transport.get_extra_info("sockname")[0]
        if not ipaddress.ip_address(transport.get_extra_info("peername")[0]).is_loopback:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer each request whose head is complete."""
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self._transport.write(self._feeds.answer(self._address, head))


async def _serve(opened_s: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    feeds = Feeds(opened_s)
    server = await loop.create_server(lambda: Connection(feeds), "0.0.0.0", 0, backlog=BACKLOG)  # noqa: S104 - see Connection
    feeds.port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": feeds.port}), flush=True)  # noqa: T201 - the line that says it is ready
    await stop.wait()
    server.close()


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m worker.bench.poll_server")
    parser.add_argument("--opened", type=int, required=True, help="Unix time of the first edition")
    asyncio.run(_serve(parser.parse_args(argv).opened))


if __name__ == "__main__":
    main()
