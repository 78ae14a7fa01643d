"""The poller: leases due feeds, polls them politely, and records what is new.

Order matters: a feed's validators are saved only after all its entries are in the ledger. Whatever dies in
between, the next poll gets the same document and finds the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from redis.exceptions import RedisError

from jobs.client import Answer, Client
from jobs.entry import Entry, ParsedFeed
from jobs.errors import Outcome, PalmyraError, Reason, Retry
from jobs.ledger import Ledger
from jobs.link import Found
from jobs.urls import domain, link_id, split
from worker.feeds import turns
from worker.feeds.children import follow
from worker.feeds.errors import FeedError
from worker.feeds.freshness import max_age_s
from worker.feeds.parser import Parser
from worker.feeds.registry import Feed, Registry
from worker.feeds.schedule import Bounds, Brought, Next, next_poll
from worker.feeds.sitemap import INDEX
from worker.feeds.turns import Turn

ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.5"
)
LEASE_S = 120.0
"""A poll's download (30 s), wait for its host (30 s), parse (10 s) and children (40 s) fit into it."""
PAUSED_S = 10 * 365 * 86400.0
POLLS_AT_A_TIME = 64
LONGEST_SLEEP_S = 1.0
DEMO_POLL_S = 2.0
MAX_VALIDATOR_CHARS = 1000
"""A longer ETag is not worth its memory: such a feed is downloaded, and its bytes compared."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll brought: an error, or an unchanged feed, or a document."""

    error: PalmyraError | None = None
    unchanged: str = ""
    """``not_modified`` (304) or ``same_body``."""
    parsed: ParsedFeed | None = None
    answer: Answer | None = None
    body_hash: str = ""


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
    ) -> None:
        self.ledger = ledger
        self.registry = registry
        self.client = client
        self.parser = parser
        self._bounds = bounds
        self._host_delay_s = host_delay_s
        self._turn = turns.shared(ledger, host_delay_s)
        self._polls: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Poll what is due until `stop` is set; then let the polls in flight end."""
        while not stop.is_set():
            try:
                wait_s = await self._start_due()
            except RedisError as error:
                log.warning("poller_waits_for_redis", error=str(error))
                wait_s = LONGEST_SLEEP_S
            await _sleep(stop, min(wait_s, LONGEST_SLEEP_S))
        if self._polls:
            await asyncio.wait(self._polls, timeout=5)
        for poll in self._polls:
            poll.cancel()

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
            await self._save(feed, Next(PAUSED_S, "paused by the operator"), {})
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
        found = links_of(poll.parsed.entries) if poll.parsed else []
        new = 0
        if poll.parsed:
            new = (await asyncio.to_thread(self.ledger.discover, feed.id, found)).new
        elif poll.unchanged:
            await asyncio.to_thread(self.ledger.remember, feed.id)
        if isinstance(poll.error, Retry) and poll.error.after_s is not None:
            await asyncio.to_thread(self.ledger.block, domain(feed.login.url), poll.error.after_s)
        after = self._next(feed, poll, new)
        await self._save(feed, after, changes(feed, poll, new, after))
        self._log(feed, poll, listed=len(found), new=new)

    def _next(self, feed: Feed, poll: Poll, new: int) -> Next:
        if feed.demo:
            return Next(DEMO_POLL_S, "the demo newsroom is polled every two seconds")
        return next_poll(feed, brought(feed, poll, new), self._bounds, random.random())

    async def _save(self, feed: Feed, after: Next, fields: Mapping[str, Any]) -> None:
        learned = {**fields, "because": after.because}
        if not await asyncio.to_thread(self.ledger.polled, feed.id, after.delay_s, learned):
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


def changes(feed: Feed, poll: Poll, new: int, after: Next) -> dict[str, Any]:
    """The fields of the feed's hash that a poll changes (pure but for the time)."""
    now_ms = int(time.time() * 1000)
    fields: dict[str, Any] = {"polled": now_ms, "status": poll.answer.status if poll.answer else ""}
    if after.interval_s is not None:
        fields["interval"] = int(after.interval_s)
    if poll.error:
        reason = str(getattr(poll.error, "reason", "error"))
        return fields | {"failures": feed.failures + 1, "reason": reason, "error": str(poll.error)[:300]}
    fields |= {"failures": "", "reason": "", "error": ""}
    if poll.answer:
        # A 304 need not repeat the validators; those of another document are worth nothing (RFC 9111, 4.3.4).
        kept = feed if poll.unchanged == "not_modified" else Feed(feed.id, feed.url)
        fields |= {
            "etag": _validator(poll.answer.etag) or kept.etag,
            "modified": _validator(poll.answer.last_modified) or kept.modified,
        }
        fields["body_hash"] = poll.body_hash
    if poll.parsed:
        fields |= {"title": feed.title or poll.parsed.title or "", "format": poll.parsed.format}
        fields["ttl"] = poll.parsed.ttl_s or ""
        fields["site_url"] = feed.site_url or poll.parsed.site_url or ""
    if new:
        fields |= {"found": feed.found + new, "newest": now_ms}
    return fields


def _validator(text: str | None) -> str:
    return text if text and len(text) <= MAX_VALIDATOR_CHARS else ""


def brought(feed: Feed, poll: Poll, new: int) -> Brought:
    """What the schedule needs to know of a poll of `feed` (as it was before)."""
    if poll.error:
        after_s = poll.error.after_s if isinstance(poll.error, Retry) else None
        return Brought(error=str(getattr(poll.error, "reason", "error")), retry_after_s=after_s)
    answer = poll.answer
    return Brought(
        new=new,
        unchanged=bool(poll.unchanged),
        retry_after_s=answer.retry_after_s if answer else None,
        max_age_s=max_age_s(answer.headers, answer.received_s) if answer else None,
        ttl_s=poll.parsed.ttl_s if poll.parsed else feed.ttl or None,
    )


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
