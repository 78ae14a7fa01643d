"""The benchmarks' tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Row = tuple[str, str, str, str, str]
COLUMNS = ("median", "trafilatura loop", "extract loop", "palmyra", "palmyra / trafilatura")


def pipeline_rows(result: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of the table of `palmyra bench pipeline`, under `COLUMNS`."""
    medians, ratio = result["medians"], result["ratios"]["trafilatura"]
    loop, extract, whole = medians["trafilatura"], medians["extract"], medians["palmyra"]
    for name, label in (
        ("wall_s", "wall time, s"),
        ("articles_per_s", "articles/s"),
        ("cpu_ms", "CPU an article, ms"),
    ):
        yield (label, _number(loop[name]), _number(extract[name]), _number(whole[name]), f"{ratio[name]:.2f}")
    texts = [f"{run['published']:.0f}" for run in (loop, extract, whole)]
    yield ("with text, or published", texts[0], texts[1], texts[2], "")
    for kind, used_ms in whole["cpu_ms_by_kind"].items():
        yield (f"  CPU, {kind}", "", "", _number(used_ms), "")
    yield ("page server's CPU, ms", "", "", _number(whole["page_server_cpu_ms"]), "")
    yield ("cores used, page server too", "", "", f"{whole['cores_used']:.0%}", "")
    yield ("cores used by others", "", "", f"{whole['cores_others']:.0%}", "")
    yield from _memory(whole)
    yield ("Redis commands an article", "", "", _number(whole["redis_commands"]), "")
    yield ("Redis round trips an article", "", "", _number(whole["redis_round_trips"]), "")
    for name, label in _BYTES:
        yield (f"Redis bytes a link: {label}", "", "", f"{whole['redis_bytes'][name]:,.0f}", "")


_BYTES = (
    ("used_memory", "used_memory right after"),
    ("page", "page"),
    ("event", "event"),
    ("rq", "RQ's jobs, for a minute"),
    ("remembered", "what is remembered"),
)


def _memory(whole: Mapping[str, Any]) -> Iterator[Row]:
    for kind, pss in whole["pss_mib"].items():
        shown = f"{whole['rss_mib'][kind]:.0f} / {pss:.0f}"
        yield (f"  RSS / PSS, {kind} ({whole['processes'][kind]:.0f}), MiB", "", "", shown, "")
    total = f"{sum(whole['rss_mib'].values()):.0f} / {sum(whole['pss_mib'].values()):.0f}"
    yield ("RSS / PSS in all, MiB", "", "", total, "")


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


LATENCY_COLUMNS = ("milliseconds", "p50", "p99")
_STEPS = (
    ("total_ms", "link in the feed's response to event at the reader"),
    ("own_ms", "the same without the page's fetch and extraction"),
    ("fetch_ms", "the page's fetch"),
    ("extract_ms", "the page's extraction"),
    ("to_seen_ms", "  response to discovery (poll, parse)"),
    ("to_fetched_ms", "  to the page's arrival (dispatch, fetch)"),
    ("to_emitted_ms", "  to the event (store, dispatch, extraction)"),
    ("to_reader_ms", "  to the reader (commit)"),
)


def latency_rows(result: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The rows of the table of `palmyra bench latency`, under `LATENCY_COLUMNS`."""
    for step, label in _STEPS:
        yield (label, f"{result['p50'][step]:.0f}", f"{result['p99'][step]:.0f}")
