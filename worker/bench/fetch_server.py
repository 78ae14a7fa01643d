"""``python -m worker.bench.fetch_server``: slow news sites on as many loopback addresses, until SIGTERM.

Every address is a host of its own. A page is answered after the delay, robots.txt at once, both as cheaply as
can be. When it is ready it prints one line of JSON: ``{"port": …, "page_bytes": […], "wire_bytes": […]}``.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import ipaddress
import json
import random
import signal
from collections.abc import Sequence

KINDS = 16
SIZES_KB = (50, 300)
"""Of the pages, before compression: what real ones have."""
BACKLOG = 1024
_FIRST = int(ipaddress.ip_address("127.0.16.1"))
_SYLLABLES = (
    "al",
    "be",
    "cor",
    "du",
    "en",
    "fir",
    "go",
    "hal",
    "is",
    "ka",
    "lum",
    "mo",
    "ner",
    "or",
    "pe",
    "qua",
)


def address(number: int) -> str:
    """The address of a host."""
    return str(ipaddress.ip_address(_FIRST + number))


def page(seed: int) -> bytes:
    """A page as large and as compressible as those of news sites: an article among navigation and scripts."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 4))) for _ in range(4000)]
    low, high = SIZES_KB
    size = int(1024 * (low + (high - low) * seed / max(KINDS - 1, 1)))

    def text(count: int) -> str:
        return " ".join(rng.choices(words, k=count))

    article = "".join(f"<p>{text(60)}.</p>\n" for _ in range(20))
    parts = [
        f"<html><head><title>{text(8)}</title></head><body><article><h1>{text(8)}</h1>{article}</article>"
    ]
    length = len(parts[0])
    while length < size:
        href = f"/{rng.getrandbits(48):x}"
        link = f'<li class="teaser teaser--{rng.randint(1, 9)}"><a href="{href}">{text(9)}</a></li>\n'
        data = f'<script>window.data.push({{"id":{rng.getrandbits(40)},"title":"{text(12)}"}})</script>\n'
        parts.append(link if rng.random() < 0.7 else data)
        length += len(parts[-1])
    return ("".join(parts) + "</body></html>").encode()


def response(status: str, headers: dict[str, str], body: bytes) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


ROBOTS = response("200 OK", {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /private/\n")


class Connection(asyncio.Protocol):
    """One connection: requests without a body, one after the other."""

    def __init__(self, answers: Sequence[bytes], delay_s: float) -> None:
        self._answers = answers
        self._delay_s = delay_s
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Only this machine is served, though many addresses need a socket that is bound to all."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a stream server gives
        self._transport = transport
        if not ipaddress.ip_address(transport.get_extra_info("peername")[0]).is_loopback:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer each request whose head is complete."""
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1]
            if target == b"/robots.txt":
                self._transport.write(ROBOTS)
            else:
                answer = self._answers[int(target.rpartition(b"/")[2]) % len(self._answers)]
                asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, answer)


async def _serve(delay_s: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    pages = [page(seed) for seed in range(KINDS)]
    packed = [gzip.compress(one, 6) for one in pages]
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip"}
    answers = [response("200 OK", headers, body) for body in packed]
    server = await loop.create_server(lambda: Connection(answers, delay_s), "0.0.0.0", 0, backlog=BACKLOG)  # noqa: S104 - see Connection
    sizes = {"page_bytes": [len(one) for one in pages], "wire_bytes": [len(one) for one in packed]}
    said = {"port": server.sockets[0].getsockname()[1], **sizes}
    print(json.dumps(said), flush=True)  # noqa: T201 - the line that says it is ready
    await stop.wait()
    server.close()


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m worker.bench.fetch_server")
    parser.add_argument("--delay", type=float, required=True, help="seconds until a page is answered")
    asyncio.run(_serve(parser.parse_args(argv).delay))


if __name__ == "__main__":
    main()
