"""``python -m worker.demo``: serve the newsroom, or a folder of saved pages, until SIGTERM or Ctrl-C.

When it is ready it prints one line of JSON: ``{"url": …, "feeds": [{"url": …, "title": …}, …]}``.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from jobs.errors import PalmyraError

DEFAULT_PORT = 8001
STOP = {signal.SIGTERM, signal.SIGINT}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 stopped by a signal, 1 can't serve (standard error says why), 2 usage."""
    options = _parser().parse_args(argv)
    # Blocked here and in every thread from now on, so that `sigwait` gets them.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    try:
        _serve(options)
    except PalmyraError as error:
        print(f"demo: {error}", file=sys.stderr)  # noqa: T201 - a program's own error message
        return 1
    return 0


def _serve(options: argparse.Namespace) -> None:
    from worker.demo.corpus import Corpus
    from worker.demo.newsroom import Newsroom
    from worker.demo.server import DemoServer

    site = Corpus(options.corpus) if options.corpus else Newsroom(interval_s=options.interval)
    with DemoServer(site, host=options.host, port=options.port, hosts=options.hosts) as server:
        ready = {"url": server.url, "feeds": [asdict(feed) for feed in server.feeds]}
        print(json.dumps(ready, ensure_ascii=False), flush=True)  # noqa: T201 - the line that says it is ready
        signal.sigwait(STOP)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m worker.demo", description="A small news site with feeds, for first runs and tests."
    )
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="serve this folder of saved pages instead")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="0: a free one (%(default)s)")
    parser.add_argument(
        "--interval", type=_seconds, default=4.0, metavar="SECONDS", help="between two articles (%(default)s)"
    )
    parser.add_argument(
        "--hosts",
        type=_count,
        default=1,
        metavar="N",
        help="with --corpus: spread the pages over N addresses, counted up from --host (%(default)s)",
    )
    return parser


def _port(text: str) -> int:
    return _within(int(text), 0, 65535)


def _count(text: str) -> int:
    return _within(int(text), 1, 200)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.01 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.01 and 86400 seconds")
    return seconds


def _within(number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{number} is not between {least} and {most}")
    return number


if __name__ == "__main__":
    sys.exit(main())
