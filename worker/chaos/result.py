"""What a run came to: plain data for the table and for JSON."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from jobs.link import OUTCOMES, Story
from worker.bench.machine import machine
from worker.chaos import settled
from worker.chaos.fate import Fate
from worker.chaos.faults import FAULTS
from worker.chaos.verdict import Finding

if TYPE_CHECKING:
    from worker.chaos.run import World


@dataclass(frozen=True, slots=True)
class Overcome:
    """One fault, and how it was overcome."""

    fault: str
    times: int
    """How often it struck."""
    recoveries_s: tuple[float, ...]
    """From the end of each strike."""

    @property
    def p50_s(self) -> float | None:
        """The median; None where nothing can be measured."""
        return statistics.median(self.recoveries_s) if self.recoveries_s else None

    @property
    def max_s(self) -> float | None:
        """The longest."""
        return max(self.recoveries_s, default=None)


@dataclass(frozen=True, slots=True)
class Result:
    """One run."""

    seed: int
    seconds: float
    links: int
    fsync: str
    real_clock: bool
    """Redis's clock was moved; else the ledger's."""
    settle_s: float
    totals: dict[str, int]
    overcome: tuple[Overcome, ...]
    findings: tuple[Finding, ...]
    overtaken: int
    """Outcomes of jobs that came too late, and changed nothing."""
    consumer_deaths: int
    deaths: tuple[str, ...]
    """Processes that ended by themselves, with their codes."""
    cut_bytes: int
    """Of the append-only file."""
    evidence: dict[str, Story]
    """Links whose way speaks against a finding."""
    machine: dict[str, Any]

    @classmethod
    def of(cls, world: World, findings: Sequence[Finding], *, settle_s: float) -> Self:
        """Gather it."""
        names = ("discovered", *OUTCOMES, "in_flight")
        totals = world.ledger.totals()
        return cls(
            seed=world.order.seed,
            seconds=world.order.seconds,
            links=world.order.links,
            fsync=world.order.fsync,
            real_clock=world.server.clock.library is not None,
            settle_s=round(settle_s, 1),
            totals={name: totals[name] for name in names},
            overcome=tuple(_overcome(world)),
            findings=tuple(findings),
            overtaken=sum(_overtaken(world)),
            consumer_deaths=sum(
                one.starts - 1 for one in world.crew.members.values() if "consumer" in one.name
            ),
            deaths=tuple(one for one in world.crew.deaths if "consumer" not in one),
            cut_bytes=world.server.cut_bytes,
            evidence=settled.stories(world, findings),
            machine=machine(),
        )

    @property
    def holds(self) -> bool:
        """Every property does."""
        return all(finding.holds for finding in self.findings)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"holds": self.holds}


def _overcome(world: World) -> Iterator[Overcome]:
    hurt: Counter[Fate] = world.sites.hurt
    of_site = {"site": sum(hurt.values())}
    for name in FAULTS:
        if name in world.order.faults:
            took = (one.took_s for one in world.watch.recoveries if one.blow.fault == name and one.done)
            pages = sum(fate == name for fate in world.sites.links.values())
            times = world.blows.struck[name] or of_site.get(name, pages)
            yield Overcome(name, times, tuple(round(one, 1) for one in took))


def _overtaken(world: World) -> Iterator[int]:
    for name in world.crew.members:
        for log in world.crew.logs(name):
            yield sum(
                '"overtaken"' in line
                for line in log.read_text(errors="replace").splitlines()
                if _is_job(line)
            )


def _is_job(line: str) -> bool:
    try:
        return bool(json.loads(line).get("outcome") == "overtaken")
    except (ValueError, AttributeError):
        return False
