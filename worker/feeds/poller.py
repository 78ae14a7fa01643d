"""The poller: leases due feeds, polls them politely, and records what is new.

Order matters: a feed's validators are saved only after all its entries are in the ledger. Whatever dies in
between, the next poll gets the same document and finds the rest.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from redis.exceptions import RedisError

from jobs.client import Client
from jobs.clocks import Learned
from jobs.entry import Entry
from jobs.errors import Outcome, Retry
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.urls import domain, redact
from worker.feeds import history, own_network, turns
from worker.feeds.asking import ACCEPT, Asker
from worker.feeds.backfill import ALL
from worker.feeds.catch_up import catch_up
from worker.feeds.children import split_found
from worker.feeds.found import fresh_ms, links_of
from worker.feeds.history import Past
from worker.feeds.learned import rhythm_fields, uncharged, with_skips
from worker.feeds.moved import Move, has_held
from worker.feeds.own_network import OwnNetwork
from worker.feeds.parser import Parser
from worker.feeds.poll import Poll, brought, changes, past
from worker.feeds.registry import Feed, Registry, read
from worker.feeds.schedule import Bounds, Brought, Next, next_poll
from worker.feeds.subscriber import Subscriber
from worker.feeds.tally import Tally
from worker.feeds.together import Together
from worker.feeds.turns import Turn

__all__ = ["ACCEPT", "DEMO_POLL_S", "PAUSED_BECAUSE", "PAUSED_S", "Poll", "Poller", "fresh_ms", "links_of"]

LEASE_S = 120.0
"""A poll's download (30 s), wait for its host (30 s), parse (10 s) and children (40 s) fit into it."""
PAUSED_S = 10 * 365 * 86400.0
PAUSED_BECAUSE = "paused by the operator"
POLLS_AT_A_TIME = 128
PARSERS = 2
"""Children that parse: one that is busy for seconds with one document must not hold up the others."""
MAX_IDLE = 16
"""Connections kept open: few feeds are asked again while theirs lasts, but their sitemaps follow at once."""
LEAST_AT_ONCE = 16
"""Feeds are leased when there is room for so many, or …"""
WAIT_FOR_ROOM_S = 0.05
"""… after this time."""
REST_S = 0.01
"""Between two looks for feeds that are due."""
LONGEST_SLEEP_S = 1.0
LOOK_WHILE_STOPPED_S = 0.1
DEMO_POLL_S = 2.0
log = structlog.get_logger(__name__)


class Poller:
    """Polls the registered feeds. Several may run on one Redis: each feed is leased to one of them."""

    def __init__(
        self,
        ledger: Ledger,
        registry: Registry,
        client: Client,
        parser: Parser,
        *,
        bounds: Bounds,
        host_delay_s: float,
        backfill: str = ALL,
        subscriber: Subscriber | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Set up.

        Args:
            backfill: the policy of feeds without one of their own.
            subscriber: keeps the feeds subscribed at their hubs; None: hubs can't reach us.
            stopped: whether nothing may be polled just now, since Redis is nearly full (worker/memory.py).
        """
        self.ledger = ledger
        self.registry = registry
        self.subscriber = subscriber
        self._bounds = bounds
        self._host_delay_s = host_delay_s
        self._backfill = backfill
        self._asker = Asker(client, parser)
        self._turn = turns.shared(ledger, host_delay_s)
        self._polls: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._reserve = Together(partial(ledger.reserve_all, delay_s=host_delay_s))
        # In turn: a feed that is spared was charged a moment before.
        self._polled = Together(ledger.polled_all)
        self._network: OwnNetwork[Feed] = OwnNetwork()
        self._tally = Tally(registry.redis, registry.keys)
        self._stopped = stopped

    async def run(self, stop: asyncio.Event) -> None:
        """Poll what is due until `stop` is set; then let the polls in flight end."""
        behind = True
        while not stop.is_set():
            try:
                if self._stopped():
                    behind, wait_s = True, LOOK_WHILE_STOPPED_S
                else:
                    if behind:
                        await self._catch_up()
                    behind = False
                    wait_s = await self._start_due()
                if self._tally.is_due:
                    await asyncio.to_thread(self._tally.write)
            except RedisError as error:
                log.warning("poller_waits_for_redis", error=str(error))
                behind, wait_s = True, LONGEST_SLEEP_S
            await _sleep(stop, min(max(wait_s, REST_S), LONGEST_SLEEP_S))
        if self._polls:
            await asyncio.wait(self._polls, timeout=5)
        for poll in self._polls:
            poll.cancel()
        with suppress(RedisError):
            await asyncio.to_thread(self._tally.write)
        if self.subscriber:
            await self.subscriber.close()

    async def _catch_up(self) -> None:
        """After a time in which nobody polled: not everything at once."""
        feeds = await asyncio.to_thread(catch_up, self.registry, host_delay_s=self._host_delay_s)
        if feeds:
            log.info("poller_catches_up", feeds=feeds)

    async def _start_due(self) -> float:
        """Start polling the feeds that are due; returns the seconds until the next one is."""
        room = POLLS_AT_A_TIME - len(self._polls)
        if room < LEAST_AT_ONCE:  # not a call for each poll that ends
            self._room.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_FOR_ROOM_S):
                    await self._room.wait()
            room = POLLS_AT_A_TIME - len(self._polls)
        if not room:
            return 0.0
        due, wait_s = await asyncio.to_thread(self.ledger.due_feeds, room, LEASE_S)
        for feed_id, raw in due.items():
            task = asyncio.create_task(self._poll(feed_id, raw), name=feed_id)
            self._polls.add(task)
            task.add_done_callback(self._ended)
        return wait_s

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._polls.discard(task)
        if POLLS_AT_A_TIME - len(self._polls) >= LEAST_AT_ONCE:
            self._room.set()
        if not task.cancelled() and (error := task.exception()):
            # A bug in one poll must not cost the others; the lease brings the feed round again.
            log.error("poll_raised", feed=task.get_name(), exc_info=error)

    async def _poll(self, feed_id: str, raw: Mapping[bytes, bytes]) -> None:
        structlog.contextvars.bind_contextvars(feed=feed_id)  # of this poll's task only
        feed = read(feed_id, raw)
        if feed is None:
            return
        if feed.paused:
            await self._save(feed, Next(PAUSED_S, PAUSED_BECAUSE), {})
            return
        try:
            host = domain(feed.login.url)
        except Outcome as error:  # not registered by our commands, which check it
            await self._learn(feed, Poll(error=error))
            return
        wait_s = await turns.come(self.ledger, host, self._host_delay_s, await self._reserve(host))
        if wait_s > 0:
            because = f"its host {host} is not free before"
            await self._save(feed, Next(wait_s, because), {})
            return
        await self._learn(feed, await self.ask(feed))

    async def ask(self, feed: Feed, turn: Turn | None = None) -> Poll:
        """Poll one feed: the conditional request and the parse. Writes nothing.

        Args:
            turn: how to wait before further requests (of an index's sitemaps), if not for the shared slots.
        """
        return await self._asker.ask(feed, turn or self._turn)

    async def _learn(self, feed: Feed, poll: Poll) -> None:
        """Write what the poll brought: entries first, then validators and the next poll."""
        if await self._is_spared(feed, poll):
            return
        listed, new, fresh = 0, 0, list[Found]()
        if poll.parsed:
            listed, new, fresh = await asyncio.to_thread(self._record, feed, poll.parsed.entries)
        elif poll.unchanged and feed.sighted != int(time.time() // 86_400):  # once a day is enough
            await asyncio.to_thread(self.ledger.remember, feed.id)
        if isinstance(poll.error, Retry) and poll.error.after_s is not None:
            await asyncio.to_thread(self.ledger.block, domain(feed.login.url), poll.error.after_s)
        now_ms = int(time.time() * 1000)
        taught = brought(feed, poll, new=new, listed=listed, fresh=fresh)
        feed = with_skips(feed, poll.parsed)
        after = await self._heed(feed, poll, taught, self._next(feed, taught, now_ms))
        fields = changes(feed, poll, new, after) | rhythm_fields(feed, taught, after, now_ms)
        came = past(poll, new=new, listed=listed, gap=after.gap, now_ms=now_ms)
        self._tally.count(came)
        await self._save(feed, after, {**fields, "history": history.added(feed.history, came)})
        await self._follow_move(feed, Move.parse(fields.get("moving", "")), now_ms)
        # What is polled through a proxy may be meant to not know us: a hub would.
        if self.subscriber and poll.answer and not poll.error and not feed.proxy:
            self.subscriber.keep(feed.id, poll.answer, poll.parsed)
        self._log(feed, poll, listed=listed, new=new)

    def _record(self, feed: Feed, entries: Sequence[Entry]) -> tuple[int, int, list[Found]]:
        """Hand a document's links to the ledger: of a feed's first document as many as the backfill says.

        Returns how many it lists, how many nobody had seen, and those that its last document did not list.
        """
        found = links_of(entries)
        listed: Any = []
        if found:
            listed = self.ledger.redis.hmget(self.ledger.keys.listed(feed.id), [link.id for link in found])
        take, leave = split_found(feed, found, self._backfill)
        new = self.ledger.discover(feed.id, take, left=leave).new
        return len(found), new, [link for link, before in zip(found, listed, strict=True) if before is None]

    async def _follow_move(self, feed: Feed, move: Move, now_ms: int) -> None:
        """Know the feed by its new address from now on, unless that is another feed's."""
        if not has_held(move, now_ms):
            return
        other = await asyncio.to_thread(self.registry.get, move.url)
        if other is None or other.id == feed.id:
            await asyncio.to_thread(self.registry.edit, feed, {"url": move.url, "moving": ""})
            log.info("feed_moved", feed=feed.id, url=feed.public_url, to=redact(move.url))

    def _next(self, feed: Feed, taught: Brought, now_ms: int) -> Next:
        if feed.demo:
            return Next(DEMO_POLL_S, "the demo newsroom is polled every two seconds")
        return next_poll(feed, taught, self._bounds, random.random(), now_ms=now_ms)

    async def _is_spared(self, feed: Feed, poll: Poll) -> bool:
        """Whether our own network is to blame for this poll: no feed is charged then."""
        now_s, reason = time.monotonic(), getattr(poll.error, "reason", "")
        if poll.answer:
            verdict = self._network.answered(now_s)
        elif reason in own_network.REASONS:
            verdict = self._network.failed(now_s, domain(feed.login.url), feed)
        else:
            return False
        if verdict.spared:
            self._tally.count(Past(int(time.time()), history.OWN_NETWORK))
        if verdict.rose:
            log.info("own_network_back")
        if verdict.fell:
            log.error(
                "own_network_down", hosts=self._network.hosts, reason=str(reason), error=str(poll.error)
            )
        down_s = now_s - (self._network.down_since_s or now_s)
        for spared in verdict.spared:
            delay_s = own_network.retry_s(down_s, random.random())
            because = f"nothing answers ({reason}): our own network is to blame, not the feed"
            await self._save(spared, Next(delay_s, because), uncharged(spared, int(time.time() * 1000)))
        return bool(verdict.spared)

    async def _heed(self, feed: Feed, poll: Poll, taught: Brought, planned: Next) -> Next:
        """The next poll, if a hub tells us of the feed's news."""
        if not self.subscriber or poll.error or feed.demo:
            return planned
        return await self.subscriber.heed(
            feed,
            planned,
            self._bounds,
            brought=len(taught.published_ms),
            least_s=taught.retry_after_s or 0,
        )

    async def _save(self, feed: Feed, after: Next, fields: Mapping[str, Any]) -> None:
        learned = {**fields, "because": after.because}
        saved = await self._polled(Learned(feed.id, after.delay_s, learned, feed.edited))
        if not saved:
            # Removed during the poll, which then may have recorded anew what it lists.
            await asyncio.to_thread(self.ledger.redis.delete, self.ledger.keys.listed(feed.id))

    def _log(self, feed: Feed, poll: Poll, *, listed: int, new: int) -> None:
        if poll.error:
            reason = str(getattr(poll.error, "reason", "error"))
            log.warning(
                "poll_failed", feed=feed.id, url=feed.public_url, reason=reason, error=str(poll.error)
            )
        elif new:
            log.debug("poll_found", feed=feed.id, url=feed.public_url, listed=listed, new=new)
        else:
            log.debug(
                "poll_unchanged", feed=feed.id, url=feed.public_url, how=poll.unchanged or "nothing new"
            )


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
