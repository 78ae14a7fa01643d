"""Every metric, declared once with its help text, and the collector that reads them from Redis.

The counters live in Redis, where every process of every machine counts: nothing is lost in a forked child,
and each web process tells the same numbers. They are read when Prometheus asks.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from redis import Redis

from jobs.keys import Keys
from jobs.ledger import Ledger
from jobs.link import OUTCOMES
from worker import rq_state, stream
from worker.feeds import history, tally
from worker.feeds.registry import Registry
from worker.feeds.state import FeedState, state
from worker.feeds.subscriptions import Subscriptions
from worker.feeds.websub import State as HubState
from worker.webhooks.hook import WORDS, Hook, Hooks, State, word

MOST_GROUPS = 100
"""Consumer groups that are told of: those that are furthest behind."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A metric's declaration."""

    name: str
    """As exposed, ``_total`` included."""
    help: str
    labels: tuple[str, ...] = ()

    def family(self, samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
        """The metric with these samples (label values, value)."""
        kind = CounterMetricFamily if self.name.endswith("_total") else GaugeMetricFamily
        family = kind(self.name, self.help, labels=self.labels)
        for labels, value in samples:
            family.add_metric(labels, value)
        return family


# RQ's, under rq-exporter's names and labels, so that public Grafana boards for it work.
RQ_JOBS = Spec("rq_jobs", "RQ jobs by queue and status.", ("queue", "status"))
RQ_WORKERS = Spec("rq_workers", "RQ workers: 1 for each.", ("name", "state", "queues"))
RQ_SUCCESS = Spec("rq_workers_success_total", "Jobs that a worker ended well.", ("name", "queues"))
RQ_FAILED = Spec("rq_workers_failed_total", "Jobs that raised in a worker: bugs.", ("name", "queues"))
RQ_WORKING = Spec("rq_workers_working_time_total", "Seconds a worker spent on jobs.", ("name", "queues"))

DISCOVERED = Spec(
    "palmyra_discovered_total", "Openings of links: sightings, changed entries, re-checks, requeues."
)
LINKS = Spec("palmyra_links_total", "Openings of links that ended, by outcome.", ("outcome",))
FAILED = Spec("palmyra_failed_total", "Links that ended as failed, by reason word.", ("reason",))
SKIPPED = Spec("palmyra_skipped_total", "Links that ended as skipped, by reason word.", ("reason",))
IN_FLIGHT = Spec("palmyra_links_in_flight", "Open links.")
WAITING = Spec(
    "palmyra_links_waiting",
    "Open links by stage and state: ready (their turn comes), leased (handed to RQ, or running), later "
    "(waiting for a time; in any stage).",
    ("stage", "state"),
)
IMBALANCE = Spec(
    "palmyra_ledger_imbalance",
    "Discovered less outcomes less in flight. Anything but 0 means that a link was lost or counted twice.",
)
DEAD = Spec("palmyra_dead_links", "Links in the dead letter, waiting for a requeue.")
FEEDS = Spec(
    "palmyra_feeds",
    "Feeds by the gravest state they are in: gone, failing, stale, silent, moving, new, ok, paused.",
    ("state",),
)
POLLS = Spec(
    "palmyra_polls_total",
    "Polls by what they came to: new or gap (the document was read), not_modified, same_body, own_network, "
    "or the reason word of a failure.",
    ("came",),
)
POLL_SECONDS = Spec(
    "palmyra_poll_seconds", "How long polls took, from the request to the end of the answer or failure."
)
GAPS = Spec(
    "palmyra_feed_gaps_total",
    "Polls with nothing of the one before: links were probably missed.",
)
SUBSCRIPTIONS = Spec(
    "palmyra_subscriptions", "Subscriptions at hubs (WebSub), by how they stand.", ("state",)
)
STREAM = Spec("palmyra_stream_length", "Events on the stream.")
STREAM_BYTES = Spec("palmyra_stream_bytes", "About how much memory the stream takes.")
GROUP_LAG = Spec(
    "palmyra_group_lag_events",
    "Events that a consumer group was not given yet; counted up to 1,000 where Redis does not count them "
    "(before Redis 7, or after a withdrawal).",
    ("group",),
)
GROUP_SECONDS = Spec(
    "palmyra_group_lag_seconds",
    "Age of the oldest event that a consumer group was not given yet or has not acknowledged.",
    ("group",),
)
GROUP_PENDING = Spec(
    "palmyra_group_pending_events",
    "Events that a consumer group was given and has not acknowledged.",
    ("group",),
)
WEBHOOKS = Spec("palmyra_webhooks", "Webhooks by how they stand: new, ok, failing, off.", ("state",))
WEBHOOK_DELIVERED = Spec("palmyra_webhook_delivered_total", "Events that a webhook took.", ("webhook",))
WEBHOOK_FAILED = Spec(
    "palmyra_webhook_failed_total", "Attempts to deliver to a webhook that failed.", ("webhook",)
)
WEBHOOK_DEAD = Spec(
    "palmyra_webhook_dead_total", "Events that a webhook did not take for a day, and that were given up.",
    ("webhook",),
)  # fmt: skip

RQ = (RQ_JOBS, RQ_WORKERS, RQ_SUCCESS, RQ_FAILED, RQ_WORKING)
LEDGER = (DISCOVERED, LINKS, FAILED, SKIPPED, IN_FLIGHT, WAITING, IMBALANCE)
FEED = (FEEDS, POLLS, POLL_SECONDS, GAPS, SUBSCRIPTIONS)
EVENTS = (STREAM, STREAM_BYTES, GROUP_LAG, GROUP_SECONDS, GROUP_PENDING)
HOOKS = (WEBHOOKS, WEBHOOK_DELIVERED, WEBHOOK_FAILED, WEBHOOK_DEAD)
ALL = (*RQ, *LEDGER, DEAD, *FEED, *EVENTS, *HOOKS)


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

    def collect(self) -> Iterator[Metric]:
        """All metrics, in the order of `ALL`."""
        yield from self._rq()
        yield from ledger_metrics(self._ledger.totals(), self._ledger.in_stages())
        yield DEAD.family([((), self._redis.zcard(self._keys.dead))])
        yield from self._feeds()
        yield from self._events()
        hooks = Hooks(self._redis, self._keys)
        yield from webhook_metrics([(hook, hooks.state(hook.id)) for hook in hooks.all()])

    def _events(self) -> Iterator[Metric]:
        yield STREAM.family([((), self._redis.xlen(self._keys.stream))])
        yield STREAM_BYTES.family([((), stream.size_bytes(self._redis, self._keys))])
        now_ms = int(time.time() * 1000)
        groups = stream.groups(self._redis, self._keys)[:MOST_GROUPS]
        yield GROUP_LAG.family(((group.name,), group.events) for group in groups)
        yield GROUP_SECONDS.family(((group.name,), group.behind_s(now_ms)) for group in groups)
        yield GROUP_PENDING.family(((group.name,), group.pending) for group in groups)

    def _feeds(self) -> Iterator[Metric]:
        now_ms = int(time.time() * 1000)
        ids, states = [], Counter[str]()
        for feed in self._registry.all():
            ids.append(feed.id)
            states[state(feed, now_ms)] += 1
        yield FEEDS.family(((word,), states[word]) for word in FeedState)
        yield from poll_metrics(tally.read(self._redis, self._keys))
        known = Subscriptions(self._redis, self._keys).of(ids)
        stand = Counter(one.state(now_ms) for one in known)
        yield SUBSCRIPTIONS.family(((one,), stand[one]) for one in HubState)

    def _rq(self) -> Iterator[Metric]:
        counts = rq_state.counts(self._redis, rq_state.queue_names(self._redis, self._keys))
        yield RQ_JOBS.family(
            ((queue, status), n) for queue, by_status in counts.items() for status, n in by_status.items()
        )
        workers = rq_state.workers(self._redis)
        named = [(worker, (worker.name, ",".join(worker.queues))) for worker in workers]
        yield RQ_WORKERS.family(((w.name, w.state, ",".join(w.queues)), 1) for w in workers)
        yield RQ_SUCCESS.family((labels, worker.succeeded) for worker, labels in named)
        yield RQ_FAILED.family((labels, worker.failed) for worker, labels in named)
        yield RQ_WORKING.family((labels, worker.working_s) for worker, labels in named)


def ledger_metrics(totals: Mapping[str, int], in_stages: Mapping[str, int]) -> Iterator[Metric]:
    """The ledger's metrics from `Ledger.totals` and `Ledger.in_stages`."""
    yield DISCOVERED.family([((), totals["discovered"])])
    yield LINKS.family(((outcome,), totals[outcome]) for outcome in OUTCOMES)
    for outcome, spec in (("failed", FAILED), ("skipped", SKIPPED)):
        yield spec.family(_by_reason(totals, outcome))
    yield IN_FLIGHT.family([((), totals["in_flight"])])
    yield WAITING.family((_stage_state(name), n) for name, n in in_stages.items())
    yield IMBALANCE.family([((), imbalance(totals))])


def poll_metrics(counts: Mapping[str, int]) -> Iterator[Metric]:
    """The metrics of polls from `tally.read`."""
    came = {name.removeprefix(tally.CAME): n for name, n in counts.items() if name.startswith(tally.CAME)}
    yield POLLS.family(((word,), n) for word, n in came.items())
    buckets, total = [], 0
    for most_ms in (*tally.BUCKETS_MS, None):
        total += counts.get(f"{tally.WITHIN}{most_ms or 'inf'}", 0)
        buckets.append((f"{most_ms / 1000:g}" if most_ms else "+Inf", total))
    family = HistogramMetricFamily(POLL_SECONDS.name, POLL_SECONDS.help)
    family.add_metric((), buckets, counts.get(tally.TOOK_MS, 0) / 1000)
    yield family
    yield GAPS.family([((), came.get(history.GAP, 0))])


def webhook_metrics(hooks: Sequence[tuple[Hook, State]]) -> Iterator[Metric]:
    """The metrics of the webhooks."""
    stand = Counter(word(hook, state) for hook, state in hooks)
    yield WEBHOOKS.family(((one,), stand[one]) for one in WORDS)
    yield WEBHOOK_DELIVERED.family(((hook.id,), state.delivered) for hook, state in hooks)
    yield WEBHOOK_FAILED.family(((hook.id,), state.failed) for hook, state in hooks)
    yield WEBHOOK_DEAD.family(((hook.id,), state.dead) for hook, state in hooks)


def imbalance(totals: Mapping[str, int]) -> int:
    """Links that the ledger's numbers can't account for: 0 when it balances."""
    return totals["discovered"] - sum(totals[outcome] for outcome in OUTCOMES) - totals["in_flight"]


def _by_reason(totals: Mapping[str, int], outcome: str) -> list[tuple[tuple[str], float]]:
    prefix = f"{outcome}:"
    return [((name.removeprefix(prefix),), n) for name, n in totals.items() if name.startswith(prefix)]


def _stage_state(name: str) -> tuple[str, str]:
    """``fetch_ready`` → stage and state; ``later`` is a state of any stage."""
    stage, _, state = name.rpartition("_")
    return (stage or "any", state)
