"""The poller: leases due feeds, polls them politely, and records what is new.

Order matters: a feed's validators are saved only after all its entries are in the ledger. Whatever dies in
between, the next poll gets the same document and finds the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from redis.exceptions import RedisError

from jobs.client import Answer, Client
from jobs.entry import Entry, ParsedFeed
from jobs.errors import Outcome, Reason, Retry
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.urls import domain, link_id, redact, split
from worker.feeds import own_network, turns
from worker.feeds.backfill import ALL, split_backfill
from worker.feeds.catch_up import catch_up
from worker.feeds.children import follow
from worker.feeds.errors import FeedError
from worker.feeds.learned import rhythm_fields, uncharged, with_skips
from worker.feeds.moved import Move, has_held
from worker.feeds.own_network import OwnNetwork
from worker.feeds.parser import Parser
from worker.feeds.poll import Poll, brought, changes
from worker.feeds.registry import Feed, Registry
from worker.feeds.schedule import Bounds, Brought, Next, next_poll
from worker.feeds.sitemap import INDEX
from worker.feeds.subscriber import Subscriber
from worker.feeds.turns import Turn

__all__ = ["ACCEPT", "DEMO_POLL_S", "PAUSED_BECAUSE", "PAUSED_S", "Poll", "Poller", "fresh_ms", "links_of"]

ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.5"
)
LEASE_S = 120.0
"""A poll's download (30 s), wait for its host (30 s), parse (10 s) and children (40 s) fit into it."""
PAUSED_S = 10 * 365 * 86400.0
PAUSED_BECAUSE = "paused by the operator"
POLLS_AT_A_TIME = 64
LONGEST_SLEEP_S = 1.0
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
    ) -> None:
        """Set up.

        Args:
            backfill: the policy of feeds without one of their own.
            subscriber: keeps the feeds subscribed at their hubs; None: hubs can't reach us.
        """
        self.ledger = ledger
        self.registry = registry
        self.client = client
        self.parser = parser
        self.subscriber = subscriber
        self._bounds = bounds
        self._host_delay_s = host_delay_s
        self._backfill = backfill
        self._turn = turns.shared(ledger, host_delay_s)
        self._polls: set[asyncio.Task[None]] = set()
        # In turn: threads may overtake each other, and a feed that is spared was charged a moment before.
        self._saving = asyncio.Lock()
        self._network: OwnNetwork[Feed] = OwnNetwork()

    async def run(self, stop: asyncio.Event) -> None:
        """Poll what is due until `stop` is set; then let the polls in flight end."""
        behind = True
        while not stop.is_set():
            try:
                if behind:
                    await self._catch_up()
                behind = False
                wait_s = await self._start_due()
            except RedisError as error:
                log.warning("poller_waits_for_redis", error=str(error))
                behind, wait_s = True, LONGEST_SLEEP_S
            await _sleep(stop, min(wait_s, LONGEST_SLEEP_S))
        if self._polls:
            await asyncio.wait(self._polls, timeout=5)
        for poll in self._polls:
            poll.cancel()
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
        if room <= 0:
            return 0.05
        ids, wait_s = await asyncio.to_thread(self.ledger.due_feeds, room, LEASE_S)
        for feed_id in ids:
            task = asyncio.create_task(self._poll(feed_id))
            self._polls.add(task)
            task.add_done_callback(self._ended)
        return wait_s

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._polls.discard(task)
        if not task.cancelled() and (error := task.exception()):
            # A bug in one poll must not cost the others; the lease brings the feed round again.
            log.error("poll_raised", exc_info=error)

    async def _poll(self, feed_id: str) -> None:
        feed = await asyncio.to_thread(self.registry.get, feed_id)
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
        wait_s = await asyncio.to_thread(self.ledger.reserve, host, self._host_delay_s)
        if wait_s > 30:
            because = f"its host {host} is not free before"
            await self._save(feed, Next(wait_s, because), {})
            return
        await asyncio.sleep(wait_s)
        await self._learn(feed, await self.ask(feed))

    async def ask(self, feed: Feed, turn: Turn | None = None) -> Poll:
        """Poll one feed: the conditional request and the parse. Writes nothing.

        Args:
            turn: how to wait before further requests (of an index's sitemaps), if not for the shared slots.
        """
        validators = {"If-None-Match": feed.etag, "If-Modified-Since": feed.modified}
        if feed.format == INDEX:  # it may stay as it is while what it names changes
            validators = {}
        headers = feed.request_headers | {name: value for name, value in validators.items() if value}
        try:
            answer = await self.client.get(feed.login.url, headers=headers, accept=ACCEPT, proxy=feed.proxy)
            return await self._read(feed, answer, turn or self._turn)
        except (Outcome, FeedError) as error:
            return Poll(error=error)

    async def _read(self, feed: Feed, answer: Answer, turn: Turn) -> Poll:
        if answer.status == 304 and (feed.etag or feed.modified):
            return Poll(unchanged="not_modified", answer=answer, body_hash=feed.body_hash)
        if answer.status != 200:
            return Poll(error=status_error(answer), answer=answer)
        body_hash = hashlib.sha256(answer.body).hexdigest()[:16]
        if body_hash == feed.body_hash:
            return Poll(unchanged="same_body", answer=answer, body_hash=body_hash)
        try:
            parsed = await self.parser.parse(
                answer.body, url=answer.final_url, content_type=answer.content_type
            )
        except FeedError as error:
            return Poll(error=error, answer=answer)
        if parsed.children:
            return await self._follow(feed, parsed, answer, turn)
        return Poll(parsed=parsed, answer=answer, body_hash=body_hash)

    async def _follow(self, feed: Feed, index: ParsedFeed, answer: Answer, turn: Turn) -> Poll:
        """The poll of a sitemap index: its newest sitemaps belong to its body."""

        async def ask(url: str) -> tuple[Answer, ParsedFeed]:
            await turn(url)
            return await self._child(feed, url)

        followed = await follow(index, ask)
        if followed.error:
            return Poll(error=followed.error, answer=answer)
        body_hash = hashlib.sha256(answer.body + b"".join(followed.bodies)).hexdigest()[:16]
        if body_hash == feed.body_hash:
            return Poll(unchanged="same_body", answer=answer, body_hash=body_hash)
        return Poll(parsed=followed.parsed, answer=answer, body_hash=body_hash)

    async def _child(self, feed: Feed, url: str) -> tuple[Answer, ParsedFeed]:
        """One sitemap of a feed that is an index. Raises Outcome or FeedError."""
        own = split(url).origin == split(feed.login.url).origin
        headers = feed.request_headers if own else {}
        answer = await self.client.get(url, headers=headers, accept=ACCEPT, proxy=feed.proxy)
        if answer.status != 200:
            raise status_error(answer)
        return answer, await self.parser.parse(
            answer.body, url=answer.final_url, content_type=answer.content_type
        )

    async def _learn(self, feed: Feed, poll: Poll) -> None:
        """Write what the poll brought: entries first, then validators and the next poll."""
        if await self._is_spared(feed, poll):
            return
        found = links_of(poll.parsed.entries) if poll.parsed else []
        new, fresh = 0, list[Found]()
        if poll.parsed:
            new, fresh = await asyncio.to_thread(self._record, feed, found)
        elif poll.unchanged:
            await asyncio.to_thread(self.ledger.remember, feed.id)
        if isinstance(poll.error, Retry) and poll.error.after_s is not None:
            await asyncio.to_thread(self.ledger.block, domain(feed.login.url), poll.error.after_s)
        now_ms = int(time.time() * 1000)
        taught = brought(feed, poll, new=new, listed=len(found), fresh=fresh)
        feed = with_skips(feed, poll.parsed)
        after = await self._heed(feed, poll, taught, self._next(feed, taught, now_ms))
        fields = changes(feed, poll, new, after) | rhythm_fields(feed, taught, after, now_ms)
        await self._save(feed, after, fields)
        await self._follow_move(feed, Move.parse(fields.get("moving", "")), now_ms)
        # What is polled through a proxy may be meant to not know us: a hub would.
        if self.subscriber and poll.answer and not poll.error and not feed.proxy:
            self.subscriber.keep(feed.id, poll.answer, poll.parsed)
        self._log(feed, poll, listed=len(found), new=new)

    def _record(self, feed: Feed, found: Sequence[Found]) -> tuple[int, list[Found]]:
        """Hand a document's links to the ledger: of a feed's first document as many as the backfill says.

        Returns how many nobody had seen, and those that this feed's last document did not list.
        """
        listed: Any = []
        if found:
            listed = self.ledger.redis.hmget(self.ledger.keys.listed(feed.id), [link.id for link in found])
        first = not feed.body_hash
        policy = (feed.backfill or self._backfill) if first and not feed.demo else ALL
        take, leave = split_backfill(found, policy)
        new = self.ledger.discover(feed.id, take, left=leave).new
        return new, [link for link, before in zip(found, listed, strict=True) if before is None]

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
            await self._save(spared, Next(delay_s, because), uncharged(spared))
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
        async with self._saving:
            saved = await asyncio.to_thread(self.ledger.polled, feed.id, after.delay_s, learned, feed.edited)
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
            log.info("poll_found", feed=feed.id, url=feed.public_url, listed=listed, new=new)
        else:
            log.debug(
                "poll_unchanged", feed=feed.id, url=feed.public_url, how=poll.unchanged or "nothing new"
            )


def status_error(answer: Answer) -> Outcome:
    """What a status that is neither 200 nor 304 means for a feed. Feeds are asked again whatever it is."""
    status, detail = answer.status, f"status {answer.status}"
    reasons = {404: Reason.NOT_FOUND, 410: Reason.GONE, 401: Reason.FORBIDDEN, 403: Reason.FORBIDDEN}
    if status in (429, 503):
        reason = Reason.RATE_LIMITED if status == 429 else Reason.SERVER_ERROR
        return Retry(reason, detail, after_s=answer.retry_after_s)
    return Retry(reasons.get(status, Reason.SERVER_ERROR if status >= 500 else Reason.HTTP_ERROR), detail)


def links_of(entries: Iterable[Entry], now_ms: int | None = None) -> list[Found]:
    """The links of a feed's entries, ready for the ledger. Entries with an unusable URL are left out."""
    now = now_ms or int(time.time() * 1000)
    found: dict[str, Found] = {}
    for entry in entries:
        try:
            link, host = link_id(entry.url), domain(entry.url)
        except Outcome:
            continue
        found.setdefault(link, Found(link, entry.url, host, fresh_ms(entry, now), entry))
    return list(found.values())


def fresh_ms(entry: Entry, now_ms: int) -> int:
    """When an entry was published, as far as its feed says, and never in the future."""
    for text in (entry.published, entry.updated):
        if text:
            at = datetime.fromisoformat(text)
            return min(int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000), now_ms)
    return now_ms


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
