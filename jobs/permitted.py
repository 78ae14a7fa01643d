"""Asking for a page with permission for each URL on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from jobs.client import Answer, Client
from jobs.errors import Outcome, Permanent, Reason, Retry
from jobs.trip import told
from jobs.urls import domain, redact, split

MAX_REDIRECTS = 8

Permission = Callable[[Client, str], Awaitable[None]]
"""Client, URL that is to be asked for → returns when it may be. Raises what stops it."""


async def get_permitted(
    client: Client, url: str, permission: Permission, *, deadline_s: float, **options: Any
) -> Answer:
    """As `Client.get` with redirects inside the registrable domain, but each URL needs permission first.

    `options` are those of `Client.get`.

    Raises:
        Outcome: as `Client.get` does, and what the permission raises.
    """
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    hops: list[tuple[int, str]] = []
    at = url

    def trip() -> str:
        took_ms = round((loop.time() - started_s) * 1000)
        return told(None, took_ms, "", [hop for _, hop in hops])

    try:
        async with asyncio.timeout(deadline_s):
            while True:
                await permission(client, at)
                left_s = round(deadline_s - (loop.time() - started_s), 1)
                answer = await client.get(at, deadline_s=max(left_s, 0.1), may_follow=never, **options)
                hops += answer.redirects
                to = answer.moved_to
                if to is None or domain(to) != domain(at):
                    took_ms = round((loop.time() - started_s) * 1000)
                    return replace(answer, url=url, redirects=tuple(hops), took_ms=took_ms)
                _check(to, hops)
                at = to
    except Outcome as outcome:
        outcome.trip = trip()
        raise
    except TimeoutError as error:
        late = Retry(Reason.TIMEOUT, f"{split(at).authority}: not done after {deadline_s:g} s")
        late.trip = trip()
        raise late from error


def never(_from_url: str, _to_url: str) -> bool:
    """Follow no redirect."""
    return False


def _check(to: str, hops: list[tuple[int, str]]) -> None:
    """Redirects end.

    Raises:
        Permanent: `REDIRECT_LOOP`.
    """
    if to.partition("#")[0] in {hop.partition("#")[0] for _, hop in hops}:
        raise Permanent(Reason.REDIRECT_LOOP, f"{redact(to)} comes round again")
    if len(hops) > MAX_REDIRECTS:
        raise Permanent(Reason.REDIRECT_LOOP, f"{split(to).authority}: more than {MAX_REDIRECTS} redirects")
