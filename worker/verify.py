"""Is what a consumer has, or what stands on the stream, what the contract promises?

Events go in one by one, in the order in which they came; memory is a few hundred bytes an article.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from jobs.event import Event, event_id
from worker.stream import EntryId, entry_id

EXAMPLES = 1000
"""Problems that a report lists; all are counted."""
_MOST_FIELDS = 3
_WRONG = {
    "missing": "missing",
    "json_invalid": "no JSON",
    "enum": "an unknown value",
    "literal_error": "an unknown value",
    "string_pattern_mismatch": "not written as it should be",
}
"""What pydantic finds, in words; anything else is `not of its type or range`."""

PROBLEMS: dict[str, str] = {
    "schema": "not an event of the contract",
    "id": "an id that is not `<article id>:<revision>` of what is in it",
    "twice": "an event that came before",
    "order": "a revision after a later one of its article",
    "gap": "a revision that is missing between two others",
    "entry": "a stream entry whose fields do not say what its event says",
    "missing": "a revision that the ledger has as published, and that is not there",
}
"""What can be wrong, in words."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    kind: str
    """One of `PROBLEMS`."""
    where: str
    """The line's number, or the stream entry's id; ``""`` for what is not there."""
    event: str
    """The event's id as it is written there; third-party text."""
    detail: str


@dataclass(frozen=True, slots=True)
class Published:
    """What the ledger knows of an article's newest revision."""

    article: str
    revision: int
    entry: str
    """Id of its stream entry."""


@dataclass(slots=True)
class Report:
    """What was looked at, and what was found."""

    events: int = 0
    articles: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """How many problems of each kind."""
    problems: list[Problem] = field(default_factory=list)
    """The first `EXAMPLES` of them."""

    def add(self, found: Iterable[Problem], ignored: frozenset[str] = frozenset()) -> None:
        """Take these problems in, but for the kinds that are ignored."""
        for problem in found:
            if problem.kind not in ignored:
                self.counts[problem.kind] += 1
                if len(self.problems) < EXAMPLES:
                    self.problems.append(problem)


class Verifier:
    """Remembers the revisions of each article that came."""

    def __init__(self) -> None:
        self._seen: dict[str, set[int]] = {}
        self.events = 0

    @property
    def articles(self) -> int:
        """How many different articles there were."""
        return len(self._seen)

    def look(self, where: str, raw: bytes | str) -> Iterator[Problem]:
        """What is wrong with the next event, given as JSON."""
        self.events += 1
        try:
            event = Event.model_validate_json(raw, strict=True)
        except ValidationError as error:
            yield Problem("schema", where, "", _in_words(error))
            return
        expected = event_id(event.data.id, event.data.revision)
        if event.id != expected or event.subject != event.data.id:
            yield Problem("id", where, event.id, f"its article is {expected}, its subject {event.subject}")
        yield from self._remember(where, event)

    def look_at_entry(self, entry: str, fields: Mapping[bytes, bytes]) -> Iterator[Problem]:
        """What is wrong with the next entry of the stream."""
        raw = fields.get(b"event", b"")
        yield from self.look(entry, raw)
        try:
            event = Event.model_validate_json(raw)
        except ValidationError:
            return
        for name, value in ((b"id", event.id), (b"type", event.type.value)):
            if fields.get(name) != value.encode():
                yield Problem("entry", entry, event.id, f"its field {name.decode()} is not the event's")

    def gaps(self) -> Iterator[Problem]:
        """Revisions that are missing between the first and the last one that came; ask at the end.

        What came before the first is no gap: whoever begins late, or reads a trimmed stream, never gets it.
        """
        for article, revisions in self._seen.items():
            for revision in range(min(revisions) + 1, max(revisions)):
                if revision not in revisions:
                    yield Problem("gap", "", event_id(article, revision), "the next revision is there")

    def missing(self, published: Iterable[Published], after: EntryId = (0, 0)) -> Iterator[Problem]:
        """Newest revisions after a stream position that did not come, nor a later one; ask at the end."""
        for one in published:
            came = max(self._seen.get(one.article, ()), default=0)
            if came < one.revision and entry_id(one.entry) > after:
                name = event_id(one.article, one.revision)
                yield Problem("missing", "", name, f"published as stream entry {one.entry}")

    def _remember(self, where: str, event: Event) -> Iterator[Problem]:
        revision, known = event.data.revision, self._seen.setdefault(event.data.id, set())
        if revision in known:
            yield Problem("twice", where, event.id, "it came before")
        elif known and revision < max(known):
            yield Problem("order", where, event.id, f"revision {max(known)} came before it")
        known.add(revision)


def _in_words(error: ValidationError) -> str:
    """The first fields that are wrong, and how: in our words, none of the event's."""
    found = error.errors(include_input=False, include_url=False)
    said = []
    for one in found[:_MOST_FIELDS]:
        what = _WRONG.get(one["type"], "not of its type or range")
        said.append(f"{'.'.join(map(str, one['loc'])) or 'all of it'}: {what}")
    more = f" and {len(found) - _MOST_FIELDS} more" if len(found) > _MOST_FIELDS else ""
    return "; ".join(said) + more
