"""The memories of sites in Redis: a string for each, read before an extraction, replaced afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files

from redis import Redis
from redis.commands.core import Script

from jobs.keys import Keys
from jobs.recurring.memory import VERSION_BYTES, Memory, Place, unpack
from jobs.urls import split

KEEP_DAYS = 60
"""A site without a new article for so long is forgotten."""
TRIES = 5
"""When other workers keep changing a memory in between, the article teaches nothing: the next one will."""
_DAY_MS = 86_400_000


class SiteMemories:
    """What was learned of each site. `redis` must not decode responses."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def read(self, host: str) -> Memory:
        """What is remembered of a site; an empty memory for a new one."""
        return unpack(self._packed(host))

    def learn(self, host: str, link_id: str, signs: Mapping[bytes, Place]) -> bool:
        """Add a published article to its site's memory, once. False: it was there, or others were quicker."""
        for _ in range(TRIES):
            packed = self._packed(host)
            before = unpack(packed)
            after = before.learn(link_id, signs)
            if after is before:
                return False
            args = (packed[:VERSION_BYTES], after.pack(), KEEP_DAYS * _DAY_MS)
            if self._replace(keys=[self._keys.site(host)], args=args):
                return True
        return False

    def _packed(self, host: str) -> bytes:
        value = self._redis.get(self._keys.site(host))
        return value if isinstance(value, bytes) else b""

    @cached_property
    def _replace(self) -> Script:
        source = (files("jobs") / "lua" / "learn.lua").read_text(encoding="utf-8")
        return self._redis.register_script(source)


def host_of(url: str) -> str:
    """The site of a page, as far as its memory goes: its host, without the port and ``www.``.

    Not the registrable domain: on some, strangers publish side by side, and none may teach another's memory.

    Raises:
        Permanent: `BAD_URL`.
    """
    return split(url).host.removeprefix("www.")
