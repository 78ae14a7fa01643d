"""`palmyra replay`: links that ended go through today's code again, as a rehearsal or for real."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from redis import Redis
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jobs.errors import Reason
from jobs.ledger import Ledger
from jobs.replay import Stage
from worker import factory, pages, selection
from worker.commands import table
from worker.commands.again import Urls, tell_all, tell_each
from worker.commands.context import print_json, redis
from worker.commands.reopen import Wish, named, open_named, open_selected
from worker.commands.selecting import Feeds, Hosts, Outcomes, Reasons, Since, Yes, select
from worker.config import Settings
from worker.printable import printable
from worker.selection import Record, Selection

if TYPE_CHECKING:
    from worker.replaying import Rehearsal

_ASKED = "asked for by an operator"
WISHES = {
    Stage.EXTRACT: Wish(Stage.EXTRACT.how, f"replay of the kept page {_ASKED}", "extracted again"),
    Stage.ENRICH: Wish(Stage.ENRICH.how, f"new enrichment {_ASKED}", "enriched again"),
    Stage.PUBLISH: Wish(Stage.PUBLISH.how, f"new publication {_ASKED}", "published again"),
}
_STAGE = (
    "extract: from the kept page. enrich: what the article says stays, what is found in it is found anew. "
)
_STAGE += " publish: the article once more, as it is."

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only try it, and tell what would change. Nothing is written.")
]


def replay(
    urls: Urls = None,
    stage: Annotated[Stage, typer.Option(help=_STAGE)] = Stage.EXTRACT,
    feed: Feeds = None,
    host: Hosts = None,
    since: Since = None,
    outcome: Outcomes = None,
    reason: Reasons = None,
    every: Annotated[bool, typer.Option("--all", help="Every link that can be replayed.")] = False,
    dry_run: DryRun = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: print JSON.")] = False,
    yes: Yes = False,
) -> None:
    """Run articles through today's code again; nothing is fetched.

    For after an upgrade, or with another setting. An article that says something else now goes out as a new
    revision (`change.kind` is `replayed`, `change.fields` names what differs), the others end as unchanged.
    With --stage publish each goes out again as it is, for consumers who lost it.

    Pages are kept for PALMYRA_KEEP_PAGES days (`palmyra pages list` shows them), articles on the stream for
    PALMYRA_KEEP_STREAM. --dry-run uses all cores, and counts by field what would change.

    Examples:

        palmyra replay --since 2d --dry-run

        palmyra replay --since 2d --stage enrich

        palmyra replay --host example.com --since 6h --stage publish --yes

        palmyra replay https://example.com/2026/11/a-story
    """
    if bool(urls) == any((feed, host, since, outcome, reason, every)):
        raise typer.BadParameter(
            "name links, or select them (--feed, --host, --since, --outcome, --reason, --all)"
        )
    if as_json and not dry_run:
        raise typer.BadParameter("needs --dry-run", param_hint="--json")
    loaded, connection = redis()
    book = factory.ledger(loaded, connection)
    ids = named(book, urls) if urls else []
    if urls and not dry_run:
        tell_each(WISHES[stage], open_named(book, connection, ids, WISHES[stage], dry_run=False))
        return
    chosen = select(
        loaded,
        connection,
        feeds=feed,
        hosts=host,
        newer=since,
        outcomes=outcome,
        reasons=reason,
        newer_option="--since",
    )
    found = selection.read(connection, book.keys, ids) if urls else _having(connection, book, stage, chosen)
    links = [link for link in found if link]
    if dry_run:
        _show(_rehearse(loaded, links, stage), stage, as_json=as_json)
        return
    done = open_selected(book, connection, links, WISHES[stage], dry_run=False, yes=yes)
    tell_all(WISHES[stage], done, dry_run=False)


def _having(connection: Redis, book: Ledger, stage: Stage, chosen: Selection) -> Iterator[Record]:
    """The links that are selected, have ended, and may have what the stage needs."""
    if stage is Stage.EXTRACT:
        return (link for link in pages.links(connection, book.keys, chosen) if link.state == "closed")
    return (link for link in selection.closed(connection, book.keys, chosen) if link.revision)


def _rehearse(loaded: Settings, links: Sequence[Record], stage: Stage) -> Rehearsal:
    from worker.commands.extract_batch import pool_size  # heavy, as the next
    from worker.replaying import rehearse

    with _progress(len(links)) as done:
        return rehearse(loaded, [(link.link_id, link.url) for link in links], stage, done, pool_size())


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], Any]]:
    """A progress bar on a terminal's standard error; yields what to call for each link."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield itertools.count().__next__
        return
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)


def _show(report: Rehearsal, stage: Stage, *, as_json: bool) -> None:
    if as_json:
        counts = {"verdicts": dict(report.verdicts), "fields": dict(report.fields)}
        examples = [example._asdict() for example in report.examples]
        print_json({"stage": stage, "links": report.links, **counts, "examples": examples})
        return
    sys.stdout.write(f"{report.links:,} links, stage {stage}\n")
    for verdict, count in report.verdicts.most_common():
        sys.stdout.write(f"{count:>8,}  {_words(verdict)}\n")
    if report.fields:
        sys.stdout.write("\n")
        table.show(("field", "would change in"), report.fields.most_common(), numbers=["would change in"])
    for name, _ in report.fields.most_common():
        for example in (one for one in report.examples if one.field == name):
            sys.stdout.write(f"\n{name} of {example.link} {printable(example.url)}\n")
            sys.stdout.write(f"  - {printable(example.before)}\n  + {printable(example.after)}\n")


def _words(verdict: str) -> str:
    from worker.replaying import VERDICTS

    if verdict in VERDICTS:
        return VERDICTS[verdict]
    return f"would end as {verdict}: {Reason(verdict).meaning}"


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("replay")(replay)
