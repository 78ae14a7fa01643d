"""The sites of a run: feeds that grow, pages that answer as their fate has it, on loopback addresses.

They live in a thread of the chaos process, which so knows whom it hurt.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Self

from jobs.urls import link_id
from worker.bench.fetch_server import response
from worker.chaos import pages
from worker.chaos.fate import Fate, Sickness

HANG_S = 60.0
"""Longer than anybody waits."""
_ROBOTS = response("404 Not Found", {"Content-Type": "text/plain"}, b"")
_REASONS = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class Sites:
    """All sites. Use as a context manager; nothing is out before `open`."""

    def __init__(self, sicknesses: Sequence[Sickness], within_s: float) -> None:
        """`within_s`: the time in which all links come out."""
        self._sick = sicknesses
        self._fates = [one.fate for one in sicknesses]
        self._within_s = within_s
        self._opened_s: float | None = None
        self._asked: Counter[int] = Counter()
        self.hurt: Counter[Fate] = Counter()
        """Bad answers so far."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sites", daemon=True)
        self.port = 0

    # -- from the chaos process ----------------------------------------------------------------------------
    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    async def _listen(self) -> int:
        # Bound to all addresses, for there are many; `_Connection` serves this machine only.
        server = await self._loop.create_server(lambda: _Connection(self), "0.0.0.0", 0, backlog=1024)  # noqa: S104
        return int(server.sockets[0].getsockname()[1])

    def open(self) -> None:
        """From now on links come out."""
        self._opened_s = time.time()

    @property
    def feeds(self) -> list[str]:
        """Where the feeds are."""
        return [pages.feed_url(number, self.port) for number in range(pages.FEEDS)]

    @property
    def links(self) -> dict[str, Fate]:
        """Every link that will ever be out, by id."""
        urls = (pages.page_url(number, fate, self.port) for number, fate in enumerate(self._fates))
        return dict(zip(map(link_id, urls), self._fates, strict=True))

    # -- from connections ----------------------------------------------------------------------------------
    def out(self) -> int:
        """How many links are out."""
        if self._opened_s is None:
            return 0
        part = min(1.0, (time.time() - self._opened_s) / self._within_s)
        return int(part * len(self._sick))

    def feed(self, number: int, known: str) -> bytes:
        """A feed's answer to a reader who has the version `known`."""
        numbers = pages.listed(number, self.out())
        tag = f'"{len(numbers)}"'
        if known == tag:
            return response("304 Not Modified", {"ETag": tag}, b"")
        document = pages.document(number, numbers, self._fates, self.port, self._opened_s or 0)
        return response("200 OK", {"Content-Type": "application/rss+xml", "ETag": tag}, document)

    def page(self, number: int) -> bytes | Fate:
        """A page's answer, or what is done to its connection."""
        sick, asked = self._sick[number], self._asked[number]
        self._asked[number] += 1
        if asked >= sick.times:
            return response("200 OK", {"Content-Type": "text/html; charset=utf-8"}, pages.page(number))
        self.hurt[sick.fate] += 1
        if sick.fate in (Fate.HANG, Fate.RESET):
            return sick.fate
        headers = {"Content-Type": "text/plain"} | ({"Retry-After": str(sick.wait_s)} if sick.wait_s else {})
        return response(f"{sick.status} {_REASONS[sick.status]}", headers, b"Try later.")


class _Connection(asyncio.Protocol):
    """One connection: requests without a body, one after the other."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a stream server gives
        self._transport = transport
        if not ipaddress.ip_address(transport.get_extra_info("peername")[0]).is_loopback:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self._answer(head.decode("latin-1").split("\r\n"))

    def _answer(self, lines: list[str]) -> None:
        _, kind, *rest = lines[0].split(" ", 2)[1].split("/")
        if kind == "feed":
            known = next(
                (v for n, _, v in (line.partition(": ") for line in lines) if n.lower() == "if-none-match"),
                "",
            )
            self._transport.write(self._sites.feed(int(rest[0].removesuffix(".xml")), known))
        elif kind in set(Fate):
            self._send(self._sites.page(int(rest[0])))
        else:
            self._transport.write(_ROBOTS)

    def _send(self, answer: bytes | Fate) -> None:
        if isinstance(answer, bytes):
            self._transport.write(answer)
        elif answer is Fate.HANG:
            asyncio.get_running_loop().call_later(HANG_S, self._transport.abort)
        else:
            # With this option closing sends RST, not FIN.
            connection: socket.socket = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
