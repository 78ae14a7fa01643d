"""What is counted for the metrics beside the ledger's totals: how attempts ended, how long things took.

Counters of a pooled or forked child would be lost with it, so they are fields of one hash in Redis
(`Keys.counts`). The script that writes an outcome adds them to it: no round trip of their own, and a script
that comes too late, or twice, counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from redis import Redis

from jobs.keys import Keys

if TYPE_CHECKING:
    from jobs.article import Article

LATENCIES = ("published_seen", "seen_fetched", "fetched_emitted", "seen_emitted")
"""Where the time went, of what is published for the first time."""
DURATIONS = ("fetch", "extract")
LATENCY_MS = (100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000)
"""Upper bounds of the latencies that are told apart; what took longer is in the total only."""
DURATION_MS = (10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)
WITH_STORY = ("began", "joined")
THROTTLES = ("pause", "held", "crawl_delay")
# Fields of the hash: `<prefix> <words>`; jobs/lua writes `did` and `throttle`.
DID, RETRY, THROTTLE, BYTES, COPIES, STORY = "did", "retry", "throttle", "bytes", "copies", "story"
SUM, BEYOND = "sum", "inf"


def observed(name: str, ms: float) -> dict[str, int]:
    """What a time adds to the hash: one to its bucket, and itself to the sum. Pure."""
    whole = max(0, round(ms))
    bounds = DURATION_MS if name in DURATIONS else LATENCY_MS
    bucket = next((str(most) for most in bounds if whole <= most), BEYOND)
    return {f"{name} {bucket}": 1, f"{name} {SUM}": whole}


def of_page(wire_bytes: int, took_ms: int) -> dict[str, int]:
    """What a downloaded page adds. Pure."""
    return {**observed("fetch", took_ms), f"{BYTES} pages": wire_bytes}


def of_article(article: Article) -> dict[str, int]:
    """What a published article adds: its times only where it is new, since an update was not late. Pure."""
    added = observed("extract", article.timings.extract_ms or 0)
    if article.revision != 1:
        return added
    for name, ms in _latencies(article):
        added |= observed(name, ms)
    if article.duplicate:
        added[COPIES] = 1
    if article.story:
        began, joined = WITH_STORY
        added[f"{STORY} {began if article.story.size <= 1 else joined}"] = 1
    return added


def _latencies(article: Article) -> Iterator[tuple[str, float]]:
    times = article.timings
    seen, fetched, emitted = (datetime.fromisoformat(t) for t in (times.seen, times.fetched, times.emitted))
    published = times.published or ""
    if "T" in published:  # a day without a time says nothing of minutes
        at = datetime.fromisoformat(published)
        if at.tzinfo:
            yield "published_seen", (seen - at).total_seconds() * 1000
    yield "seen_fetched", (fetched - seen).total_seconds() * 1000
    yield "fetched_emitted", (emitted - fetched).total_seconds() * 1000
    yield "seen_emitted", (emitted - seen).total_seconds() * 1000


def read(redis: Redis, keys: Keys) -> dict[str, int]:
    """All counts since the beginning, by field."""
    raw: Any = redis.hgetall(keys.counts)
    return {field.decode(): int(count) for field, count in raw.items()}


def under(counts: Mapping[str, int], prefix: str) -> dict[tuple[str, ...], int]:
    """The counts whose field begins with a prefix, by the words after it. Pure."""
    return {tuple(field.split(" ")[1:]): n for field, n in counts.items() if field.split(" ")[0] == prefix}


def buckets(counts: Mapping[str, int], name: str) -> tuple[list[tuple[str, float]], float]:
    """A time's cumulative buckets by upper bound in seconds, as Prometheus has them, and its sum. Pure."""
    bounds = DURATION_MS if name in DURATIONS else LATENCY_MS
    found, total = [], 0
    for most_ms in bounds:
        total += counts.get(f"{name} {most_ms}", 0)
        found.append((f"{most_ms / 1000:g}", float(total)))
    total += counts.get(f"{name} {BEYOND}", 0)
    return [*found, ("+Inf", float(total))], counts.get(f"{name} {SUM}", 0) / 1000
