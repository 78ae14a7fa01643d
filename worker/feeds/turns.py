"""Waiting for a host's turn before it is asked: politeness, shared with all processes or one's own."""

from __future__ import annotations

import asyncio
import secrets
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
        if await come(ledger, host, host_delay_s, wait_s) > 0:
            raise Retry(Reason.RATE_LIMITED, f"{host} is not free within {LONGEST_WAIT_S:g} s")

    return turn


async def come(ledger: Ledger, host: str, host_delay_s: float, wait_s: float) -> float:
    """Wait for a moment that `Ledger.reserve` gave, and until the host may really be asked then.

    Returns 0 when it may, or the seconds until it may when that is too far off: the host asked for a pause
    meanwhile, say. Nothing is to be sent then.
    """
    who = secrets.token_hex(8)
    for _ in range(3):  # the lease of a poll does not last for more
        if not 0 < wait_s <= LONGEST_WAIT_S:
            break
        await asyncio.sleep(wait_s)
        wait_s = await asyncio.to_thread(ledger.ask, host, who, host_delay_s)
    return wait_s


def own(host_delay_s: float) -> Turn:
    """Turns for a command that runs without Redis."""
    free_s: dict[str, float] = {}

    async def turn(url: str) -> None:
        host, now_s = domain(url), asyncio.get_running_loop().time()
        at_s = max(free_s.get(host, 0.0), now_s)
        free_s[host] = at_s + host_delay_s
        await asyncio.sleep(at_s - now_s)

    return turn
