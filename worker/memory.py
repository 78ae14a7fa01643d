"""Redis's memory: what is done before it is full. The oldest kept pages go first, then polling stops.

Redis with ``noeviction`` refuses writes at `maxmemory`, and then nothing goes on. Links and unread events
must not go, kept pages may: they only save a download where a link is processed again. Whoever polls looks
after this, any number of them on one Redis.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

from jobs.keys import Keys

DROP_AT = 0.8
"""Share of `maxmemory` from which on the oldest kept pages go."""
STOP_AT = 0.9
"""Share from which on nothing is polled."""
RESUME_AT = 0.85
"""Share under which polling that was stopped goes on, so that it does not stop and go each second."""
LOOK_EVERY_S = 1.0
SCAN_AGAIN_S = 30.0
"""After a look at all keys that found no page to drop."""
SAY_AGAIN_S = 60.0
MOST_AT_ONCE = 2_000
"""Pages that one look at all keys finds; after it comes the next."""
_BATCH = 50
_SCAN = 1_000
# Fields of the hash `Keys.memory`.
_STOPPED, _DROPPED, _DROPPED_BYTES, _DROPPED_AT = "stopped", "dropped", "dropped_bytes", "dropped_at"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Memory:
    """How full Redis is, and what that came to."""

    used_bytes: int
    """Without what Redis does not count against its limit: buffers of its log and of replicas."""
    limit_bytes: int
    """``maxmemory``; 0 where there is none."""
    system_bytes: int = 0
    """Of the machine that Redis runs on; 0 where it does not say."""
    stopped_ms: int = 0
    """Since when a poller has stopped polling; 0 when none did."""
    dropped: int = 0
    """Kept pages that went before their time, since the beginning."""
    dropped_bytes: int = 0
    dropped_at_ms: int = 0
    """When the last of them went."""

    @property
    def share(self) -> float:
        """Of the limit; 0 without one."""
        return self.used_bytes / self.limit_bytes if self.limit_bytes else 0.0

    @property
    def polling_stopped(self) -> bool:
        """Whether it is so full that nothing is polled, or was and has yet to sink a little."""
        return self.share >= STOP_AT or (bool(self.stopped_ms) and self.share >= RESUME_AT)


def read(redis: Redis, keys: Keys) -> Memory:
    """How full Redis is, in one round trip."""
    with redis.pipeline(transaction=False) as pipe:
        pipe.info("memory")
        pipe.hgetall(keys.memory)
        info, noted = pipe.execute()
    return of(info, noted)


def of(info: dict[str, Any], noted: dict[bytes, bytes]) -> Memory:
    """The memory from ``INFO memory`` and the hash `Keys.memory`. Pure."""
    known = {name.decode(): int(value) for name, value in noted.items()}
    return Memory(
        used_bytes=int(info["used_memory"]) - int(info.get("mem_not_counted_for_evict", 0)),
        limit_bytes=int(info.get("maxmemory") or 0),
        system_bytes=int(info.get("total_system_memory") or 0),
        stopped_ms=known.get(_STOPPED, 0),
        dropped=known.get(_DROPPED, 0),
        dropped_bytes=known.get(_DROPPED_BYTES, 0),
        dropped_at_ms=known.get(_DROPPED_AT, 0),
    )


# Not one of the ledger's scripts: those note the time first, which a full Redis refuses. Deleting it takes.
_DROP = """
local dropped, bytes = 0, 0
for i = 2, #ARGV do
  local size = redis.call('STRLEN', ARGV[1] .. ARGV[i])
  if size > 0 and not redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    redis.call('DEL', ARGV[1] .. ARGV[i])
    dropped, bytes = dropped + 1, bytes + size
  end
end
return {dropped, bytes}
"""
"""Drops the pages of these links, but of none that is open: it needs its page."""


class Keeper:
    """Keeps Redis from getting full."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._drop = redis.register_script(_DROP)
        self._stopped: bool | None = None
        self._scan_at = self._say_at = float("-inf")

    @property
    def polling_stopped(self) -> bool:
        """As of the last look; before the first nobody knows, and nothing is polled yet."""
        return self._stopped is not False

    def run(self, stop: threading.Event) -> None:
        """Look every second until `stop` is set. While Redis is away, all stays as it was."""
        while not stop.is_set():
            with suppress(RedisError):  # whoever else needs Redis says that it is away
                self.look()
            stop.wait(LOOK_EVERY_S)

    def look(self) -> Memory:
        """Look once, and do what there is to do."""
        memory = read(self._redis, self._keys)
        self._stop_or_go(memory)
        if memory.share >= DROP_AT and time.monotonic() >= self._scan_at:
            memory = self._relieve(memory)
        return memory

    def _stop_or_go(self, memory: Memory) -> None:
        if memory.polling_stopped:
            if not self._stopped or time.monotonic() >= self._say_at:
                log.error(
                    "polling_stopped",
                    because="Redis is nearly full",
                    share=round(memory.share, 3),
                    used_bytes=memory.used_bytes,
                    maxmemory=memory.limit_bytes,
                    mend="raise maxmemory, or see `palmyra doctor`",
                )
                self._say_at = time.monotonic() + SAY_AGAIN_S
            self._stopped = True
            if not memory.stopped_ms:
                with suppress(RedisError):  # full already: then its share says it all the same
                    self._redis.hsetnx(self._keys.memory, _STOPPED, int(time.time() * 1000))
            return
        if self._stopped or memory.stopped_ms:
            self._redis.hdel(self._keys.memory, _STOPPED)
            log.warning("polling_goes_on", share=round(memory.share, 3))
        self._stopped = False

    def _relieve(self, memory: Memory) -> Memory:
        """Drop the oldest pages until there is room again, or there are none left."""
        dropped = freed = 0
        for ids in _batches(self._oldest()):
            count, size = self._drop(keys=[self._keys.open], args=[self._keys.page(""), *ids])
            dropped, freed = dropped + count, freed + size
            memory = read(self._redis, self._keys)
            if memory.share < DROP_AT:
                break
        if not dropped:
            self._scan_at = time.monotonic() + SCAN_AGAIN_S
            return memory
        log.warning("pages_dropped", pages=dropped, size_bytes=freed, share=round(memory.share, 3))
        with suppress(RedisError):  # still too full for that
            self._note(dropped, freed)
        return memory

    def _note(self, dropped: int, freed: int) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hincrby(self._keys.memory, _DROPPED, dropped)
            pipe.hincrby(self._keys.memory, _DROPPED_BYTES, freed)
            pipe.hset(self._keys.memory, _DROPPED_AT, int(time.time() * 1000))
            pipe.execute()

    def _oldest(self) -> list[str]:
        """The links of the oldest kept pages: those that would go first anyway."""
        return [link for _, link in heapq.nsmallest(MOST_AT_ONCE, self._pages())]

    def _pages(self) -> Iterator[tuple[int, str]]:
        """Each kept page's time to live in ms, and its link; in steps of about a millisecond of Redis's."""
        prefix, cursor = self._keys.page(""), 0
        while True:
            found: Any = self._redis.scan(cursor, match=f"{prefix}*", count=_SCAN)
            cursor, names = found
            links = [name.decode("utf-8", "replace").removeprefix(prefix) for name in names]
            with self._redis.pipeline(transaction=False) as pipe:
                for link in links:
                    pipe.pttl(self._keys.page(link))
                    pipe.zscore(self._keys.open, link)
                told = pipe.execute() if links else []
            for link, ttl_ms, is_open in zip(links, told[::2], told[1::2], strict=True):
                if is_open is None and ttl_ms != -2:
                    yield (ttl_ms, link)
            if not cursor:
                return


def _batches(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]
