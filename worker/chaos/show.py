"""The table of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from jobs.link import Story
from worker.chaos.faults import FAULTS
from worker.chaos.result import Result
from worker.chaos.verdict import SHOWN
from worker.commands import table
from worker.commands.why import tell as tell_why

FAULT_COLUMNS = ("fault", "times", "recovery p50 s", "max s", "what")
PROPERTY_COLUMNS = ("property", "found", "verdict")


def show(result: Result) -> None:
    """Print the table, and the evidence against what does not hold."""
    rows = [
        (one.fault, one.times, _seconds(one.p50_s), _seconds(one.max_s), FAULTS[one.fault].does)
        for one in result.overcome
    ]
    table.show(FAULT_COLUMNS, rows, numbers=FAULT_COLUMNS[1:4])
    sys.stdout.write("\n")
    verdicts = [(one.what, one.figure, "holds" if one.holds else "BROKEN") for one in result.findings]
    table.show(PROPERTY_COLUMNS, verdicts)
    totals = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in result.totals.items())
    clock = "Redis's clock was moved" if result.real_clock else "no C compiler: the ledger's clock was moved"
    sys.stdout.write(
        f"\nseed {result.seed}, {result.links} links in {result.seconds:.0f} s, appendfsync {result.fsync}; "
        f"settled after {result.settle_s:.0f} s more; {clock}.\n{totals}; {result.overtaken} jobs came too "
        f"late and changed nothing; consumers died {result.consumer_deaths} times.\n"
    )
    _evidence(result, tell_why)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _evidence(result: Result, tell: Callable[[Story], None]) -> None:
    for finding in result.findings:
        if finding.holds:
            continue
        sys.stdout.write(f"\n{finding.what}: {finding.figure}\n")
        sys.stdout.writelines(f"  {line}\n" for line in finding.wrong[:SHOWN])
        _ways(finding.links[:SHOWN], result.evidence, tell)


def _ways(links: tuple[str, ...], known: Mapping[str, Story], tell: Callable[[Story], None]) -> None:
    for link in links:
        if story := known.get(link):
            sys.stdout.write("\n")
            tell(story)
