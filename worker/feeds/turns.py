"""Waiting for a host's turn before it is asked: politeness, shared with all processes or one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from jobs.errors import Reason, Retry
from jobs.ledger import Ledger
from jobs.urls import domain

LONGEST_WAIT_S = 30.0

Turn = Callable[[str], Awaitable[None]]
"""URL that is to be asked for → returns when its host may be asked. Raises Retry when that is too far off,
Permanent for a URL that is none."""


def shared(ledger: Ledger, host_delay_s: float) -> Turn:
    """Turns in the slots that all pollers and fetchers share."""

    async def turn(url: str) -> None:
        host = domain(url)
        wait_s = await asyncio.to_thread(ledger.reserve, host, host_delay_s, longest_wait_s=LONGEST_WAIT_S)
        if wait_s > LONGEST_WAIT_S:
            raise Retry(Reason.RATE_LIMITED, f"{host} is not free within {LONGEST_WAIT_S:g} s")
        await asyncio.sleep(wait_s)

    return turn


def own(host_delay_s: float) -> Turn:
    """Turns for a command that runs without Redis."""
    free_s: dict[str, float] = {}

    async def turn(url: str) -> None:
        host, now_s = domain(url), asyncio.get_running_loop().time()
        at_s = max(free_s.get(host, 0.0), now_s)
        free_s[host] = at_s + host_delay_s
        await asyncio.sleep(at_s - now_s)

    return turn
