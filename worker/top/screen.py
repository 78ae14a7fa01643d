"""A look as it stands on the terminal. Pure; third-party text is neither markup nor control characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jobs.keys import STAGES
from jobs.link import OUTCOMES
from worker.commands.table import span
from worker.feeds.state import FeedState
from worker.memory import DROP_AT, STOP_AT, Memory
from worker.printable import printable
from worker.top.sample import TIMES, Sample, Worker

WIDE = 120
"""From so many columns on there are two of boxes."""
BAR = 20
MOST_WORKERS = 8
MOST_GROUPS = 5
Row = Sequence[object]


def screen(sample: Sample | None, width: int, away: str | None = None) -> RenderableType:
    """Everything, for a terminal of that many columns.

    Args:
        sample: the last look; None before the first.
        width: columns.
        away: why Redis can't be asked just now; what is shown then is old.
    """
    parts: list[RenderableType] = []
    if away:
        parts += [Text(printable(away), "bold white on red"), Text()]
    if sample is None:
        return Group(*parts, Text("waiting for Redis …"))
    parts.append(_title(sample))
    left: list[RenderableType] = [_way(sample), _outcomes(sample), _latencies(sample), _memory(sample)]
    right: list[RenderableType] = [
        _workers(sample, width if width < WIDE else width // 2),
        _feeds(sample),
        _hosts(sample),
        _groups(sample),
    ]
    if width < WIDE:
        return Group(*parts, *_spaced([left[0], left[1], right[0], *left[2:], *right[1:]]))
    grid = Table.grid(expand=True, padding=(0, 2))
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(Group(*_spaced(left)), Group(*_spaced(right)))
    return Group(*parts, grid)


def _spaced(boxes: Iterable[RenderableType]) -> list[RenderableType]:
    return [part for box in boxes for part in (Text(), box)]


def _title(sample: Sample) -> Text:
    at = datetime.fromtimestamp(sample.at_ms / 1000, UTC).strftime("%H:%M:%S")
    text = Text.assemble(("palmyra top", "bold"), f"  {at} UTC  Redis {printable(sample.slow.version)}")
    if sample.memory.polling_stopped:
        text.append("  POLLING IS STOPPED: Redis is nearly full", "bold red")
    return text


def _box(columns: Sequence[str], rows: Iterable[Row], *, cut: str | None = None) -> Table:
    """A table whose first column is at the left and the others at the right, but one that is cut."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for at, column in enumerate(columns):
        loose = column == cut
        table.add_column(
            column,
            justify="left" if at == 0 or loose else "right",
            overflow="ellipsis",
            no_wrap=True,
            min_width=8 if loose else None,
        )
    for row in rows:
        table.add_row(*(value if isinstance(value, Text) else Text(printable(str(value))) for value in row))
    return table


def _way(sample: Sample) -> Table:
    rows = [
        (stage, f"{s.waiting:,}", f"{s.leased:,}", f"{s.running:,}")
        for stage in STAGES
        for s in [sample.stages[stage]]
    ]
    rows.append(("later", f"{sample.later:,}", "", ""))
    return _box(("links", "waiting", "leased", "running"), rows)


def _outcomes(sample: Sample) -> Table:
    rates = sample.per_minute
    rows = []
    for name in ("discovered", *OUTCOMES):
        rate = f"{rates[name]:,.0f}" if rates else "-"
        rows.append((name, rate, f"{getattr(sample.today, name):,}", f"{sample.totals[name]:,}"))
    return _box(("outcome", "a minute", "today", "in all"), rows)


def _latencies(sample: Sample) -> Table:
    rows: list[Row] = []
    for name, *_ in TIMES:
        one = sample.latencies.get(name)
        rows.append((name, *((seconds(one.p50_s), seconds(one.p95_s), one.count) if one else ("-", "-", 0))))
    return _box(("latency", "p50", "p95", "of"), rows)


def _memory(sample: Sample) -> Group:
    memory = sample.memory
    rows = [(what, f"≈ {size(n)}") for what, n in sample.slow.memory.items() if n]
    line = Text.assemble(("memory  ", "bold"), size(memory.used_bytes))
    if memory.limit_bytes:
        line.append(f" of {size(memory.limit_bytes)}, {memory.share:.0%}  ")
        line.append_text(bar(memory))
    else:
        line.append(" (no maxmemory)")
    gone = (
        [Text(f"{memory.dropped:,} kept pages went early, {size(memory.dropped_bytes)}")]
        if memory.dropped
        else []
    )
    return Group(line, *gone, *([_box(("for", "bytes"), rows)] if rows else []))


def bar(memory: Memory) -> Text:
    """How full it is, with the marks at which pages go and polling stops."""
    full = min(BAR, round(memory.share * BAR))
    style = "red" if memory.share >= STOP_AT else "yellow" if memory.share >= DROP_AT else "green"
    text = Text("[")
    for at in range(BAR):
        mark = at in (round(DROP_AT * BAR), round(STOP_AT * BAR))
        text.append("|" if mark else "#" if at < full else "·", style if at < full or mark else "dim")
    return text.append("] 80 | 90 %")


def _workers(sample: Sample, width: int) -> RenderableType:
    if not sample.workers:
        return Text("no worker runs: palmyra work fetch, palmyra work article", "bold red")
    shown = sorted(sample.workers, key=lambda w: (not w.jobs, -w.since_s, w.name))[:MOST_WORKERS]
    rows: list[Row] = [(_end(w.name, max(16, width // 4)), span(w.since_s), w.jobs, _doing(w)) for w in shown]
    more = len(sample.workers) - len(shown)
    if more > 0:
        rows.append((f"and {more} more", "", "", ""))
    return _box(("worker", "since", "jobs", "does"), rows, cut="does")


def _end(name: str, most: int) -> str:
    """A name whose beginning, the same for all, gives way first."""
    return name if len(name) <= most else "…" + name[1 - most :]


def _doing(worker: Worker) -> Text:
    if worker.doing:
        return Text(printable(worker.doing))
    return Text(f"{printable(worker.state)}; {worker.succeeded:,} done", "dim")


def _feeds(sample: Sample) -> Group:
    counts = sample.slow.feeds
    told = (
        ", ".join(f"{counts[one]:,} {one}" for one in FeedState if counts.get(one))
        or "none: palmyra feeds add URL"
    )
    rows = [(poll.feed, span(poll.in_s) if poll.in_s > 0 else "now", poll.title) for poll in sample.polls]
    line = Text.assemble(("feeds  ", "bold"), told)
    return Group(line, *([_box(("next poll", "in", "feed"), rows, cut="feed")] if rows else []))


def _hosts(sample: Sample) -> RenderableType:
    if not sample.hosts:
        return Text("no link waits for its host", "dim")
    rows = [(host.name, f"{host.waiting:,}", seconds(host.free_in_s)) for host in sample.hosts]
    return _box((f"slowest of {sample.busy_hosts:,} hosts", "waiting", "free in"), rows)


def _groups(sample: Sample) -> Group:
    line = Text.assemble(("stream  ", "bold"), f"{sample.stream:,} events; {sample.dead:,} links failed")
    groups = sample.slow.groups
    rows = [
        (g.name, f"{g.events:,}", f"{g.pending:,}", span(g.behind_s(sample.at_ms)) if g.oldest_ms else "-")
        for g in groups[:MOST_GROUPS]
    ]
    if len(groups) > len(rows):
        rows.append((f"and {len(groups) - len(rows)} more", "", "", ""))
    return Group(line, *([_box(("group", "unread", "pending", "behind"), rows)] if rows else []))


def seconds(value: float) -> str:
    """A length of time that may be short: ``12 ms``, ``1.2 s``, then as `span` has it."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s" if value < 60 else span(value)


def size(count: float) -> str:
    """Bytes as people say it."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB"
