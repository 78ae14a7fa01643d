"""``python -m worker.bench.poll_client``: the yardstick of `palmyra bench poll`.

The same conditional requests with the same HTTP client, as many at a time, and nothing else: no Redis, no
schedule. Prints one line of JSON: ``{"polls": …, "wall_s": …, "cpu_s": …}``.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import itertools
import json
import time
from collections.abc import Iterator, Sequence

from jobs.client import Client
from jobs.guard import Policy
from worker.bench import poll_documents
from worker.feeds.poller import ACCEPT, MAX_IDLE, POLLS_AT_A_TIME

LOOPBACK = Policy(allow_networks=(ipaddress.ip_network("127.0.0.0/8"),))


async def _ask(client: Client, port: int, numbers: Iterator[int], end_s: float) -> int:
    asked = 0
    while time.monotonic() < end_s:
        number = next(numbers)
        headers = {"If-None-Match": poll_documents.etag(number, 0)}
        answer = await client.get(poll_documents.url(number, port), headers=headers, accept=ACCEPT)
        asked += answer.status == 304
    return asked


async def _all(port: int, feeds: int, seconds: float) -> dict[str, float]:
    numbers = itertools.cycle(range(feeds))
    async with Client(LOOPBACK, max_idle=MAX_IDLE) as client:
        began_s, cpu_s = time.monotonic(), time.process_time()
        end_s = began_s + seconds
        asked = await asyncio.gather(
            *(_ask(client, port, numbers, end_s) for _ in range(min(POLLS_AT_A_TIME, feeds)))
        )
        return {
            "polls": sum(asked),
            "wall_s": time.monotonic() - began_s,
            "cpu_s": time.process_time() - cpu_s,
        }


def main(argv: Sequence[str] | None = None) -> None:
    """Ask for some seconds, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m worker.bench.poll_client")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--feeds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args(argv)
    print(json.dumps(asyncio.run(_all(given.port, given.feeds, given.seconds))))  # noqa: T201 - its result


if __name__ == "__main__":
    main()
