"""Every metric, declared once with its help text. `worker.collector` reads them from Redis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)


class Kind(StrEnum):
    """What a metric is, in Prometheus's words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Spec:
    """A metric's declaration."""

    name: str
    """As exposed, ``_total`` included."""
    help: str
    labels: tuple[str, ...] = ()
    times: Kind | None = None
    """Set for histograms and summaries."""

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.times or (Kind.COUNTER if self.name.endswith("_total") else Kind.GAUGE)

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which Prometheus stores it."""
        more = {Kind.HISTOGRAM: ("_bucket", "_count", "_sum"), Kind.SUMMARY: ("_count", "_sum")}
        return tuple(self.name + suffix for suffix in more.get(self.kind, ("",)))

    def family(self, samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
        """The metric with these samples (label values, value)."""
        kind = CounterMetricFamily if self.kind is Kind.COUNTER else GaugeMetricFamily
        family = kind(self.name, self.help, labels=self.labels)
        for labels, value in samples:
            family.add_metric(labels, value)
        return family

    def histogram(self, samples: Iterable[tuple[tuple[str, ...], Buckets]]) -> Metric:
        """The metric with these samples (label values; cumulative buckets by upper bound, and the sum)."""
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for labels, (by_bound, total) in samples:
            family.add_metric(labels, by_bound, total)
        return family

    def summary(self, count: int, total: float) -> Metric:
        """The metric: how often, and how much together."""
        return SummaryMetricFamily(self.name, self.help, count_value=count, sum_value=total)


Buckets = tuple[list[tuple[str, float]], float]

# RQ's, under rq-exporter's names and labels, so that public Grafana boards for it work.
RQ_JOBS = Spec("rq_jobs", "RQ jobs by queue and status.", ("queue", "status"))
RQ_WORKERS = Spec("rq_workers", "RQ workers: 1 for each.", ("name", "state", "queues"))
RQ_SUCCESS = Spec("rq_workers_success_total", "Jobs that a worker ended well.", ("name", "queues"))
RQ_FAILED = Spec("rq_workers_failed_total", "Jobs that raised in a worker: bugs.", ("name", "queues"))
RQ_WORKING = Spec("rq_workers_working_time_total", "Seconds a worker spent on jobs.", ("name", "queues"))
RQ_READING = Spec(
    "rq_request_processing_seconds", "Seconds that reading RQ's numbers took.", (), Kind.SUMMARY
)

DISCOVERED = Spec(
    "palmyra_discovered_total", "Openings of links: sightings, changed entries, re-checks, requeues."
)
RECHECKS = Spec(
    "palmyra_rechecks_total",
    "Re-checks of published articles that ended: published (an update or withdrawal) or other; "
    "they are among palmyra_links_total.",
    ("outcome",),
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
ATTEMPTS = Spec(
    "palmyra_attempts_total",
    "Attempts (RQ jobs) by stage and how they ended: an outcome of the link, or stored, later (tried again), "
    "moved (goes on at another address), released (handed back), killed, died, lost (its lease ran out).",
    ("stage", "outcome"),
)
RETRIES = Spec("palmyra_retries_total", "Attempts that are made again later, by reason word.", ("reason",))
OLDEST = Spec(
    "palmyra_oldest_waiting_seconds",
    "Age of the oldest link that is ready for a stage, in the ledger (since it was opened) or in RQ's queue "
    "(since it was put there). Links that wait out a back-off are not looked at.",
    ("stage", "place"),
)
OVERDUE = Spec(
    "palmyra_host_overdue_seconds",
    "How long some host has been free while pages of it are ready: workers or dispatcher are behind.",
)
LATENCY = Spec(
    "palmyra_latency_seconds",
    "Times of what was published for the first time, by span: published_seen (where the publisher tells a "
    "time), seen_fetched, fetched_emitted, seen_emitted.",
    ("span",),
    Kind.HISTOGRAM,
)
DURATION = Spec(
    "palmyra_duration_seconds",
    "How long work took: fetch, of a page that was stored; extract, of an article that was published.",
    ("work",),
    Kind.HISTOGRAM,
)
BYTES = Spec(
    "palmyra_downloaded_bytes_total",
    "Bytes of pages that were stored and of feeds' answers, as sent (compressed).",
    ("what",),
)
THROTTLES = Spec(
    "palmyra_host_throttles_total",
    "When a host made us wait: pause (status 429 or a Retry-After), held (a request that was about to go out "
    "and had to wait), crawl_delay (a request after which its robots.txt asks for more than our own delay).",
    ("why",),
)
COPIES = Spec("palmyra_copies_total", "New articles that repeat an earlier one.")
STORY_ARTICLES = Spec(
    "palmyra_story_articles_total",
    "New articles by what they did with stories: began or joined.",
    ("how",),
)
REDIS_MEMORY = Spec(
    "palmyra_redis_memory_bytes", "About how much of Redis's memory each purpose takes.", ("purpose",)
)
REDIS_USED = Spec("palmyra_redis_used_bytes", "Memory that Redis uses, by its own account.")
REDIS_LIMIT = Spec("palmyra_redis_limit_bytes", "Redis's maxmemory; 0 where there is none.")
POLLING_PAUSED = Spec(
    "palmyra_polling_paused",
    "1 while nothing is polled since Redis is nearly full (from 90 % of its maxmemory on), else 0.",
)
PAGES_DROPPED = Spec(
    "palmyra_pages_dropped_total", "Kept pages that went before their time, since Redis was filling up."
)
PAGES = Spec("palmyra_pages_kept", "About how many fetched pages are kept.")
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
    "palmyra_poll_seconds",
    "How long polls took, from the request to the end of the answer or failure.",
    (),
    Kind.HISTOGRAM,
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

RQ = (RQ_JOBS, RQ_WORKERS, RQ_SUCCESS, RQ_FAILED, RQ_WORKING, RQ_READING)
LEDGER = (DISCOVERED, LINKS, RECHECKS, FAILED, SKIPPED, IN_FLIGHT, WAITING, IMBALANCE)
WORK = (ATTEMPTS, RETRIES, LATENCY, DURATION, THROTTLES, COPIES, STORY_ARTICLES, BYTES, OLDEST, OVERDUE)
MEMORY = (REDIS_MEMORY, REDIS_USED, REDIS_LIMIT, PAGES, POLLING_PAUSED, PAGES_DROPPED)
FEED = (FEEDS, POLLS, POLL_SECONDS, GAPS, SUBSCRIPTIONS)
EVENTS = (STREAM, STREAM_BYTES, GROUP_LAG, GROUP_SECONDS, GROUP_PENDING)
HOOKS = (WEBHOOKS, WEBHOOK_DELIVERED, WEBHOOK_FAILED, WEBHOOK_DEAD)
ALL = (*RQ, *LEDGER, DEAD, *WORK, *MEMORY, *FEED, *EVENTS, *HOOKS)
