"""The tables of `palmyra bench poll`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from worker.bench.poll_server import CHANGED, NOT_MODIFIED, SAME_BODY

COLUMNS = (
    "feeds", "each poll brings", "polls/s per core", "CPU a poll, ms", "parser's CPU, ms", "polls/s", "cores",
    "Redis commands", "round trips",
)  # fmt: skip
_FIGURES = (
    "polls_per_core", "cpu_ms", "parser_cpu_ms", "polls_per_s", "poller_cores_used", "redis_commands",
    "redis_round_trips",
)  # fmt: skip
LABELS = {
    NOT_MODIFIED: "304",
    SAME_BODY: "200, the same body",
    CHANGED: "200, one new entry",
}
SIZE_COLUMNS = (
    "feeds", "Redis bytes a feed", "a remembered link", "poller's RSS, MiB", "PSS", "parser's RSS", "PSS ",
)  # fmt: skip


def rows(result: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """What polls cost, under `COLUMNS`."""
    for run in result["runs"]:
        feeds = f"{run['feeds']:,}"
        for mode, label in LABELS.items():
            yield (feeds, label, *(_number(run["kinds"][mode][name]) for name in _FIGURES))
        alone = run["client_alone"]
        told = (_number(alone[name]) if name in alone else "" for name in _FIGURES)
        yield (feeds, "yardstick: 304, the HTTP client alone", *told)


def size_rows(result: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """What feeds take, under `SIZE_COLUMNS`."""
    for run in result["runs"]:
        sizes = run["redis_bytes"]
        shown = [f"{run['feeds']:,}", f"{sizes['feed']:,.0f}", f"{sizes['remembered_link']:,.0f}"]
        for name in ("poller", "parser"):
            shown += [f"{run[kind][name]:.0f}" for kind in ("rss_mib", "pss_mib")]
        yield tuple(shown)


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
