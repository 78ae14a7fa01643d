"""The stream of events: how it is kept from growing for ever without losing what is unread."""

from __future__ import annotations

import time
from typing import Any

from redis import Redis

_DAY_MS = 86_400_000


def trim(redis: Redis, stream: str, *, keep_days: float) -> int:
    """Drop events older than `keep_days` that every consumer group has acknowledged; returns how many.

    ``XADD MAXLEN`` would drop unread ones silently, and a group's lag would still read 0. So the oldest entry
    that any group has pending, or has yet to read, is kept whatever its age.
    """
    if not redis.exists(stream):
        return 0
    oldest = (int(time.time() * 1000 - keep_days * _DAY_MS), 0)
    groups: Any = redis.xinfo_groups(stream)
    for group in groups:
        oldest = min(oldest, _needed(redis, stream, group))
    return int(redis.xtrim(stream, minid=f"{oldest[0]}-{oldest[1]}", approximate=False))


def _needed(redis: Redis, stream: str, group: dict[str, Any]) -> tuple[int, int]:
    """The oldest entry that a group still needs: its first pending one, else the next one to be delivered."""
    pending: Any = redis.xpending(stream, group["name"])
    if pending and pending["pending"]:
        return _entry_id(pending["min"])
    ms, number = _entry_id(group["last-delivered-id"])
    return (ms, number + 1)


def _entry_id(text: bytes | str) -> tuple[int, int]:
    ms, _, number = (text.decode() if isinstance(text, bytes) else text).partition("-")
    return (int(ms), int(number or 0))
