"""A link as the ledger has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobs.entry import Entry
from jobs.validators import Validators

OUTCOMES = ("published", "duplicate", "unchanged", "skipped", "failed")


@dataclass(frozen=True, slots=True)
class Found:
    """A link as a poll hands it to `Ledger.discover`."""

    id: str
    """Identity: see `jobs.urls.link_id`."""
    url: str
    host: str
    """Registrable domain, whose politeness slot a fetch needs."""
    fresh_ms: int
    """When it was published, as far as known: fresher links go first."""
    entry: Entry
    """The feed's evidence."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One attempt at one link, handed out for a limited time."""

    link_id: str
    stage: str
    attempt: int
    url: str
    host: str
    previous_job: tuple[str, int] | None
    """Stage and attempt of the job before this one, of which every trace must go."""


@dataclass(frozen=True, slots=True)
class Hopeless:
    """A link whose attempts never report back: to be given up for `reason`."""

    link_id: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Begun:
    """What a job learns when it starts."""

    link_id: str
    attempt: int
    url: str
    """The link's own URL."""
    next_url: str
    """The URL to fetch: the link's own, or where it moved to."""
    host: str
    feeds: tuple[str, ...]
    """Ids of the feeds that listed it, first one first."""
    first_seen_ms: int
    entry: Entry | None
    tries: int
    """Attempts in this stage, this one included."""
    revision: int
    """The newest revision on the stream, 0 when there is none."""
    hops: int
    """Moves to another domain so far."""
    final_url: str
    digests: str
    """What the newest revision says, see `jobs.article.digests`; empty when there is none."""
    validators: Validators | None = None
    """Of the page that the newest revision was made from."""
    redo: str = ""
    """`How.REPLAY`, `How.ENRICH` or `How.PUBLISH` where an operator wants that; else ``""``."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a link."""

    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """A link's whole way, for `palmyra why`."""

    link_id: str
    url: str
    host: str
    feeds: tuple[str, ...]
    state: str
    """ready, leased, running, later or closed."""
    stage: str
    attempt: int
    first_seen_ms: int
    outcome: str | None
    reason: str | None
    detail: str | None
    revision: int
    final_url: str | None
    duplicate_of: str | None
    due_ms: int | None
    """For ``later``, ``leased`` and ``running``: when the wait or the lease ends."""
    page_kept: bool
    steps: tuple[Step, ...]
    withdrawn_ms: int | None = None
    """When an operator took the article down, which holds for good."""
    gone_ms: int | None = None
    """When its publisher was seen to have taken it down; None also once it is back."""
    recheck_ms: int | None = None
    """When its site is asked again whether it changed."""


def read_story(
    link_id: str,
    fields: Mapping[str, str],
    way: Iterable[str],
    due_ms: int | None,
    *,
    page_kept: bool,
    recheck_ms: int | None = None,
) -> Story:
    """A story from the fields of the link's hash and the lines of its way (see jobs/keys.py)."""
    return Story(
        link_id=link_id,
        url=fields.get("url", ""),
        host=fields.get("host", ""),
        feeds=tuple(f for f in fields.get("feeds", "").split(",") if f),
        state=fields.get("state", ""),
        stage=fields.get("stage", ""),
        attempt=int(fields.get("n", 0)),
        first_seen_ms=int(fields.get("seen", 0)),
        outcome=fields.get("outcome"),
        reason=fields.get("reason"),
        detail=fields.get("detail"),
        revision=int(fields.get("rev", 0)),
        final_url=fields.get("final"),
        duplicate_of=fields.get("of"),
        due_ms=due_ms,
        page_kept=page_kept,
        steps=tuple(_step(line) for line in way),
        withdrawn_ms=int(fields["withdrawn"]) if "withdrawn" in fields else None,
        gone_ms=int(fields["gone"]) if "gone" in fields else None,
        recheck_ms=recheck_ms,
    )


def _step(line: str) -> Step:
    at, _, text = line.partition(" ")
    return Step(int(at), text)
