"""Keeps feeds subscribed at their hubs, beside the polls: what goes wrong here costs them nothing."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import structlog
from redis.exceptions import RedisError

from jobs.client import Answer, Client
from jobs.entry import ParsedFeed
from jobs.errors import Outcome, Reason, Retry
from jobs.ledger import Ledger
from jobs.urls import redact
from worker.feeds import turns
from worker.feeds.hub import Hub, heed
from worker.feeds.plain import plain
from worker.feeds.registry import Feed
from worker.feeds.schedule import Bounds, Next
from worker.feeds.subscriptions import Subscriptions
from worker.feeds.websub import (
    State,
    Subscription,
    Topic,
    Wish,
    discover,
    endpoints,
    may_follow,
    request,
    to_ask,
    wish,
)

AT_A_TIME = 8
"""Requests to hubs in flight or waiting for their turn. What finds no room comes with its next poll."""

log = structlog.get_logger(__name__)


class Subscriber:
    """Subscribes a poller's feeds. `public_url` is where hubs reach the web process."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        ledger: Ledger,
        client: Client,
        *,
        public_url: str,
        host_delay_s: float,
    ) -> None:
        self.subscriptions = subscriptions
        self.client = client
        self._public_url = public_url
        self._turn = turns.shared(ledger, host_delay_s)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """By feed."""

    async def heed(self, feed: Feed, planned: Next, bounds: Bounds, *, brought: int, least_s: float) -> Next:
        """The next poll of a feed after a good one, if its hub tells us of news.

        Args:
            feed: as it was before the poll.
            planned: the next poll without a hub.
            bounds: of intervals.
            brought: links that the feed's document lists and its last one did not.
            least_s: what the site asks to wait (Retry-After).
        """
        if feed.pinned:
            return planned
        hub = await asyncio.to_thread(self._hub, feed, brought)
        return heed(planned, hub, bounds, random.random(), least_s=least_s)

    def _hub(self, feed: Feed, brought: int) -> Hub | None:
        """What the subscription is worth now; what came without the hub's word is noted."""
        known = self.subscriptions.get(feed.id)
        now_ms = self.subscriptions.clock_ms()
        if known is None or known.state(now_ms) is not State.ACTIVE:
            return None
        told = known.pinged >= feed.polled
        if brought and not told:
            self.subscriptions.missed(known)
            known = replace(known, missed=known.missed + 1)
        return Hub(
            renew_s=(max(known.renew_ms, known.again) - now_ms) / 1000,
            relied_on=known.relied_on(now_ms),
            owes=told and not brought,
        )

    def keep(self, feed_id: str, answer: Answer, parsed: ParsedFeed | None) -> None:
        """After a good poll: subscribe, renew or unsubscribe, whatever is due. Returns at once.

        Args:
            feed_id: the feed.
            answer: what its site answered.
            parsed: the document in it; None when it is unchanged, so that what it named before still holds.
        """
        if feed_id in self._tasks or len(self._tasks) >= AT_A_TIME:
            return
        named = discover(answer.headers, answer.final_url, parsed)
        task = asyncio.create_task(self._keep(feed_id, named, unchanged=parsed is None))
        self._tasks[feed_id] = task
        task.add_done_callback(lambda done: self._ended(feed_id, done))

    def _ended(self, feed_id: str, task: asyncio.Task[None]) -> None:
        del self._tasks[feed_id]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, RedisError):
            log.warning("subscriber_without_redis", feed=feed_id, error=str(error))
        elif error:
            log.error("subscribing_raised", feed=feed_id, exc_info=error)

    async def close(self) -> None:
        """Give up what is in flight; the next poll of each feed takes it up again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, feed_id: str, named: Topic | None, *, unchanged: bool) -> None:
        known = await asyncio.to_thread(self.subscriptions.get, feed_id)
        # An answer without a document does not name all that the document does.
        topic = Topic(known.hub, known.topic) if known and unchanged else named
        wanted = wish(known, topic, self._public_url, self.subscriptions.clock_ms())
        if wanted is Wish.LEAVE and known:
            await self._leave(known)
        elif wanted is not Wish.NOTHING and topic:
            await self._ask_in_turn(feed_id, known, topic)

    async def _ask_in_turn(self, feed_id: str, known: Subscription | None, topic: Topic) -> None:
        """Ask the feed's hubs until one takes it."""
        if known and (known.leaving or not known.is_under(self._public_url)):
            known = None
        before = known
        for hub in to_ask(known, topic, self.subscriptions.clock_ms()):
            try:
                await self._turn(hub)
            except Outcome:  # too many others ask this hub, or it is no host: perhaps after the next poll
                continue
            if known is None or known.denied or (known.hub, known.topic) != (hub, topic.url):
                one = replace(topic, hub=hub, others=())
                known = await asyncio.to_thread(
                    self.subscriptions.start, feed_id, one, self._public_url, before
                )
            if await self._ask(known):
                return

    async def _ask(self, known: Subscription) -> bool:
        """Ask for a subscription, encrypted if the hub can. Whether there is no more to do."""
        for endpoint in endpoints(known.hub):
            asking = await asyncio.to_thread(self.subscriptions.asking, known, endpoint)
            if asking is None:
                return True
            try:
                await post(self.client, endpoint, "subscribe", asking)
                log.info("subscription_asked", feed=known.feed, hub=redact(endpoint))
                return True
            except Outcome as error:
                after_s = error.after_s if isinstance(error, Retry) else None
                await asyncio.to_thread(self.subscriptions.failed, asking, str(error), after_s)
                log.warning("subscribing_failed", feed=known.feed, hub=redact(endpoint), error=str(error))
        return False

    async def _leave(self, known: Subscription) -> None:
        try:
            await unsubscribe(self.client, self.subscriptions, known)
        except Outcome as error:
            log.warning("unsubscribing_failed", feed=known.feed, hub=redact(known.hub), error=str(error))


async def unsubscribe(client: Client, subscriptions: Subscriptions, known: Subscription) -> None:
    """Tell a feed's hub to stop. Whatever it does, from now on it is told that the subscription is gone.

    Raises:
        Outcome: the hub could not be told; its lease will run out.
    """
    if not await asyncio.to_thread(subscriptions.leave, known) or not known.asked:
        return
    *others, last = endpoints(known.hub)
    for endpoint in others:
        try:
            await post(client, endpoint, "unsubscribe", known)
            return
        except Outcome as error:
            log.debug("unsubscribing_failed", hub=redact(endpoint), error=str(error))
    await post(client, last, "unsubscribe", known)


async def post(client: Client, endpoint: str, mode: str, subscription: Subscription) -> None:
    """Send a request to a hub, which takes it with 202 (any 2xx, for older hubs).

    Raises:
        Outcome: it did not take it; the message has its own words for why.
    """
    answer = await client.post(endpoint, request(mode, subscription), may_follow=may_follow)
    if answer.moved_to or not 200 <= answer.status < 300:
        raise refusal(answer)


def refusal(answer: Answer) -> Retry:
    """What a hub's answer means that is no yes."""
    if answer.moved_to:
        return Retry(Reason.BAD_REDIRECT, "the hub leads out of encryption")
    words = plain(answer.body[:2_000].decode("utf-8", "replace"), 150)
    detail = f"status {answer.status}" + (f", “{words}”" if words else "")
    reason = Reason.SERVER_ERROR if answer.status >= 500 else Reason.HTTP_ERROR
    return Retry(reason, detail, after_s=answer.retry_after_s)
