"""What the simulation of polling comes to: a table and a plot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from worker.feeds.spans import duration

COLUMNS = (
    "seed",
    "polling",
    "requests",
    "of 15 min",
    "median delay",
    "p95 delay",
    "mean delay",
    "a feed's median",
    "links missed",
)
_YARDSTICK = "every 15 min"


def rows(results: Sequence[Mapping[str, Any]], group: str = "all") -> Iterator[tuple[str, ...]]:
    """The rows of the table, under `COLUMNS`. *A feed's median* is that of the middle feed."""
    for result in results:
        yardstick = result["policies"][_YARDSTICK][group]["requests"]
        for name, groups in result["policies"].items():
            one = groups[group]
            yield (
                str(result["seed"]),
                name,
                f"{one['requests']:,}",
                f"{one['requests'] / max(yardstick, 1):.0%}",
                *(_span(one[delay]) for delay in ("median_s", "p95_s", "mean_s", "feed_median_s")),
                f"{one['missed']:,} of {one['links']:,}",
            )


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds / 60:.1f} min" if 120 <= seconds < 7200 else duration(seconds)


WIDTH, HEIGHT = 760, 400
LEFT, TOP, RIGHT, BOTTOM = 60, 58, 470, 340
"""The edges of the axes."""
LEAST_MIN, MOST_MIN = 0.5, 1440.0
_TICKS = (
    (0.5, "30 s"),
    (1, "1"),
    (2, "2"),
    (5, "5"),
    (15, "15 min"),
    (60, "1 h"),
    (240, "4 h"),
    (1440, "1 d"),
)
_BAR_LEFT, _BAR_WIDTH = 510, 220
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #333 }
  .title { font-size: 14px; font-weight: 600 }
  .small { fill: #666; font-size: 11px }
  .axis { stroke: #888; fill: none }
  .grid { stroke: #ddd; fill: none }
  .line { fill: none; stroke-width: 2.5 }
  .p0 { stroke: #b5502b } .b0 { fill: #b5502b }
  .p1 { stroke: #2f6db3; stroke-dasharray: 7 4 } .b1 { fill: #2f6db3 }
  .p2 { stroke: #777; stroke-dasharray: 2 4 } .b2 { fill: #777 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .small { fill: #aaa } .grid { stroke: #3a3a3a } .axis { stroke: #888 }
    .p0 { stroke: #f0894f } .b0 { fill: #f0894f } .p1 { stroke: #6fb0f5 } .b1 { fill: #6fb0f5 }
    .p2 { stroke: #aaa } .b2 { fill: #aaa }
  }
"""


def svg(result: Mapping[str, Any]) -> str:
    """A plot: how soon links are found, and how many requests that takes."""
    about = f"{result['feeds']} simulated feeds over {result['days']:g} days, seed {result['seed']}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="Delay and requests of three ways of polling, {escape(about)}">',
        f"<style>{_STYLE}</style>",
        _text(LEFT, 24, "Links found within …", "title"),
        _text(_BAR_LEFT, 24, "Requests", "title"),
        _text(LEFT, 42, about, "small"),
        *_axes(),
    ]
    for number, (name, groups) in enumerate(result["policies"].items()):
        parts.append(f'<path class="line p{number}" d="{_path(groups["all"]["curve"])}"/>')
        parts += _bar(number, name, groups["all"], result)
    return "\n".join([*parts, "</svg>", ""])


def _axes() -> Iterator[str]:
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = _y(share)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{RIGHT}"/>'
        yield _text(LEFT - 8, y + 4, f"{share:.0%}", anchor="end")
    for minutes, label in _TICKS:
        yield f'<path class="axis" d="M{_x(minutes):.1f} {BOTTOM}v5"/>'
        yield _text(_x(minutes), BOTTOM + 20, label, anchor="middle")
    yield f'<path class="axis" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>'
    middle = (LEFT + RIGHT) / 2
    yield _text(middle, BOTTOM + 42, "from publication to discovery (logarithmic)", "small", "middle")


def _path(curve: Sequence[Sequence[float]]) -> str:
    inside = [(minutes, share) for minutes, share in curve if LEAST_MIN <= minutes <= MOST_MIN]
    return "M" + "L".join(f"{_x(minutes):.1f} {_y(share):.1f}" for minutes, share in inside)


def _bar(number: int, name: str, found: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[str]:
    most = max(groups["all"]["requests"] for groups in result["policies"].values())
    top = TOP + 8 + number * 92
    width = _BAR_WIDTH * found["requests"] / most
    yield _text(_BAR_LEFT, top, name)
    yield f'<path class="line p{number}" d="M{_BAR_LEFT + 110} {top - 4}h40"/>'
    yield f'<rect class="b{number}" x="{_BAR_LEFT}" y="{top + 8}" width="{width:.1f}" height="16" rx="2"/>'
    yield _text(_BAR_LEFT, top + 42, f"{found['requests']:,} requests")
    missed = f"{found['missed'] / max(found['links'], 1):.1%} of links missed"
    yield _text(_BAR_LEFT, top + 58, f"median {_span(found['median_s'])}; {missed}", "small")


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{style} text-anchor="{anchor}">{escape(text)}</text>'


def _x(minutes: float) -> float:
    part = math.log(minutes / LEAST_MIN) / math.log(MOST_MIN / LEAST_MIN)
    return LEFT + part * (RIGHT - LEFT)


def _y(share: float) -> float:
    return BOTTOM - share * (BOTTOM - TOP)
