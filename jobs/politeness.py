"""Before a page is asked for: is it the host's turn, and does its robots.txt let us?"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from jobs.client import Client
from jobs.errors import PalmyraError, Reason, Skip
from jobs.ledger import Ledger
from jobs.robots import TOKEN
from jobs.robots_cache import RobotsCache
from jobs.urls import domain, split


class NotNow(PalmyraError):
    """The host can't be asked yet: the link goes back to the ledger, which knows when; no failed try."""


class Gate:
    """What every page download of a process goes through."""

    def __init__(self, ledger: Ledger, *, host_delay_s: float, robots: RobotsCache | None) -> None:
        """`robots`: None to fetch whatever robots.txt says."""
        self.ledger = ledger
        self.host_delay_s = host_delay_s
        self.robots = robots

    def begin(self, url: str) -> Permit:
        """Take the host's turn for a download that begins now. From any thread.

        Raises:
            NotNow: another request came late, or the host asked for a pause.
        """
        permit = Permit(self, domain(url), secrets.token_hex(8))
        permit.take_turn()
        return permit


@dataclass(slots=True)
class Permit:
    """One download's permission: for its page, and for the redirects inside its domain, which ride along."""

    gate: Gate
    host: str
    """The registrable domain."""
    who: str
    """This download's token in the ledger."""
    hops: int = 0
    """URLs that were let through."""

    async def __call__(self, client: Client, url: str) -> None:
        """Let a URL through, or raise. `client` asks for robots.txt, in the same turn.

        Raises:
            Skip: `ROBOTS`.
            Retry: as `RobotsCache.rules` says.
            NotNow: the turn went to somebody else meanwhile, or the host asked for a pause.
        """
        if self.hops:
            await asyncio.to_thread(self.take_turn, rides=True)
        if self.gate.robots:
            parts = split(url)
            rules, asked = await self.gate.robots.rules(client, parts)
            if not rules.allows(parts.target):
                raise Skip(Reason.ROBOTS, f"{parts.authority}: disallowed for {TOKEN}")
            if asked:  # that took a while
                await asyncio.to_thread(self.take_turn)
        self.hops += 1

    def take_turn(self, *, rides: bool = False) -> None:
        """Note that this request goes out now.

        Raises:
            NotNow: it may not.
        """
        wait_s = self.gate.ledger.ask(self.host, self.who, self.gate.host_delay_s, rides=rides)
        if wait_s > 0:
            raise NotNow(f"{self.host} is not to be asked for another {wait_s:.1f} s")
