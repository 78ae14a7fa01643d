"""The two clocks of the ledger that polls go by: when each feed is due, and when each host may be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from redis import Redis

from jobs.keys import Keys
from jobs.ledger_view import LedgerView
from jobs.scripts import Scripts

CRAWL_DELAY_DAYS = 2
"""A Crawl-delay is forgotten when nobody read that robots.txt for so long."""
MAX_CRAWL_ORIGINS = 20
"""Whose Crawl-delays are remembered at one host: the longest of them holds."""
_DAY_MS = 86_400_000
_HINT_REST_MS = 5_000
"""Between a feed's last poll and one that somebody asks for."""


class Learned(NamedTuple):
    """What a poll learned of its feed."""

    feed_id: str
    delay_s: float
    """Until the next poll."""
    fields: Mapping[str, Any]
    """Of the feed's hash; an empty value removes one."""
    edited: int = 0
    """How often the feed had been edited when the poll began."""


class Clocks(LedgerView):
    """The part of `jobs.ledger.Ledger` that feeds and hosts go by. `redis` must not decode responses."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        super().__init__(redis, keys)
        self._scripts = Scripts(redis, keys)
        self._run = self._scripts.run

    # -- hosts ---------------------------------------------------------------------------------------------
    def reserve(self, host: str, delay_s: float, *, longest_wait_s: float = 30.0) -> float:
        """Reserve the host's next free moment; returns the seconds to wait for it.

        When that is longer than `longest_wait_s`, come again then: the moment is kept for whoever does.
        """
        return int(self._run("slot", host, int(delay_s * 1000), 0, int(longest_wait_s * 1000))) / 1000

    def ask(self, host: str, who: str, delay_s: float, *, rides: bool = False) -> float:
        """A request to this host is about to be sent: 0 means go, else it has to wait that many seconds.

        To be called when the reserved moment, or the lease, has come: a pause that the host asked for since
        then holds, and so does the delay when another request to it came late.

        Args:
            host: the host.
            who: a token of the caller's; further calls with it are the same request's.
            delay_s: the general time between requests.
            rides: a redirect inside the domain, which follows at once; only a pause stops it.
        """
        return int(self._run("ask", host, who, int(delay_s * 1000), int(rides))) / 1000

    def reserve_all(self, hosts: Sequence[str], delay_s: float) -> list[float | Exception]:
        """`reserve` for each of these, in turn and in one round trip; an error of one is in its place."""
        calls = [(host, int(delay_s * 1000), 0, 30_000) for host in hosts]
        told = self._scripts.run_all("slot", calls)
        return [wait_ms if isinstance(wait_ms, Exception) else int(wait_ms) / 1000 for wait_ms in told]

    def set_delay(self, host: str, seconds: float, *, days: float = 1) -> None:
        """Another time between requests to this host than the general one or robots.txt's, for some days."""
        self.redis.set(self.keys.delay(host), int(seconds * 1000), px=int(days * _DAY_MS))

    def set_crawl_delay(self, host: str, origin: str, seconds: float) -> None:
        """What an origin's robots.txt asks for holds for its whole host; zero takes it back."""
        keep_ms = int(CRAWL_DELAY_DAYS * _DAY_MS)
        self._run("crawl", host, origin, int(seconds * 1000), keep_ms, MAX_CRAWL_ORIGINS)

    def block(self, host: str, seconds: float) -> None:
        """Nobody asks this host for that long (Retry-After)."""
        self._run("slot", host, 0, int(seconds * 1000), 0)

    # -- feeds ---------------------------------------------------------------------------------------------
    def due_feeds(self, most: int, lease_s: float) -> tuple[dict[str, dict[bytes, bytes]], float]:
        """Lease feeds that are due; returns their hashes by id, and the seconds until the next one is due."""
        due, wait_ms = self._run("due_feeds", most, int(lease_s * 1000))
        feeds = {_text(i): dict(zip(raw[::2], raw[1::2], strict=True)) for i, raw in due}
        return feeds, max(int(wait_ms), 0) / 1000 if int(wait_ms) >= 0 else 60.0

    def polled(self, feed_id: str, delay_s: float, fields: Mapping[str, Any], edited: int = 0) -> bool:
        """Save what a poll learned; ``""`` removes a field. False when the feed was removed meanwhile.

        Nothing is saved when the feed was edited since it had been `edited` times.
        """
        return bool(self._run("polled", *_learned(Learned(feed_id, delay_s, fields, edited))))

    def polled_all(self, polls: Sequence[Learned]) -> list[bool | Exception]:
        """`polled` for each of these, in turn and in one round trip; an error of one is in its place."""
        told = self._scripts.run_all("polled", [_learned(one) for one in polls])
        return [there if isinstance(there, Exception) else bool(there) for there in told]

    def hasten(self, feed_id: str, because: str, *, within_s: float = 0) -> bool:
        """Poll a feed within this time at the latest. False when there is no such feed.

        Zero means that it has news: a poll in flight is not enough then. However often it is said, polls are
        some seconds apart.
        """
        return bool(self._run("hasten", feed_id, because, int(within_s * 1000), _HINT_REST_MS))


def _learned(one: Learned) -> list[Any]:
    return [
        one.feed_id,
        int(one.delay_s * 1000),
        _HINT_REST_MS,
        one.edited,
        *(part for pair in one.fields.items() for part in pair),
    ]


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
