"""A process that fetches bombs and tells what its memory did. Run: python -m … TIMES URL…; prints JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from jobs.client import Client
from jobs.errors import Outcome
from tests.calls import LOOPBACK


def peak_kb() -> int:
    """The most memory it ever had. Not `ru_maxrss`, which begins with the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


async def main(times: int, plain: str, urls: list[str]) -> None:
    """Fetch a plain page, then each URL `times` times at once."""
    async with Client(LOOPBACK, max_connections=64) as client:
        await client.get(plain)
        idle_kb, reasons = peak_kb(), Counter[str]()
        for url in urls:
            calls = (client.get(url) for _ in range(times))
            for ended in await asyncio.gather(*calls, return_exceptions=True):
                reasons[str(ended.reason) if isinstance(ended, Outcome) else repr(ended)[:200]] += 1
    sys.stdout.write(json.dumps({"idle_kb": idle_kb, "peak_kb": peak_kb(), "reasons": reasons}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
