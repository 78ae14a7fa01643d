"""The relay: copies the stream of events to another Redis, each event once, under the id it has here.

Its place is what the target has: it goes on after the newest id there, so there is nothing to keep and
nothing that could disagree. The target refuses an id that it has or is past, so a repeat changes nothing,
whoever was killed in between; several relays to one target do no harm. A consumer group here holds back the
trimming of what is not copied yet, and shows how far the relay is behind, where all groups show (`palmyra
doctor`, the newsroom, metrics). A withdrawal purges the target, too, and the target is trimmed by the same
rule as the source.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from jobs.errors import PalmyraError
from jobs.keys import Keys
from worker.away import is_away
from worker.stream import Gap, entry_id, gap, trim

BATCH = 100
BLOCK_MS = 1000
TRIM_EVERY_S = 60.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 5.0
"""Between two attempts when either Redis is away."""
LOOKED_AT = 500
"""Entries of the target that are looked at in a round trip when a withdrawal purges it."""
WITHDRAWN = b".withdrawn."
"""In the type of an event."""
_BEGIN = "0-0"
# KEYS: stream. ARGV: entry id, then its fields and values. The channel has the stream's name.
_ADD = """
local added = redis.pcall('XADD', KEYS[1], ARGV[1], unpack(ARGV, 2))
if type(added) == 'table' and added.err then
  if string.find(added.err, 'equal or smaller', 1, true) then return 0 end
  return added
end
for i = 2, #ARGV, 2 do
  if ARGV[i] == 'event' then redis.call('PUBLISH', KEYS[1], ARGV[i + 1]) end
end
return 1
"""

log = structlog.get_logger(__name__)


class NotACopy(PalmyraError):
    """The target's stream has entries that are newer than any here: it is not a copy of this one."""


class Relay:
    """One relay. Neither client may decode responses.

    Args:
        group: the consumer group at the source that shows its place.
        keep_days: see `worker.stream.trim`; for the target.
        keep_bytes: as well.
    """

    def __init__(
        self,
        source: Redis,
        target: Redis,
        keys: Keys,
        *,
        group: str = "relay",
        keep_days: float,
        keep_bytes: int = 0,
    ) -> None:
        self._source, self._target, self._keys, self._group = source, target, keys, group
        self._keep_days, self._keep_bytes = keep_days, keep_bytes
        self._add = target.register_script(_ADD)
        self._place: str | None = None
        self._holds = True
        self._trimmed_at = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Copy until `stop` is set. Outages of either Redis are waited out.

        Raises:
            NotACopy: the target has something else under this name.
            RedisError: one of them refuses (a wrong password, a command that is not allowed).
        """
        wait_s = FIRST_WAIT_S
        while not stop.is_set():
            try:
                self.step(BLOCK_MS)
                wait_s = FIRST_WAIT_S
            except RedisError as error:
                self._place = (
                    None  # asked anew: the target may have lost what it had, or have got what failed
                )
                if not is_away(error):
                    raise
                log.warning("relay_waits_for_redis", error=str(error))
                stop.wait(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def step(self, block_ms: int | None = None) -> int:
        """Copy what is there, up to `BATCH` events; how many the target did not have.

        Args:
            block_ms: how long to wait for the first; None: not at all.
        """
        if self._place is None:
            self._place = self._begin()
        self._trim()
        found: Any = self._source.xread({self._keys.stream: self._place}, count=BATCH, block=block_ms)
        entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]] = found[0][1] if found else []
        copied = sum(self._copy(entry.decode(), fields) for entry, fields in entries if fields)
        if entries:
            self._place = entries[-1][0].decode()
            self._hold(self._place)
        return copied

    def _begin(self) -> str:
        """Where to go on: after the newest entry that the target ever had."""
        place, newest = (_newest(redis, self._keys.stream) for redis in (self._target, self._source))
        if newest != _BEGIN and entry_id(place) > entry_id(newest):
            raise NotACopy(
                f"The target's stream {self._keys.stream} ends at {place}, ours at {newest}: it is no copy. "
                "Is another palmyra writing there? Then give one of them another PALMYRA_NAMESPACE."
            )
        if missed := self._missed(place):
            log.error(
                "relay_overtaken", after=missed.after, until=missed.until, why="trimmed before it was copied"
            )
        self._hold(place)
        log.info("relay_goes_on", after=place)
        return place

    def _missed(self, place: str) -> Gap | None:
        """What was trimmed here before it was copied, as far as this user may see."""
        with suppress(NoPermissionError):
            found = gap(self._source, self._keys, self._group)
            return found if found and entry_id(found.until) > entry_id(place) else None
        return None

    def _copy(self, entry: str, fields: Mapping[bytes, bytes]) -> int:
        flat = [part for pair in fields.items() for part in pair]
        added = int(self._add(keys=[self._keys.stream], args=[entry, *flat]))
        if WITHDRAWN in fields.get(b"type", b""):  # a repeat, too: the first may have died before its end
            self._purge(entry, fields.get(b"id", b"").partition(b":")[0])
        return added

    def _purge(self, until: str, article: bytes) -> None:
        """Drop the revisions before a withdrawal from the target."""
        after = "-"
        while article:
            found: Any = self._target.xrange(self._keys.stream, after, f"({until}", count=LOOKED_AT)
            old = [entry for entry, fields in found if fields.get(b"id", b"").partition(b":")[0] == article]
            if old:
                self._target.xdel(self._keys.stream, *old)
            if len(found) < LOOKED_AT:
                return
            after = f"({found[-1][0].decode()}"

    def _hold(self, place: str) -> None:
        """Tell the source how far we are; what is not copied is not trimmed there then."""
        if not self._holds:
            return
        try:
            self._source.xgroup_setid(self._keys.stream, self._group, place)
        except NoPermissionError:
            self._holds = False
            log.warning(
                "relay_holds_nothing", why="its Redis user may not: what it missed for long is trimmed"
            )
        except ResponseError as error:
            if "requires the key to exist" in str(error):
                return  # nothing was published yet
            if not str(error).startswith("NOGROUP"):
                raise
            self._source.xgroup_create(self._keys.stream, self._group, id=place)

    def _trim(self) -> None:
        if time.monotonic() - self._trimmed_at >= TRIM_EVERY_S:
            self._trimmed_at = time.monotonic()
            trim(self._target, self._keys, keep_days=self._keep_days, keep_bytes=self._keep_bytes)


def _newest(redis: Redis, stream: str) -> str:
    """The newest id that the stream ever had."""
    if not redis.exists(stream):
        return _BEGIN
    info: Any = redis.xinfo_stream(stream)
    newest: bytes = info["last-generated-id"]
    return newest.decode()
