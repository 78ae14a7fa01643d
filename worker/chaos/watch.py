"""Looking at the ledger while it is broken: does it balance, and how long until each fault is overcome?"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from jobs.keys import STAGES
from jobs.ledger import Ledger
from jobs.link import OUTCOMES
from worker.chaos.plan import Blow

WITHIN_S = 90.0
"""A fault is overcome by then."""


@dataclass(slots=True)
class Recovery:
    """One fault that is over, and whether it is overcome.

    It is, when every link that was handed out as it ended has moved on (its attempt ended, or another one was
    leased), and something was published after it or nothing waits to be.
    """

    blow: Blow
    held: dict[str, str]
    """Links that were handed out, and their attempts; those that have not moved on yet."""
    published: int
    """Before."""
    took_s: float = 0.0
    """So far. Time in which Redis itself is struck again does not count."""
    done: bool = False


@dataclass(slots=True)
class Watch:
    """What was seen."""

    redis: Redis
    ledger: Ledger
    looks: int = 0
    away: int = 0
    """Looks at which Redis did not answer."""
    out_of_balance: list[str] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    """At the last look."""
    _new: list[Blow] = field(default_factory=list)
    _looked_s: float = field(default_factory=time.monotonic)

    def over(self, blow: Blow) -> None:
        """A fault is over: measure how long until it is overcome."""
        self._new.append(blow)

    def look(self, *, struck: bool) -> None:
        """Look once. `struck`: a fault of Redis is going on."""
        now_s = time.monotonic()
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        if struck:
            return
        for one in self.recoveries:
            if not one.done:
                one.took_s += passed_s
        try:
            self._look()
        except RedisError:
            self.away += 1

    def _look(self) -> None:
        self.totals = totals = self.ledger.totals()
        self.looks += 1
        wrong = totals["discovered"] - sum(totals[name] for name in OUTCOMES) - totals["in_flight"]
        if wrong:
            self.out_of_balance.append(f"by {wrong} at look {self.looks}: {totals}")
        new, self._new = self._new, []
        if new:
            held = self._held()
            self.recoveries += [Recovery(blow, dict(held), totals["published"]) for blow in new]
        for one in self.recoveries:
            if not one.done:
                self._follow(one, totals)

    def _follow(self, one: Recovery, totals: dict[str, int]) -> None:
        if one.held:
            now = self._attempts(list(one.held))
            one.held = {link: n for link, n in one.held.items() if now.get(link) == n}
        if not one.held:
            stages = self.ledger.in_stages()
            idle = not stages["fetch_ready"] and not stages["article_ready"]
            one.done = totals["published"] > one.published or idle

    def _held(self) -> dict[str, str]:
        ids: list[str] = []
        for stage in STAGES:
            raw: Any = self.redis.zrange(self.ledger.keys.leases(stage), 0, -1)
            ids += [link.decode() for link in raw]
        return self._attempts(ids)

    def _attempts(self, ids: list[str]) -> dict[str, str]:
        """Attempt and stage of those that are handed out."""
        with self.redis.pipeline(transaction=False) as pipe:
            for link in ids:
                pipe.hmget(self.ledger.keys.link(link), "state", "stage", "n")
            rows = pipe.execute()
        return {
            link: f"{stage.decode()} {n.decode()}"
            for link, (state, stage, n) in zip(ids, rows, strict=True)
            if state in (b"leased", b"running")
        }
