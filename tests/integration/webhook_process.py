"""A process that delivers webhooks, for tests that kill it: ``url namespace lease_s``."""

from __future__ import annotations

import asyncio
import signal
import sys

from redis import Redis

from jobs.client import Client
from jobs.keys import Keys
from tests.calls import LOOPBACK
from worker.webhooks import deliver
from worker.webhooks.hook import Hooks


async def main(url: str, namespace: str, lease_s: str) -> None:
    deliver.LOOK_S = 0.1
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Client(LOOPBACK) as client:
        hooks = Hooks(Redis.from_url(url), Keys(namespace))
        await deliver.Deliveries(hooks, client, lease_s=float(lease_s)).run(stop)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
