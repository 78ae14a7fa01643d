"""Delivering the webhooks: one task a hook, each at its own pace, so that none waits for another.

Any number of processes may do this on one Redis. A hook is delivered by one at a time, which holds its lease;
when that process dies, another goes on within `LEASE_S` at what was not acknowledged. So each event comes at
least once; its `webhook-id` tells repeats.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog
from redis.exceptions import LockError, RedisError
from redis.lock import Lock

from jobs.client import Client
from jobs.errors import PalmyraError
from worker.webhooks.hook import Hook, Hooks, State
from worker.webhooks.queue import Item, Queue
from worker.webhooks.retry import GIVE_UP_S, failed, given_up, pause_s
from worker.webhooks.send import Sent, send

LEASE_S = 10.0
LOOK_S = 2.0
"""How soon new, changed and removed hooks are seen, and hooks that nobody delivers any more."""
GRACE_S = 2.0
"""What is under way has so long when the process ends."""
BUG_PAUSE_S = 60.0
MAX_DELIVERIES = 100
"""Requests at a time: one for each hook that there may be."""
THREADS = 4
"""For commands to Redis."""
_BLOCK_MS = 1000

_T = TypeVar("_T")
log = structlog.get_logger(__name__)


class Deliveries:
    """What one process delivers. `hooks` on a Redis that does not decode responses."""

    def __init__(self, hooks: Hooks, client: Client, *, lease_s: float = LEASE_S) -> None:
        self.hooks, self.client, self._lease_s = hooks, client, lease_s
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._threads = ThreadPoolExecutor(THREADS + 1, thread_name_prefix="webhooks")
        self._position = "$"

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set. An unreachable Redis is waited for."""
        working = [asyncio.create_task(one) for one in (self._look(stop), self._listen(), stop.wait())]
        try:
            done, _ = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._tell()
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=GRACE_S)
            await _end(*self._tasks.values(), *working)
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _look(self, stop: asyncio.Event) -> None:
        """See to it that every hook is delivered."""
        while not stop.is_set():
            with contextlib.suppress(RedisError):  # whoever polls says that it is away
                self._start(await self.redis(self.hooks.all), stop)
            await rest(stop, LOOK_S)

    def _start(self, hooks: list[Hook], stop: asyncio.Event) -> None:
        """A task for each hook that is on and has none."""
        self._tasks = {hook_id: task for hook_id, task in self._tasks.items() if not task.done()}
        for hook in hooks:
            if not hook.off and hook.id not in self._tasks:
                self._tasks[hook.id] = asyncio.create_task(self._serve(hook.id, stop))

    async def redis(self, ask: Callable[..., _T], *arguments: Any, **named: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, partial(ask, *arguments, **named)
        )

    async def _listen(self) -> None:
        """Wake the tasks when something comes onto the stream, while there are any."""
        while True:
            try:
                if not self._tasks:
                    await asyncio.sleep(0.5)
                elif await self.redis(self._wait_for_news):
                    self._tell()
            except RedisError:
                await asyncio.sleep(1.0)

    def _wait_for_news(self) -> bool:
        redis, stream = self.hooks.redis, self.hooks.keys.stream
        if not redis.xread({stream: self._position}, count=1, block=_BLOCK_MS):
            return False
        newest: Any = redis.xrevrange(stream, count=1)
        self._position = newest[0][0].decode() if newest else "$"
        return True

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _serve(self, hook_id: str, stop: asyncio.Event) -> None:
        """Deliver one hook, if no other process does, until it is off or removed, or we are to stop."""
        lease = Lock(
            self.hooks.redis, self.hooks.keys.webhook_lease(hook_id), self._lease_s, thread_local=False
        )
        try:
            if not await self.redis(lease.acquire, blocking=False):
                return
            try:
                await self._with_lease(lease, _Delivery(self, hook_id, stop))
            finally:
                with contextlib.suppress(LockError, RedisError):
                    await self.redis(lease.release)
        except (LockError, RedisError) as error:
            log.warning("webhook_waits", webhook=hook_id, error=str(error))
        except Exception:  # a bug, or a broken record: the other hooks, and the poller, go on
            log.exception("webhook_broke", webhook=hook_id)
            await asyncio.sleep(BUG_PAUSE_S)

    async def _with_lease(self, lease: Lock, delivery: _Delivery) -> None:
        """Deliver as long as the lease can be renewed."""
        delivering = asyncio.create_task(delivery.run())
        keeping = asyncio.create_task(self._keep(lease))
        try:
            await asyncio.wait({delivering, keeping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (delivering, keeping):
                if task.done():
                    task.result()
        finally:
            await _end(delivering, keeping)

    async def _keep(self, lease: Lock) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 3)
            await self.redis(lease.extend, self._lease_s, replace_ttl=True)

    @property
    def news(self) -> asyncio.Event:
        """Is set when next something comes onto the stream."""
        return self._news


@dataclass(slots=True)
class _Delivery:
    """The events of one hook, one after the other."""

    of: Deliveries
    hook_id: str
    stop: asyncio.Event
    queue: Queue | None = None
    compiled: tuple[str, Callable[[Any], bool]] | None = None

    async def run(self) -> None:
        while not self.stop.is_set():
            news = self.of.news  # from before the look: what comes meanwhile is not waited for
            try:
                pause_s = await self._turn()
            except PalmyraError as error:  # its where names a field that there is no more, say
                hook = await self.of.redis(self.of.hooks.get, self.hook_id)
                if hook:
                    await self.of.redis(self.of.hooks.switch_off, hook, str(error))
                return
            if pause_s is None:
                return
            if pause_s > 0:
                await rest(news, pause_s)

    async def _turn(self) -> float | None:
        """Deliver the next event. Returns the seconds to wait for the one after; None: the hook is off."""
        hooks, redis = self.of.hooks, self.of.redis
        hook = await redis(hooks.get, self.hook_id)
        if hook is None or hook.off:
            return None
        queue = self.queue = self.queue or Queue(hooks, hook)
        state, now_ms = await redis(hooks.state, hook.id), _now_ms()
        if state.failing and now_ms - state.failing > GIVE_UP_S * 1000:
            await redis(self._sweep, queue, hook, state, now_ms)
        if state.again > now_ms:
            await rest(self.stop, min((state.again - now_ms) / 1000, LOOK_S))
            return 0.0
        item = await redis(queue.next, now_ms)
        if item is None:
            return LOOK_S
        hook = await redis(hooks.get, self.hook_id)  # as it is after the event came: it may be changed by now
        if hook is None or hook.off:
            return None
        if not self._wants(hook, item):
            await redis(queue.done, item.entry)
            return 0.0
        sent = await send(self.of.client, hook, item.id, item.body)
        await redis(self._note, queue, hook, state, item, sent)
        return 0.0

    def _note(self, queue: Queue, hook: Hook, state: State, item: Item, sent: Sent) -> None:
        """Write down what an attempt came to."""
        hooks, now_ms = self.of.hooks, _now_ms()
        if not sent.error:
            queue.done(item.entry)
            hooks.note(hook.id, {"answered": now_ms, "failures": 0, "failing": 0, "again": 0}, delivered=1)
            return
        tried, failures = failed(item.tried, now_ms), state.failures + 1
        pause = pause_s(failures, sent.retry_after_s)
        log.warning(
            "webhook_failed", webhook=hook.id, event_id=item.id, tries=tried.count, why=sent.error,
            pause_s=round(pause, 1),
        )  # fmt: skip
        changes: dict[str, str | int] = {"failures": failures, "failing": state.failing or now_ms}
        hooks.note(
            hook.id, changes | {"again": now_ms + int(pause * 1000), "error": sent.error[:300]}, failed=1
        )
        if sent.gone:
            hooks.switch_off(hook, "the receiver answered 410 Gone")
        elif given_up(tried, item.made_ms, state.failing, now_ms):
            queue.give_up(item.entry, item.id, tried, sent.error[:300], now_ms)
        else:
            queue.again(item.entry, tried)

    def _sweep(self, queue: Queue, hook: Hook, state: State, now_ms: int) -> None:
        """Give up what has had its time, tried or not: the hook answers nothing."""
        for item in queue.overdue(state.failing, now_ms):
            if self._wants(hook, item):
                why = state.error if item.tried.count else f"not tried: {state.error}"
                queue.give_up(item.entry, item.id, item.tried, why, now_ms)
            else:
                queue.done(item.entry)

    def _wants(self, hook: Hook, item: Item) -> bool:
        if not hook.where:
            return True
        if self.compiled is None or self.compiled[0] != hook.where:
            from worker.where import compile_event_where  # with the models, which most hooks don't need

            self.compiled = (hook.where, compile_event_where(hook.where))
        try:
            event = json.loads(item.body)
        except ValueError:
            return True  # not ours to judge: the receiver sees what is on the stream
        return isinstance(event, dict) and self.compiled[1](event)


async def rest(until: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until this is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(until.wait(), seconds)


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _now_ms() -> int:
    return int(time.time() * 1000)
