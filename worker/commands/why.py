"""`palmyra why`: one link's whole way, as text and as JSON."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Annotated, Any

import typer

from jobs.errors import PalmyraError, Reason
from jobs.ledger_view import LedgerView
from jobs.link import Step, Story
from worker import factory
from worker.commands import table
from worker.commands.context import print_json, redis
from worker.commands.selecting import identify
from worker.printable import printable

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EXACT_S = 600
"""Times up to this long are told to the millisecond, longer ones as people say them."""
_BEGAN = re.compile(r"(fetch|article) attempt (\d+) began on (.+)")
_BESIDE = ("listed by feed ",)
"""Lines that say nothing of an attempt, though they may fall into one."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a link."""

    number: int
    stage: str
    worker: str
    began_ms: int
    took_ms: int | None
    """None while it goes on."""
    result: str | None
    """What came of it, in the words of the link's way; None while it goes on."""


def why(
    url: Annotated[str, typer.Argument(help="A link's URL, or its id.")],
    as_json: Json = False,
) -> None:
    """Tell one link's whole way: where it was seen, what was tried, what became of it.

    Beside each line stands how long after the first one it was, and how long after the one before.

    Examples:

        palmyra why https://example.com/2026/11/a-story

        palmyra why k3jd72hs5f6a2qpx --json | jq .attempts
    """
    loaded, connection = redis()
    story = known(factory.ledger(loaded, connection), url)
    if as_json:
        print_json(as_data(story))
    else:
        tell(story)


def known(ledger: LedgerView, url_or_id: str) -> Story:
    """A link's story. Raises PalmyraError when it is not remembered."""
    story = ledger.story(ledger.owner(identify(url_or_id)))
    if story is None:
        raise PalmyraError(
            f"No link {url_or_id!r} is remembered. `palmyra feeds check URL` shows what a feed lists."
        )
    return story


def as_data(story: Story) -> dict[str, Any]:
    """A story for JSON: its fields, with the times between its steps, and its attempts on their own."""
    data = asdict(story)
    for step, (after_ms, gap_ms) in zip(data["steps"], _lengths(story.steps), strict=True):
        step |= {"after_ms": after_ms, "gap_ms": gap_ms}
    return data | {"attempts": [asdict(one) for one in attempts(story.steps)]}


def attempts(steps: tuple[Step, ...]) -> Iterator[Attempt]:
    """The attempts that a way tells of (it keeps its last 60 lines), oldest first."""
    for index, step in enumerate(steps):
        began = _BEGAN.fullmatch(step.text)
        if began is None:
            continue
        later = (s for s in steps[index + 1 :] if not s.text.startswith(_BESIDE))
        end = next(later, None)
        yield Attempt(
            number=int(began[2]),
            stage=began[1],
            worker=began[3],
            began_ms=step.at_ms,
            took_ms=end.at_ms - step.at_ms if end else None,
            result=end.text if end else None,
        )


def tell(story: Story) -> None:
    """Print a story: what is known of the link, then its way."""
    for name, value in _facts(story):
        sys.stdout.write(f"{name:<13} {printable(value)}\n")
    sys.stdout.write("\n")
    for step, (after_ms, gap_ms) in zip(story.steps, _lengths(story.steps), strict=True):
        gap = "" if step is story.steps[0] else f"+{length(gap_ms)}"
        at = f"{table.when(step.at_ms)}  {length(after_ms):>10}  {gap:>10}"
        sys.stdout.write(f"{at}  {printable(step.text)}\n")


def length(ms: int) -> str:
    """A length of time: ``0.012 s``, ``17 h``."""
    seconds = ms / 1000
    return f"{seconds:.3f} s" if abs(seconds) < EXACT_S else table.span(seconds)


def _lengths(steps: tuple[Step, ...]) -> list[tuple[int, int]]:
    """For each step the milliseconds since the first one, and since the one before."""
    if not steps:
        return []
    gaps = [0, *(later.at_ms - step.at_ms for step, later in pairwise(steps))]
    return [(step.at_ms - steps[0].at_ms, gap) for step, gap in zip(steps, gaps, strict=True)]


def _facts(story: Story) -> Iterator[tuple[str, str]]:
    now_ms = time.time() * 1000
    yield "link", story.link_id
    yield "url", story.url
    yield "state", state(story)
    if story.withdrawn_ms:
        yield "withdrawn", f"{table.when(story.withdrawn_ms)} UTC, for good"
    if story.gone_ms:
        yield "gone", f"{table.when(story.gone_ms)} UTC: its publisher withdrew it"
    if story.final_url and story.final_url != story.url:
        yield "final url", story.final_url
    if story.duplicate_of:
        yield "same as", story.duplicate_of
    if story.first_seen_ms:
        ago = table.span((now_ms - story.first_seen_ms) / 1000)
        yield "seen", f"{table.when(story.first_seen_ms)} UTC, {ago} ago, in feed {', '.join(story.feeds)}"
    if story.due_ms:
        ends = {"later": "next attempt"}.get(story.state, "lease ends")
        due = (story.due_ms - now_ms) / 1000
        yield ends, f"{table.when(story.due_ms)} UTC" + (f", in {table.span(due)}" if due > 0 else "")
    tried = list(attempts(story.steps))
    if tried:
        yield "attempts", _tried(tried)
    if story.revision:
        yield "revision", str(story.revision)
    if story.recheck_ms:
        yield "asked again", f"{table.when(story.recheck_ms)} UTC: has it changed?"
    yield "page", "kept" if story.page_kept else "not kept"


def state(story: Story) -> str:
    """Where a link stands, or how it ended and why, in a line."""
    where = story.outcome or f"{story.state}, stage {story.stage}"
    if not story.reason:
        return where
    meaning = Reason(story.reason).meaning if story.reason in set(Reason) else ""
    return f"{where}: {story.reason} ({meaning})"


def _tried(tried: list[Attempt]) -> str:
    stages = [one.stage for one in tried]
    counts = [f"{stages.count(stage)} {stage}" for stage in dict.fromkeys(stages)]
    working = sum(one.took_ms or 0 for one in tried)
    return f"{', '.join(counts)}; {length(working)} of work"
