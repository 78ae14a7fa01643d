"""What has to hold when the dust has settled. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from jobs.link import Story
from worker.chaos.fate import Fate

SHOWN = 5
"""Pieces of evidence of a kind."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One property, and whether it held."""

    what: str
    figure: str
    wrong: tuple[str, ...] = ()
    """What speaks against it."""
    links: tuple[str, ...] = ()
    """Links whose way shows it."""

    @property
    def holds(self) -> bool:
        """No evidence against it."""
        return not self.wrong and not self.links


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of events."""

    audit: Mapping[str, Sequence[str]]
    """Event id → every stream id under which it was ever seen."""
    stream: Mapping[str, Sequence[str]]
    """The same, of what is on the stream at the end."""
    consumed: Collection[str] = field(default_factory=frozenset)
    """Ids that the group's consumers were given."""

    @property
    def repeats(self) -> dict[str, list[str]]:
        """Events that were seen under an entry which is not on the stream any more: id → such entries."""
        gone = {
            event: [entry for entry in entries if entry not in self.stream.get(event, ())]
            for event, entries in self.audit.items()
        }
        return {event: entries for event, entries in gone.items() if entries}


def links_lost(fates: Mapping[str, Fate], stories: Mapping[str, Story | None]) -> Finding:
    """Every link that a feed ever listed has its outcome."""
    missing = [link for link in fates if stories.get(link) is None]
    unfinished = [link for link in fates if (one := stories.get(link)) and one.outcome is None]
    wrong = tuple(f"{len(missing)} are unknown, such as {missing[0]}" for _ in missing[:1])
    return Finding(
        "links lost", f"{len(missing) + len(unfinished)} of {len(fates)}", wrong, tuple(unfinished)
    )


def failures_explained(fates: Mapping[str, Fate], stories: Mapping[str, Story | None]) -> Finding:
    """A link failed if, and only if, what was done to it can't end otherwise, and for that reason."""
    odd, failed = [], 0
    for link, fate in fates.items():
        story = stories.get(link)
        if story is None or story.outcome is None:
            continue
        failed += story.outcome == "failed"
        expected = ("failed", fate.failure) if fate.failure else ("published", None)
        if (story.outcome, story.reason) != expected:
            odd.append(link)
    return Finding("failures not explained", f"{len(odd)} ({failed} failed)", links=tuple(odd))


def published_twice(seen: Seen, *, may_lose: bool) -> Finding:
    """No event is on the stream twice, and one that was seen twice was lost by Redis in between."""
    twice = [event for event, entries in seen.stream.items() if len(entries) > 1]
    wrong = [f"{event} is on the stream as {', '.join(seen.stream[event])}" for event in twice]
    if not may_lose:
        wrong += [f"{event} was on the stream as {', '.join(old)}" for event, old in seen.repeats.items()]
    return Finding("events published twice", f"{len(twice)} of {len(seen.stream)}", tuple(wrong))


def events_kept(seen: Seen) -> Finding:
    """What anybody was ever given is on the stream in the end, be it published anew under its id."""
    gone = sorted((set(seen.audit) | set(seen.consumed)) - set(seen.stream))
    wrong = tuple(f"{event} was seen, and is not on the stream" for event in gone)
    return Finding("events seen and gone", str(len(gone)), wrong)


def consumers_saw(seen: Seen) -> Finding:
    """The group's consumers were given every event at least once, however often they were killed."""
    unseen = sorted(set(seen.stream) - set(seen.consumed))
    wrong = tuple(f"{event} was given to no consumer" for event in unseen)
    return Finding("events no consumer saw", f"{len(unseen)} of {len(seen.stream)}", wrong)
