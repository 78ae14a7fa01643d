"""The ledger: every link's state and when it is next due. RQ executes, the ledger is the truth.

Each transition is one Lua script (``jobs/lua``), so that it happens whole or not at all, whatever dies. Every
script that a job calls checks that its attempt is still the current one: a job that lost its lease to another
attempt changes nothing. Scripts may be sent twice (the client retries when a connection breaks): the second
time finds its work done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from redis import Redis

from jobs.clocks import Clocks
from jobs.errors import Reason
from jobs.keys import Keys
from jobs.ledger_view import read_begun
from jobs.link import Begun, Found, Hopeless, Lease
from jobs.reopening import PAGE_TO_BLAME, How, Reopened, Status

LEASE_S = 60
MAX_TRIES_UNREPORTED = 20
"""Attempts after which a link that never reports back is given up as ``lost``."""
MAX_DEATHS = 3
"""Unexplained deaths of a worker that make a page poison."""
MAX_KILLS = 2
"""Kills by the watchdog that make a page too complex."""
NEWEST_DEAD = 5000
"""Dead links that show as failed jobs in the RQ dashboard."""
REOPEN_AFTER_S = 600
"""A changed entry opens its link again no sooner after the link's end: some change at each poll."""
MISSING_S = 2 * 3600
"""An article that answers 404 is withdrawn when it still does so after this time: sites blink."""
Item = TypeVar("Item")
_BATCH = 50
_NOTHING: Mapping[str, int] = MappingProxyType({})
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class DeadJob:
    """The failed RQ job that stands for a dead link, ready to be written by the script that gives up."""

    id: str
    key: str
    results_key: str
    registry_key: str
    expires_at: int
    """Unix time in seconds."""
    ttl_s: int
    fields: Mapping[str, Any]
    """The job's hash."""
    result: Mapping[str, Any]
    """One entry of the job's results stream."""


@dataclass(frozen=True, slots=True)
class Handout:
    """What one call of `Ledger.lease` gives."""

    leases: tuple[Lease, ...]
    hopeless: tuple[Hopeless, ...]
    wait_ms: int | None
    """Until the next thing is due; None when nothing is waiting for a time."""


class Discovered(NamedTuple):
    """What recording a document opened."""

    new: int
    """Links never seen before."""
    changed: int
    """Known links whose entry changed."""


class Ledger(Clocks):
    """All transitions of links, on one Redis. `redis` must not decode responses."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        *,
        keep_ledger_days: float = 90,
        keep_pages_days: float = 3,
        lease_s: float = LEASE_S,
        reopen_after_s: float = REOPEN_AFTER_S,
        recheck_s: Iterable[float] = (),
    ) -> None:
        super().__init__(redis, keys)
        self._steps = " ".join(str(int(1000 * after_s)) for after_s in sorted(recheck_s))
        self._keep_ms = int(keep_ledger_days * _DAY_MS)
        self._keep_pages_ms = int(keep_pages_days * _DAY_MS)
        self._lease_ms = int(lease_s * 1000)
        self._reopen_after_ms = int(reopen_after_s * 1000)

    # -- poller --------------------------------------------------------------------------------------------
    def discover(self, feed_id: str, found: Sequence[Found], left: Sequence[Found] = ()) -> Discovered:
        """Record what a feed lists. Idempotent.

        Args:
            feed_id: the feed.
            found: its entries; new links are opened, known ones whose entry changed are opened again.
            left: entries of a first poll that are too old to be taken; remembered, so that they never are.
        """
        opened: list[int] = []
        for batch in _chunks([(link, 1) for link in found] + [(link, 0) for link in left]):
            args: list[Any] = [feed_id, self._keep_ms, self._reopen_after_ms]
            for link, take in batch:
                args += [link.id, link.url, link.host, link.fresh_ms, link.entry.fingerprint(), take]
                args.append(link.entry.to_json())
            opened += self._run("discover", *args)
        self._run("unlist", feed_id, *(link.id for link in (*found, *left)))
        return Discovered(new=opened.count(1), changed=opened.count(2))

    def foresee(self, feed_id: str, found: Sequence[Found], left: Sequence[Found] = ()) -> dict[str, str]:
        """What `discover` would make of these: link id → new, left, left before, changed, known."""
        told: dict[str, str] = {}
        for batch in _chunks([(link, 1) for link in found] + [(link, 0) for link in left]):
            args = [arg for link, take in batch for arg in (link.id, link.entry.fingerprint(), take)]
            verdicts = self._run("foresee", feed_id, *args)
            told |= {link.id: _text(said) for (link, _), said in zip(batch, verdicts, strict=True)}
        return told

    def remember(self, feed_id: str) -> None:
        """The feed is unchanged: keep what it lists from expiring."""
        self._run("remember", feed_id, self._keep_ms)

    # -- dispatcher ----------------------------------------------------------------------------------------
    def lease(
        self, *, fetch_window: int, article_window: int, host_delay_s: float, max_pages: int, most: int = 100
    ) -> Handout:
        """Hand out what is due and has room in the windows (links in flight in each stage)."""
        raw_links, raw_hopeless, wait = self._run(
            "lease", self._lease_ms, int(host_delay_s * 1000), fetch_window, article_window, max_pages, most,
            MAX_TRIES_UNREPORTED, MAX_DEATHS, self._steps,
        )  # fmt: skip
        leases = tuple(
            Lease(_text(i), _text(stage), int(attempt), _text(url), _text(host), _previous(_text(job)))
            for i, stage, attempt, url, host, job in raw_links
        )
        hopeless = tuple(
            Hopeless(_text(i), int(attempt), _text(reason)) for i, attempt, reason in raw_hopeless
        )
        return Handout(leases, hopeless, int(wait) if int(wait) >= 0 else None)

    def wait_for_work(self, timeout_s: float) -> None:
        """Block until something became due or has room, at most `timeout_s` (and no less than 2 ms)."""
        # Redis 6.2 cuts a timeout of one millisecond to zero, which is for ever.
        self.redis.blpop([self.keys.wake], timeout=max(timeout_s, 0.002))

    # -- jobs ----------------------------------------------------------------------------------------------
    def begin(self, link_id: str, stage: str, attempt: int, worker: str) -> Begun | None:
        """A job starts: mark its attempt running and renew the lease; None when it was overtaken."""
        raw = self._run("begin", link_id, stage, attempt, self._lease_ms, worker)
        if raw is None:
            return None
        return read_begun(link_id, attempt, raw)

    def store(
        self, begun: Begun, page: bytes, final_url: str, note: str, counted: Mapping[str, int] = _NOTHING
    ) -> bool:
        """Keep the packed page and hand the link to the article stage. False when overtaken.

        `counted`, here and below, is added to the counters (`jobs.counts`) if the script does its work.
        """
        args = (begun.link_id, begun.attempt, page, self._keep_pages_ms, final_url, note, *_flat(counted))
        return bool(self._run("store", *args))

    def commit(
        self,
        begun: Begun,
        *,
        revision: int,
        event_id: str,
        event_type: str,
        event: str,
        final_id: str,
        digests: str,
        validators: str = "",
        note: str = "",
        again: bool = False,
        lineage: tuple[str, str] | None = None,
        recheck: bool = False,
        counted: Mapping[str, int] = _NOTHING,
    ) -> tuple[str, str | None]:
        """Publish and close the link, once. `validators` of its page as `jobs.validators.pack` makes them.

        `note` goes on where the link's way says that it was published. `again`: publish it though the digests
        are those of the newest revision. `lineage`: what the article that this one repeats shall remember
        of it (`jobs.copies.lineage`). `recheck`: its site is asked later whether it changed, if it is new.

        Returns the outcome (``published``, ``duplicate``, ``unchanged`` or ``overtaken``) and, for a
        duplicate, the id of the link that was published from the same page.
        """
        raw = self._run(
            "commit",
            begun.link_id,
            begun.attempt,
            revision,
            event_id,
            event_type,
            event,
            final_id,
            self._keep_ms,
            digests,
            validators,
            note,
            int(again),
            *(lineage or ("", "")),
            self._steps if recheck else "",
            *_flat(counted),
        )
        outcome, _, other = _text(raw).partition(" ")
        return outcome, other or None

    def retry(
        self,
        link_id: str,
        attempt: int,
        delay_s: float,
        note: str,
        *,
        block_host: bool = False,
        counted: Mapping[str, int] = _NOTHING,
    ) -> bool:
        """Put the link off for `delay_s`, with its whole host if `block_host`. False when overtaken."""
        args = (link_id, attempt, int(delay_s * 1000), int(block_host), note, *_flat(counted))
        return bool(self._run("retry", *args))

    def reroute(self, begun: Begun, url: str, host: str, note: str) -> bool:
        """The page moved to another domain: queue it there. False when overtaken."""
        return bool(self._run("reroute", begun.link_id, begun.attempt, url, host, note))

    def vanish(
        self,
        begun: Begun,
        *,
        certain: bool,
        event_id: str,
        event_type: str,
        event: str,
        digests: str,
        said: str,
    ) -> str:
        """The site says that a published article is gone: publish its withdrawal and close the link.

        Where that is not `certain` (a 404), only once it was missing before, hours ago; else the link ends as
        ``unchanged`` and its site is asked again then.

        Returns the outcome: ``published``, ``unchanged`` or ``overtaken``.
        """
        args = (
            begun.link_id,
            begun.attempt,
            int(certain),
            int(MISSING_S * 1000),
            event_id,
            event_type,
            event,
        )
        return _text(self._run("vanish", *args, digests, self._keep_ms, _short(said), self._steps))

    def unchanged(self, begun: Begun, detail: str, says: tuple[str, str] | None = None) -> bool:
        """End the link as ``unchanged``. False when overtaken.

        `says`: digests and packed validators of the page, where it was read: now the newest revision's.
        """
        args = (begun.link_id, begun.attempt, "unchanged", "", _short(detail), self._keep_ms)
        return bool(self._run("settle", *args, *(says or ())))

    def duplicate(self, begun: Begun, of: str, detail: str) -> bool:
        """End the link as ``duplicate`` of an article that it repeats. False when overtaken."""
        args = (begun.link_id, begun.attempt, "duplicate", "", _short(detail), self._keep_ms, of)
        return bool(self._run("settle", *args))

    def skip(self, link_id: str, attempt: int, reason: Reason, detail: str) -> bool:
        """End the link as ``skipped``. False when overtaken."""
        return bool(self._run("settle", link_id, attempt, "skipped", reason, _short(detail), self._keep_ms))

    def fail(self, link_id: str, attempt: int, reason: Reason, detail: str, dead: DeadJob) -> bool:
        """End the link as ``failed``, with `dead` in RQ's failed jobs. False when overtaken."""
        args: list[Any] = [link_id, attempt, "failed", reason, _short(detail), self._keep_ms]
        args += [
            NEWEST_DEAD,
            dead.registry_key,
            dead.expires_at,
            dead.id,
            dead.key,
            dead.results_key,
            dead.ttl_s,
        ]
        args += [2 * len(dead.fields), *_flat(dead.fields), *_flat(dead.result)]
        return bool(self._run("settle", *args))

    def release(self, link_id: str, attempt: int, note: str) -> bool:
        """Hand an unfinished attempt back, uncounted. False when overtaken."""
        return bool(self._run("release", link_id, attempt, note))

    def died(self, link_id: str, attempt: int, *, killed: bool, note: str) -> str:
        """The process of a running attempt died: ``again``, ``enough`` (give up now) or ``overtaken``."""
        cause, most = ("kills", MAX_KILLS) if killed else ("deaths", MAX_DEATHS)
        return _text(self._run("died", link_id, attempt, cause, most, note))

    def page(self, link_id: str) -> bytes | None:
        """The packed page, if it is still kept."""
        value = self.redis.get(self.keys.page(link_id))
        return value if isinstance(value, bytes) else None

    # -- operators -----------------------------------------------------------------------------------------
    def reopen(self, link_id: str, note: str, *, how: How = How.REQUEUE) -> bool | None:
        """Open a closed link again. False when it is open already, None when it is unknown."""
        (one,) = self.reopen_all([link_id], note, how=how)
        return None if one.status is Status.UNKNOWN else one.status is Status.OPENED

    def reopen_all(
        self, link_ids: Sequence[str], note: str, *, how: How = How.REQUEUE, ahead: bool = True
    ) -> Iterator[Reopened]:
        """Open closed links again, some at a time, while this is read.

        Each takes its turn as if it were new, or, not `ahead`, behind what is new.
        """
        fixed = (how, int(ahead), note, f" {' '.join(sorted(PAGE_TO_BLAME))} ")
        for some in _chunks(link_ids):
            for link_id, (status, job) in zip(some, self._run("reopen", *fixed, *some), strict=True):
                yield Reopened(link_id, Status(int(status)), _text(job))


def _previous(job: str) -> tuple[str, int] | None:
    stage, _, attempt = job.partition("-")
    return (stage, int(attempt)) if attempt else None


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _short(text: str) -> str:
    return text[:600]


def _flat(mapping: Mapping[str, Any]) -> list[Any]:
    return [part for pair in mapping.items() for part in pair]


def _chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
