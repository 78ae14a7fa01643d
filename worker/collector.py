"""Reads every metric of `worker.metrics` from Redis, when Prometheus asks.

The counters live in Redis, where every process of every machine counts: nothing is lost in a forked child,
and each web process tells the same numbers.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from redis import Redis

from jobs import counts
from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.link import OUTCOMES
from worker import memory, memory_use, metrics, oldest, rq_state, stream
from worker.feeds import history, tally
from worker.feeds.registry import Registry
from worker.feeds.state import FeedState, state
from worker.feeds.subscriptions import Subscriptions
from worker.feeds.websub import State as HubState
from worker.memory import Memory
from worker.memory_use import MemoryUse
from worker.rq_state import WorkerState
from worker.webhooks.hook import WORDS, Hook, Hooks, State, word

MOST_GROUPS = 100
"""Consumer groups that are told of: those that are furthest behind."""
MEMORY_S = 30.0
"""How long what is known of the memory holds: it is measured by drawing keys."""


class RedisCollector(Collector):
    """Reads all metrics from Redis at each scrape.

    Raises:
        redis.exceptions.RedisError: from `collect`, when Redis is away.
    """

    def __init__(self, redis: Redis, keys: Keys, ledger: Ledger, registry: Registry) -> None:
        self._redis = redis
        self._keys = keys
        self._ledger = ledger
        self._registry = registry
        self._lock = threading.Lock()
        self._readings = 0
        self._reading_s = 0.0
        self._memory: tuple[float, MemoryUse] | None = None
        """When it was measured (monotonic)."""

    def collect(self) -> Iterator[Metric]:
        """All metrics, in the order of `ALL`."""
        yield from self._rq()
        yield from ledger_metrics(self._ledger.totals(), self._ledger.in_stages())
        yield metrics.DEAD.family([((), self._redis.zcard(self._keys.dead))])
        polled = tally.read(self._redis, self._keys).get(tally.SIZE_BYTES, 0)
        yield from work_metrics(counts.read(self._redis, self._keys), polled)
        yield from self._ages()
        yield from memory_metrics(self._memory_use())
        yield from pressure_metrics(memory.read(self._redis, self._keys))
        yield from self._feeds()
        yield from self._events()
        hooks = Hooks(self._redis, self._keys)
        yield from webhook_metrics([(hook, hooks.state(hook.id)) for hook in hooks.all()])

    def _ages(self) -> Iterator[Metric]:
        now_ms = int(time.time() * 1000)
        yield metrics.OLDEST.family(oldest.by_stage(self._redis, self._keys, now_ms).items())
        yield metrics.OVERDUE.family([((), oldest.overdue_host(self._redis, self._keys, now_ms))])

    def _memory_use(self) -> MemoryUse:
        """What was measured at most `MEMORY_S` ago."""
        with self._lock:
            if self._memory is None or time.monotonic() - self._memory[0] > MEMORY_S:
                self._memory = (time.monotonic(), memory_use.measure(self._redis, self._keys))
            return self._memory[1]

    def _events(self) -> Iterator[Metric]:
        yield metrics.STREAM.family([((), self._redis.xlen(self._keys.stream))])
        yield metrics.STREAM_BYTES.family([((), stream.size_bytes(self._redis, self._keys))])
        now_ms = int(time.time() * 1000)
        groups = stream.groups(self._redis, self._keys)[:MOST_GROUPS]
        yield metrics.GROUP_LAG.family(((group.name,), group.events) for group in groups)
        yield metrics.GROUP_SECONDS.family(((group.name,), group.behind_s(now_ms)) for group in groups)
        yield metrics.GROUP_PENDING.family(((group.name,), group.pending) for group in groups)

    def _feeds(self) -> Iterator[Metric]:
        now_ms = int(time.time() * 1000)
        ids, states = [], Counter[str]()
        for feed in self._registry.all():
            ids.append(feed.id)
            states[state(feed, now_ms)] += 1
        yield metrics.FEEDS.family(((word,), states[word]) for word in FeedState)
        yield from poll_metrics(tally.read(self._redis, self._keys))
        known = Subscriptions(self._redis, self._keys).of(ids)
        stand = Counter(one.state(now_ms) for one in known)
        yield metrics.SUBSCRIPTIONS.family(((one,), stand[one]) for one in HubState)

    def _rq(self) -> Iterator[Metric]:
        began_s = time.perf_counter()
        found = rq_state.counts(self._redis, rq_state.queue_names(self._redis, self._keys))
        workers = rq_state.workers(self._redis)
        with self._lock:
            self._readings += 1
            self._reading_s += time.perf_counter() - began_s
        yield from rq_metrics(found, workers)
        yield metrics.RQ_READING.summary(self._readings, self._reading_s)


def rq_metrics(jobs: Mapping[str, Mapping[str, int]], workers: Sequence[WorkerState]) -> Iterator[Metric]:
    """RQ's metrics from `rq_state.counts` and `rq_state.workers`."""
    yield metrics.RQ_JOBS.family(
        ((queue, status), n) for queue, by_status in jobs.items() for status, n in by_status.items()
    )
    named = [(worker, (worker.name, ",".join(worker.queues))) for worker in workers]
    yield metrics.RQ_WORKERS.family(((w.name, w.state, ",".join(w.queues)), 1) for w in workers)
    yield metrics.RQ_SUCCESS.family((labels, worker.succeeded) for worker, labels in named)
    yield metrics.RQ_FAILED.family((labels, worker.failed) for worker, labels in named)
    yield metrics.RQ_WORKING.family((labels, worker.working_s) for worker, labels in named)


def work_metrics(counted: Mapping[str, int], feed_bytes: int) -> Iterator[Metric]:
    """How attempts ended and how long things took, from `counts.read`."""
    yield metrics.ATTEMPTS.family(_sorted(counts.under(counted, counts.DID)))
    yield metrics.RETRIES.family(_sorted(counts.under(counted, counts.RETRY)))
    for spec, names in ((metrics.LATENCY, counts.LATENCIES), (metrics.DURATION, counts.DURATIONS)):
        yield spec.histogram(((name,), counts.buckets(counted, name)) for name in names)
    yield metrics.THROTTLES.family(
        ((why,), counted.get(f"{counts.THROTTLE} {why}", 0)) for why in counts.THROTTLES
    )
    yield metrics.COPIES.family([((), counted.get(counts.COPIES, 0))])
    yield metrics.STORY_ARTICLES.family(
        ((how,), counted.get(f"{counts.STORY} {how}", 0)) for how in counts.WITH_STORY
    )
    page_bytes = counted.get(f"{counts.BYTES} pages", 0)
    yield metrics.BYTES.family([(("pages",), page_bytes), (("feeds",), feed_bytes)])


def memory_metrics(use: MemoryUse) -> Iterator[Metric]:
    """What takes the room in Redis."""
    yield metrics.REDIS_MEMORY.family(((purpose,), n) for purpose, n in use.by_purpose.items())
    yield metrics.REDIS_USED.family([((), use.used)])
    yield metrics.REDIS_LIMIT.family([((), use.limit)])
    yield metrics.PAGES.family([((), use.pages)])


def pressure_metrics(now: Memory) -> Iterator[Metric]:
    """What is done because Redis is filling up."""
    yield metrics.POLLING_PAUSED.family([((), int(now.polling_stopped))])
    yield metrics.PAGES_DROPPED.family([((), now.dropped)])


def ledger_metrics(totals: Mapping[str, int], in_stages: Mapping[str, int]) -> Iterator[Metric]:
    """The ledger's metrics from `Ledger.totals` and `Ledger.in_stages`."""
    yield metrics.DISCOVERED.family([((), totals["discovered"])])
    yield metrics.LINKS.family(((outcome,), totals[outcome]) for outcome in OUTCOMES)
    published = totals.get("rechecks_published", 0)
    others = totals.get("rechecks", 0) - published
    yield metrics.RECHECKS.family([(("published",), published), (("other",), others)])
    for outcome, spec in (("failed", metrics.FAILED), ("skipped", metrics.SKIPPED)):
        yield spec.family(_by_reason(totals, outcome))
    yield metrics.IN_FLIGHT.family([((), totals["in_flight"])])
    yield metrics.WAITING.family((_stage_state(name), n) for name, n in in_stages.items())
    yield metrics.IMBALANCE.family([((), imbalance(totals))])


def poll_metrics(polls: Mapping[str, int]) -> Iterator[Metric]:
    """The metrics of polls from `tally.read`."""
    came = {name.removeprefix(tally.CAME): n for name, n in polls.items() if name.startswith(tally.CAME)}
    yield metrics.POLLS.family(((word,), n) for word, n in came.items())
    buckets: list[tuple[str, float]] = []
    total = 0
    for most_ms in (*tally.BUCKETS_MS, None):
        total += polls.get(f"{tally.WITHIN}{most_ms or 'inf'}", 0)
        buckets.append((f"{most_ms / 1000:g}" if most_ms else "+Inf", total))
    took_s = polls.get(tally.TOOK_MS, 0) / 1000
    yield metrics.POLL_SECONDS.histogram([((), (buckets, took_s))])
    yield metrics.GAPS.family([((), came.get(history.GAP, 0))])


def webhook_metrics(hooks: Sequence[tuple[Hook, State]]) -> Iterator[Metric]:
    """The metrics of the webhooks."""
    stand = Counter(word(hook, state) for hook, state in hooks)
    yield metrics.WEBHOOKS.family(((one,), stand[one]) for one in WORDS)
    yield metrics.WEBHOOK_DELIVERED.family(((hook.id,), state.delivered) for hook, state in hooks)
    yield metrics.WEBHOOK_FAILED.family(((hook.id,), state.failed) for hook, state in hooks)
    yield metrics.WEBHOOK_DEAD.family(((hook.id,), state.dead) for hook, state in hooks)


def imbalance(totals: Mapping[str, int]) -> int:
    """Links that the ledger's numbers can't account for: 0 when it balances."""
    return totals["discovered"] - sum(totals[outcome] for outcome in OUTCOMES) - totals["in_flight"]


def _sorted(found: Mapping[tuple[str, ...], int]) -> list[tuple[tuple[str, ...], float]]:
    return [(labels, float(n)) for labels, n in sorted(found.items())]


def _by_reason(totals: Mapping[str, int], outcome: str) -> list[tuple[tuple[str], float]]:
    prefix = f"{outcome}:"
    return [((name.removeprefix(prefix),), n) for name, n in totals.items() if name.startswith(prefix)]


def _stage_state(name: str) -> tuple[str, str]:
    """``fetch_ready`` → stage and state; ``later`` is a state of any stage."""
    stage, _, state = name.rpartition("_")
    return (stage or "any", state)
