"""Everything that was ever on the stream, also what Redis lost again: a thread that reads along."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError

BLOCK_MS = 500


class Audit:
    """Reads the stream along with XREAD, which leaves no trace in Redis. Use as a context manager."""

    def __init__(self, url: str, stream: str) -> None:
        self._redis = Redis.from_url(url)
        self._stream = stream
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self.entries: defaultdict[str, list[str]] = defaultdict(list)
        """Event id → the stream ids under which it was seen, in turn."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._halt.set()
        self._thread.join(timeout=5)
        self._redis.close()

    def _run(self) -> None:
        after = "0"
        while not self._halt.is_set():
            try:
                reply: Any = self._redis.xread({self._stream: after}, count=200, block=BLOCK_MS)
            except RedisError:
                time.sleep(0.1)
                continue
            for entry, fields in entries(reply):
                after = entry
                seen = self.entries[fields[b"id"].decode()]
                if entry not in seen:
                    seen.append(entry)

    @property
    def events(self) -> int:
        """How many ids were seen so far."""
        return len(self.entries)


def entries(reply: Any) -> list[tuple[str, dict[bytes, bytes]]]:
    """Those of an XREAD of one stream, whatever the protocol's version."""
    if isinstance(reply, dict):
        found = [entry for part in next(iter(reply.values()), []) for entry in part]
    else:
        found = reply[0][1] if reply else []
    return [(entry.decode(), fields) for entry, fields in found]


def on_stream(redis: Redis, stream: str) -> dict[str, list[str]]:
    """Event id → stream ids, of all that is on the stream now."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    raw: Any = redis.xrange(stream)
    for entry, fields in raw:
        found[fields[b"id"].decode()].append(entry.decode())
    return dict(found)
