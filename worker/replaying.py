"""What a replay would change: kept pages and published articles through today's code, and nothing written.

Pages are strangers' work, so each goes through a process of a pool, under a deadline and a limit of memory.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from jobs.article import Article
from jobs.errors import Outcome, Reason
from jobs.event import encode
from jobs.ledger_view import LedgerView
from jobs.replay import Stage, article_of
from jobs.tasks import Tasks
from worker import factory
from worker.config import Settings
from worker.procs import limit_memory

DEADLINE_S = 10.0
MEMORY_BYTES = 500 * 1024**2
"""That a process may take beyond what it has before its first page."""
AHEAD = 8
"""Links waiting for each core. Fewer are not worth another process, which takes seconds to warm up."""
EXAMPLES = 3
"""Links that a report shows of each field."""
MOST_CHARS = 160
"""Of a value that a report shows."""
CONTEXT_CHARS = 40
"""Of them, before the first difference."""

PUBLISHED, REVISED, SAME, GONE, BROKEN = "published", "revised", "unchanged", "gone", "internal"
VERDICTS: dict[str, str] = {
    PUBLISHED: "would be published for the first time",
    REVISED: "would be published as a new revision",
    SAME: "would stay as they are",
    GONE: "can't be replayed: what it takes is no longer kept",
    BROKEN: "made today's code fail: please report it (palmyra extract URL)",
}
"""What can come of a link; or a reason word, where today's code would not publish it."""


class Would(NamedTuple):
    """What a replay would do to one link."""

    verdict: str
    """One of `VERDICTS`, or a reason word."""
    differs: dict[str, tuple[str, str]]
    """Field → what it says, and would say, shortened."""


class Example(NamedTuple):
    """One field of one link that would change."""

    link: str
    url: str
    field: str
    before: str
    after: str


@dataclass(slots=True)
class Rehearsal:
    """What a replay of many links would do."""

    links: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    """How many links would come to what."""
    fields: Counter[str] = field(default_factory=Counter)
    """In how many of them each field would change."""
    examples: list[Example] = field(default_factory=list)
    """The first `EXAMPLES` of each field."""

    def add(self, link: str, url: str, would: Would) -> None:
        """Take one in."""
        self.links += 1
        self.verdicts[would.verdict] += 1
        for name, (before, after) in would.differs.items():
            self.fields[name] += 1
            if self.fields[name] <= EXAMPLES:
                self.examples.append(Example(link, url, name, before, after))


def rehearse(
    settings: Settings, links: Sequence[tuple[str, str]], stage: Stage, done: Callable[[], object], cores: int
) -> Rehearsal:
    """Try it with all of these links (ids and URLs); `done` is called after each."""
    report = Rehearsal()
    waiting: deque[tuple[str, str, ProcessFuture[Would]]] = deque()
    with _pool(settings, min(cores, 1 + len(links) // AHEAD)) as pool:
        for link, url in links:
            waiting.append((link, url, pool.schedule(work, args=(link, stage), timeout=DEADLINE_S)))
            while len(waiting) > AHEAD * cores:
                _finish(report, *waiting.popleft())
                done()
        while waiting:
            _finish(report, *waiting.popleft())
            done()
    return report


def _finish(report: Rehearsal, link: str, url: str, future: ProcessFuture[Would]) -> None:
    try:
        would = future.result()
    except TimeoutError:
        would = Would(Reason.TOO_COMPLEX, {})
    except ProcessExpired:
        would = Would(Reason.POISON, {})
    except Exception:  # noqa: BLE001 - whatever a page brings to light costs its own line only
        would = Would(BROKEN, {})
    report.add(link, url, would)


@contextmanager
def _pool(settings: Settings, cores: int) -> Iterator[ProcessPool]:
    # A fork server: children start from an imported state, and never from a process that has threads.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    pool = ProcessPool(cores, initializer=_prepare, initargs=(settings,), context=context)
    try:
        yield pool
        pool.close()  # type: ignore[no-untyped-call]  # pebble's gap
    finally:
        pool.stop()  # type: ignore[no-untyped-call]  # after `close`, only what an error or Ctrl-C left is there to be stopped
        pool.join()


_tasks: Tasks | None = None


def _prepare(settings: Settings) -> None:
    global _tasks  # one a process of the pool
    from jobs.enrich import loading
    from jobs.extract import warm

    warm()
    loading.warm(factory.enrichment(settings))
    _tasks = factory.tasks(settings, factory.connect(settings, patient=False), "rehearsal")
    limit_memory(MEMORY_BYTES)


def work(link: str, stage: Stage) -> Would:
    """What a replay would do to one link. Runs in a process of the pool."""
    if _tasks is None:
        raise RuntimeError("the pool's processes are prepared first")
    return would(_tasks, link, stage)


def would(tasks: Tasks, link: str, stage: Stage) -> Would:
    """What a replay would do to one link. Nothing is written."""
    begun = tasks.ledger.as_if_begun(link, stage.how)
    try:
        after = tasks.remade(begun) if begun else None
    except Outcome as outcome:
        return Would(outcome.reason, {})
    except MemoryError:
        return Would(Reason.TOO_COMPLEX, {})
    if begun is None or after is None:
        return Would(GONE, {})
    if after.change is None or not begun.revision:
        return Would(REVISED if begun.revision else PUBLISHED, {})
    if not after.change.fields:
        return Would(REVISED if stage is Stage.PUBLISH else SAME, {})
    before = _before(tasks.ledger, link)
    return Would(
        REVISED, {name: apart(_said(before, name), _said(after, name)) for name in after.change.fields}
    )


def _before(ledger: LedgerView, link: str) -> Article | None:
    event = ledger.newest_event(link)
    return article_of(event) if event else None


def _said(article: Article | None, name: str) -> str:
    """A field's value in a line."""
    value: Any = article.model_dump(mode="json")[name] if article else None
    text = value if isinstance(value, str) else "" if value is None else encode(value)
    return " ".join(text.split())


def apart(before: str, after: str) -> tuple[str, str]:
    """Two values in short, from where they differ. Pure."""
    common = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), MOST_CHARS)
    start = max(0, common - CONTEXT_CHARS) if max(len(before), len(after)) > MOST_CHARS else 0
    return _short(before, start), _short(after, start)


def _short(text: str, start: int) -> str:
    cut = ("…" if start else "") + text[start:]
    return cut if len(cut) <= MOST_CHARS else cut[: MOST_CHARS - 1] + "…"
