"""A newspaper for tests of the whole system: feeds of so many articles, each unlike the others.

In the test's own process: `TestServer(hosts=…)` with `route("*", Paper(pages).answer)`; each address is a
domain of its own, with a feed at ``/feed``. On another machine:

    python -m tests.paper --hosts 10.77.0.1,10.77.0.2 --pages 12 --log requests

which prints a line with its port and notes each request as ``<monotonic seconds> <host> <path>``.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from tests.server import Request, Response, TestServer

WORDS = (
    "river harbour council bridge winter market railway garden library concert student village mountain "
    "weather minister company worker hospital election season island engineer museum teacher farmer border "
    "budget report answer decision morning summer building street station question committee proposal"
)


class Paper:
    """What it answers; the same on each of its addresses."""

    def __init__(self, pages: int) -> None:
        self.pages = pages

    def answer(self, request: Request) -> Response:
        """The feed, an article, or 404 (robots.txt, too)."""
        host = request.headers["host"]
        path = request.path
        if path == "/feed":
            return Response(body=self._feed(host).encode(), content_type="application/rss+xml")
        if path.startswith("/article/"):
            return Response(body=_page(f"{host}{path}").encode())
        return Response(status=404)

    def _feed(self, host: str) -> str:
        urls = [f"http://{host}/article/{n}" for n in range(self.pages)]
        items = "".join(
            f"<item><title>{_headline(url.removeprefix('http://'))}</title><link>{escape(url)}</link></item>"
            for url in urls
        )
        return f"<rss version='2.0'><channel><title>Paper at {host}</title>{items}</channel></rss>"


def _headline(name: str) -> str:
    words = random.Random(f"headline {name}").sample(WORDS.split(), 5)
    return " ".join(words).capitalize()


def _page(name: str) -> str:
    chance = random.Random(name)
    paragraphs = "".join(f"<p>The {' '.join(chance.choices(WORDS.split(), k=60))}.</p>" for _ in range(4))
    title = _headline(name)
    return (
        f"<html lang='en'><head><title>{title}</title></head>"
        f"<body><article><h1>{title}</h1>{paragraphs}</article></body></html>"
    )


def main() -> None:
    """Serve until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", required=True)
    parser.add_argument("--pages", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()
    paper = Paper(options.pages)
    with options.log.open("w") as log, TestServer(hosts=options.hosts.split(",")) as server:

        def noted(request: Request) -> Response:
            host = request.headers["host"].rpartition(":")[0]
            log.write(f"{request.at_s:.3f} {host} {request.path}\n")
            log.flush()
            return paper.answer(request)

        server.route("*", noted)
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main()
