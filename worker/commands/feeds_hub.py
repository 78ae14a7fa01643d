"""What the commands about feeds say of a feed's subscription at its hub, and how they end it."""

from __future__ import annotations

import asyncio
from typing import Any

from redis import Redis

from jobs.errors import Outcome
from jobs.urls import redact
from worker import factory
from worker.commands import table
from worker.config import Settings
from worker.feeds.subscriber import unsubscribe
from worker.feeds.subscriptions import now_ms
from worker.feeds.websub import State, Subscription


def shown(known: Subscription | None) -> dict[str, Any] | None:
    """A subscription as it may be shown: no callback, no secret. Times in ms since the epoch, 0: never."""
    if known is None:
        return None
    now = now_ms()
    return {
        "state": str(known.state(now)),
        "url": redact(known.hub),
        "topic": redact(known.topic),
        "until": known.until,
        "told": known.pinged,
        "relied_on": known.relied_on(now),
        "asked": known.asked,
        "asked_again": known.again or known.renew_ms,
        "error": known.error,
    }


def described(known: Subscription | None) -> str:
    """The same in a line."""
    if known is None:
        return "none"
    now = now_ms()
    state = known.state(now)
    parts = [f"{state} at {redact(known.hub)}"]
    if state is State.ACTIVE:
        told = f"told of news {table.when(known.pinged)}" if known.pinged else "has not told of news yet"
        trust = "polls are rare" if known.relied_on(now) else "polls come as without it"
        parts = [f"{parts[0]} until {table.when(known.until)}", told, trust]
    if known.error:
        parts.append(known.error)
    if state in (State.ASKED, State.EXPIRED):
        parts.append(f"asked again from {table.when(known.again)} on")
    return "; ".join(parts)


def end(loaded: Settings, redis: Redis, feed_id: str) -> str:
    """Unsubscribe a feed that was removed; what came of it, ``""`` when there was no subscription."""
    subscriptions = factory.subscriptions(loaded, redis)
    known = subscriptions.get(feed_id)
    if known is None or known.leaving:
        return ""

    async def tell() -> None:
        async with factory.client(loaded) as client:
            await unsubscribe(client, subscriptions, known)

    try:
        asyncio.run(tell())
    except Outcome as error:
        return f"its hub could not be told ({error}): what it posts is refused, until its lease runs out"
    return "its hub was told"
