"""What the ledger promises, in plain Python: what each step is to answer, and where each link stands then.

Written from the promises (docs/decisions.md), not from the scripts: where the two differ, one is wrong. Time
is what the test says it is, in seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jobs.keys import ARTICLE, FETCH
from jobs.ledger import MAX_DEATHS, MAX_KILLS, MAX_TRIES_UNREPORTED, MISSING_S
from jobs.reopening import PAGE_TO_BLAME, How, Status

LEASE_S = 1000


class Job(NamedTuple):
    """One attempt that was handed out once; whoever has it may act on it for ever."""

    link: str
    stage: str
    attempt: int
    opening: int
    """Which opening of the link it was for: an attempt of an earlier one is overtaken."""


@dataclass(slots=True)
class Place:
    """One link."""

    host: str
    home: str
    state: str = "closed"
    stage: str = FETCH
    attempt: int = 0
    opening: int = 0
    tries: int = 0
    deaths: int = 0
    kills: int = 0
    due_s: int = 0
    """End of the wait or of the lease."""
    outcome: str = ""
    reason: str = ""
    revision: int = 0
    says: str = ""
    """What the newest revision says."""
    final: str = ""
    of: str = ""
    withdrawn: bool = False
    gone: bool = False
    """Its publisher withdrew it."""
    missing_since_s: int | None = None
    recheck: bool = False
    """This opening is a re-check."""

    @property
    def out(self) -> bool:
        """Handed out."""
        return self.state in ("leased", "running")


class Model:
    """All links, and the books about them."""

    def __init__(self) -> None:
        self.now_s = 0
        self.links: dict[str, Place] = {}
        self.known: dict[str, int] = {}
        """The memory of links: id → newest revision."""
        self.alias: dict[str, str] = {}
        self.pages: set[str] = set()
        self.listed: dict[tuple[str, str], tuple[str, bool]] = {}
        """Feed and link → its entry there, and whether it was left at the first poll."""
        self.quiet_until_s: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self.stream: list[tuple[str, int, str]] = []
        """Link, revision and kind of the events that are there, oldest first."""
        self.sent: set[tuple[str, int]] = set()
        """Link and revision of all that were ever sent."""

    # -- what is asked of it -------------------------------------------------------------------------------
    def current(self, job: Job) -> bool:
        """May this attempt still decide?"""
        link = self.links[job.link]
        return link.state != "closed" and link.attempt == job.attempt and link.opening == job.opening

    def open_links(self) -> set[str]:
        return {name for name, link in self.links.items() if link.state != "closed"}

    def dead(self) -> set[str]:
        return {n for n, link in self.links.items() if link.state == "closed" and link.outcome == "failed"}

    def in_state(self, *states: str) -> set[str]:
        return {name for name, link in self.links.items() if link.state in states}

    def is_withdrawn(self, name: str) -> bool:
        return any(n in self.links and self.links[n].withdrawn for n in (name, self.alias.get(name, "")))

    # -- moves ---------------------------------------------------------------------------------------------
    def _open(self, name: str) -> None:
        link = self.links[name]
        link.state, link.outcome, link.reason = "ready", "", ""
        link.tries = link.deaths = link.kills = 0
        link.opening += 1
        link.recheck = False
        self.counts["discovered"] += 1

    def _close(self, name: str, outcome: str, reason: str = "") -> None:
        link = self.links[name]
        link.state, link.outcome, link.reason = "closed", outcome, reason
        self.counts[outcome] += 1
        self.counts["rechecks"] += link.recheck
        self.counts["rechecks_published"] += link.recheck and outcome == "published"

    def _back_home(self, link: Place) -> None:
        link.host = link.home

    # -- the poller ----------------------------------------------------------------------------------------
    def discover(self, feed: str, document: dict[str, tuple[str, str, bool]]) -> tuple[int, int]:
        """A document: link → host, entry, whether it is taken. Returns how many are new, and changed."""
        told = [self._sighted(feed, name, *entry) for name, entry in document.items()]
        for key in [k for k in self.listed if k[0] == feed and k[1] not in document]:
            if not self.listed[key][1]:
                del self.listed[key]
        return told.count("new"), told.count("changed")

    def _sighted(self, feed: str, name: str, host: str, entry: str, taken: bool) -> str:
        before, left = self.listed.get((feed, name), (None, False))
        if name in self.known:
            opened = before not in (None, entry) and self._changed(self.alias.get(name, name), host)
            kept = entry if opened or before is None else before
            self.listed[feed, name] = (kept, False)
            return "changed" if opened else ""
        if left or not taken:
            self.listed[feed, name] = (entry, True)
            return ""
        self.listed[feed, name] = (entry, False)
        self.known[name] = 0
        if self.is_withdrawn(name):
            return ""
        self.links[name] = Place(host, host)
        self._open(name)
        return "new"

    def _changed(self, name: str, host: str) -> bool:
        """A known link's entry changed: it is opened again, once it has ended."""
        if name not in self.links:  # only ever the end of a redirect, whose own link has no record
            self.links[name] = Place(host, host, revision=self.known.get(name, 0))
        link = self.links[name]
        if link.withdrawn or link.state != "closed":
            return False
        link.stage = FETCH
        self._back_home(link)
        self._open(name)
        return True

    # -- the dispatcher ------------------------------------------------------------------------------------
    def sweep(self) -> set[tuple[str, str]]:
        """What is over comes round again. Returns the hopeless, each with its reason."""
        hopeless = set()
        for name, link in self.links.items():
            if link.state == "later" and link.due_s <= self.now_s:
                link.state = "ready"
            elif link.out and link.due_s <= self.now_s:
                link.deaths += link.state == "running" and link.stage == ARTICLE
                if link.state == "running" and link.stage == ARTICLE and link.deaths >= MAX_DEATHS:
                    hopeless.add((name, "poison"))
                elif link.state == "running" and link.tries >= MAX_TRIES_UNREPORTED:
                    hopeless.add((name, "lost"))
                else:
                    link.tries -= link.state == "leased"
                    link.state = "ready"
        return hopeless

    def ready(self, stage: str) -> set[str]:
        """What could be handed out in a stage."""
        return {
            name
            for name in self.in_state("ready")
            if self.links[name].stage == stage
            and (stage == ARTICLE or self.quiet_until_s.get(self.links[name].host, 0) <= self.now_s)
        }

    def leases(self, stage: str) -> int:
        return sum(link.out and link.stage == stage for link in self.links.values())

    def lease(self, name: str) -> Job:
        """Hand this one out."""
        link = self.links[name]
        link.state, link.due_s = "leased", self.now_s + LEASE_S
        link.attempt += 1
        link.tries += 1
        return Job(name, link.stage, link.attempt, link.opening)

    # -- jobs ----------------------------------------------------------------------------------------------
    def begin(self, job: Job) -> bool:
        link = self.links[job.link]
        if not self.current(job) or link.stage != job.stage or not link.out:
            return False
        link.state, link.due_s = "running", self.now_s + LEASE_S
        return True

    def store(self, job: Job, final: str) -> bool:
        if not self.current(job):
            return False
        link = self.links[job.link]
        self.pages.add(job.link)
        link.state, link.stage, link.tries, link.final = "ready", ARTICLE, 0, final
        link.missing_since_s = None
        return True

    def retry(self, job: Job, delay_s: int, *, block: bool) -> bool:
        if not self.current(job):
            return False
        link = self.links[job.link]
        if block:
            due_s = self.now_s + delay_s
            self.quiet_until_s[link.host] = max(due_s, self.quiet_until_s.get(link.host, 0))
        link.state, link.due_s = "later", self.now_s + delay_s
        return True

    def reroute(self, job: Job, host: str) -> bool:
        if not self.current(job):
            return False
        link = self.links[job.link]
        link.state, link.stage, link.host = "ready", FETCH, host
        link.tries -= 1
        return True

    def release(self, job: Job) -> bool:
        link = self.links[job.link]
        if not self.current(job) or not link.out:
            return False
        link.state = "ready"
        link.tries -= 1
        return True

    def died(self, job: Job, *, killed: bool) -> str:
        link = self.links[job.link]
        if not self.current(job) or link.state != "running":
            return "overtaken"
        link.kills += killed
        link.deaths += not killed
        if link.kills >= MAX_KILLS if killed else link.deaths >= MAX_DEATHS:
            return "enough"
        link.state = "ready"
        return "again"

    def settle(self, job: Job, outcome: str, reason: str = "") -> bool:
        if not self.current(job):
            return False
        link = self.links[job.link]
        if outcome in ("failed", "skipped") and link.recheck and link.revision:
            outcome, reason = "unchanged", ""
        self._close(job.link, outcome, reason)
        return True

    def vanish(self, job: Job, *, certain: bool) -> str:
        """The site says that an article is gone."""
        if not self.current(job):
            return "overtaken"
        link = self.links[job.link]
        since_s = self.now_s if link.missing_since_s is None else link.missing_since_s
        if link.gone or (not certain and self.now_s < since_s + MISSING_S):
            link.missing_since_s = link.missing_since_s if link.gone else since_s
            self._close(job.link, "unchanged")
            return "unchanged"
        self._close(job.link, "published")
        link.revision += 1
        link.gone, link.missing_since_s, link.says = True, None, "nothing"
        self.known[job.link] = link.revision
        self.pages.discard(job.link)
        self._send(job.link, "WITHDRAWN")
        return "published"

    def commit(self, job: Job, revision: int, says: str, final: str) -> str:
        name = job.link
        if not self.current(job):
            return "overtaken"
        link = self.links[name]
        if link.revision >= revision or link.says == says:
            self._close(name, "unchanged")
            return "unchanged"
        owner = self.alias.get(final)
        own = self.known.get(final)
        if not owner and final != name and ((own or 0) > 0 or self.is_withdrawn(final)):
            owner = final
        if owner and owner != name:
            self._close(name, "duplicate")
            link.of = owner
            if self.is_withdrawn(owner):
                self.pages.discard(name)
            return f"duplicate {owner}"
        if final != name:
            self.alias[final] = name
            self.known.setdefault(final, 0)
        self._close(name, "published")
        self.known[name] = link.revision = revision
        link.says, link.of, link.gone = says, "", False
        self._send(name, "PUBLISHED" if revision == 1 else "UPDATED")
        return "published"

    def _send(self, name: str, kind: str) -> None:
        self.stream.append((name, self.links[name].revision, kind))
        self.sent.add((name, self.links[name].revision))

    # -- operators -----------------------------------------------------------------------------------------
    def reopen(self, name: str, how: How) -> Status:
        link = self.links.get(name)
        if link is None:
            return Status.UNKNOWN
        if link.state != "closed":
            return Status.OPEN_ALREADY
        if link.withdrawn and how is not How.LIFT:
            return Status.WITHDRAWN
        if how is How.REPLAY and name not in self.pages:
            return Status.NO_PAGE
        by_event = how in (How.ENRICH, How.PUBLISH)
        if by_event and not any(event == (name, link.revision, event[2]) for event in self.stream):
            return Status.NO_EVENT
        uses_page = how is How.REPLAY or (
            how is How.REQUEUE and link.stage == ARTICLE and link.reason not in PAGE_TO_BLAME
        )
        link.stage = ARTICLE if by_event or (uses_page and name in self.pages) else FETCH
        link.withdrawn = False
        self._back_home(link)
        self._open(name)
        link.recheck = how is How.RECHECK
        return Status.OPENED

    def withdraw(self, name: str, host: str) -> bool:
        """Returns whether it was withdrawn before."""
        link = self.links.setdefault(name, Place(host, host, revision=self.known.get(name, 0)))
        before = link.withdrawn
        if not before:
            if link.state == "closed":
                self.counts["discovered"] += 1
            if link.revision:
                self._close(name, "published")
                link.revision += 1
                self.stream = [e for e in self.stream if e[0] != name or e[2] == "WITHDRAWN"]
                self._send(name, "WITHDRAWN")
            else:
                self._close(name, "skipped", "withdrawn")
            link.withdrawn, link.says = True, ""
            link.gone, link.missing_since_s = False, None
            self.known[name] = link.revision
            final = link.final or name
            if final != name:
                self.alias.setdefault(final, name)
        self.pages -= {name, *self._same_page(name)}
        return before

    def _same_page(self, name: str) -> Sequence[str]:
        return [n for n, link in self.links.items() if link.of == name]
