"""`palmyra verify`: what a consumer stored, or the stream, against the contract."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from redis import Redis

from jobs.errors import PalmyraError
from jobs.keys import Keys
from worker import factory
from worker.commands import table
from worker.commands.context import Exit, print_json, redis
from worker.commands.look import start_id
from worker.stream import entry_id, gone_until

if TYPE_CHECKING:
    from worker.verify import Published, Report

SHOWN = 20
_BATCH = 200
_USUAL_SINCE = "1d"


class CantRead(PalmyraError):
    """The file can't be read."""


def verify(
    file: Annotated[
        str | None, typer.Argument(help="Events, one JSON object a line (.gz too); `-`: standard input.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Of the stream and the ledger: from here on (1d, 2h, a stream id, start)."),
    ] = None,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="With a file: is everything there that was published?")
    ] = False,
    ignore: Annotated[
        list[str] | None, typer.Option(help="A kind of problem that is none here, such as gap. Repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check events against the contract: schema, ids, order of revisions, gaps; exit code 1 if any is wrong.

    With a file, what a consumer stored (as `palmyra tail --json` prints it, in the order it came). Without
    one, the stream of the last day, which must also hold the newest revision of every article that the ledger
    published in that time. A consumer that selects events has gaps by its own choice: --ignore gap.

    Examples:

        palmyra verify

        palmyra verify events.jsonl --ledger --since 7d

        zcat archive/*.gz | palmyra verify - --ignore gap
    """
    ignored = _known(ignore or ())
    start = start_id(since or ("start" if file else _USUAL_SINCE))
    report = _verified(file, start, ignored, ledger=ledger)
    _print_json(report) if as_json else _print(report)
    if report.counts:
        raise typer.Exit(Exit.FAILURE)


def _known(ignored: Iterable[str]) -> frozenset[str]:
    from worker.verify import PROBLEMS  # with the models, which other commands have no use for

    if unknown := set(ignored) - PROBLEMS.keys():
        known = ", ".join(PROBLEMS)
        raise typer.BadParameter(f"{min(unknown)!r} is none of {known}", param_hint="--ignore")
    return frozenset(ignored)


def _verified(file: str | None, start: str, ignored: frozenset[str], *, ledger: bool) -> Report:
    from worker.verify import Report, Verifier

    verifier, report = Verifier(), Report()
    if file is not None and not ledger:
        for number, line in _lines(file):
            report.add(verifier.look(f"line {number}", line), ignored)
        report.add(verifier.gaps(), ignored)
    else:
        settings, connection = redis()
        keys = factory.keys(settings)
        # Before the events are read: whatever is published meanwhile is not asked for.
        expected = list(_published(connection, keys, start))
        for where, raw in _lines(file) if file is not None else ():
            report.add(verifier.look(f"line {where}", raw), ignored)
        for entry, fields in _entries(connection, keys.stream, start) if file is None else ():
            report.add(verifier.look_at_entry(entry, fields), ignored)
        report.add(verifier.gaps(), ignored)
        # What was trimmed is gone from the stream by right; a consumer should have it all the same.
        gone = gone_until(connection, keys) if file is None else (0, 0)
        report.add(verifier.missing(expected, gone), ignored)
    report.events, report.articles = verifier.events, verifier.articles
    return report


def _published(connection: Redis, keys: Keys, start: str) -> Iterator[Published]:
    """The newest revisions on the stream from `start` on, by the ledger."""
    from worker.verify import Published

    after = (0, 0) if start == "-" else entry_id(start)
    cursor: Any = None
    names: Any
    while cursor != 0:
        cursor, names = connection.scan(cursor or 0, match=f"{keys.link('')}*", count=1000)
        with connection.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hmget(name, ["rev", "entry"])
            rows = pipe.execute()
        for name, (revision, entry) in zip(names, rows, strict=True):
            if revision and entry and entry_id(entry) >= after:
                yield Published(name.decode().removeprefix(keys.link("")), int(revision), entry.decode())


def _entries(connection: Redis, stream: str, start: str) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    while True:
        batch: Any = connection.xrange(stream, min=start, count=_BATCH)
        for raw, fields in batch:
            yield raw.decode(), fields
        if len(batch) < _BATCH:
            return
        start = f"({batch[-1][0].decode()}"


def _lines(file: str) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers."""
    try:
        with _opened(file) as source:
            for number, line in enumerate(source, 1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError) as error:
        raise CantRead(f"{file} can't be read: {error}") from None


def _opened(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    path = Path(file)
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]  # reads alike


def _print_json(report: Report) -> None:
    print_json(
        {
            "events": report.events,
            "articles": report.articles,
            "problems": dict(report.counts),
            "examples": [asdict(problem) for problem in report.problems],
        }
    )


def _print(report: Report) -> None:
    from worker.verify import PROBLEMS

    looked = f"{report.events:,} events of {report.articles:,} articles"
    if not report.counts:
        sys.stdout.write(f"{looked}: all as the contract says\n")
        return
    sys.stdout.write(f"{looked}, {sum(report.counts.values()):,} problems\n\n")
    found = [
        (kind, f"{report.counts[kind]:,}", what) for kind, what in PROBLEMS.items() if report.counts[kind]
    ]
    table.show(("problem", "count", "what it is"), found, numbers=["count"], shortened=["what it is"])
    sys.stdout.write("\n")
    rows = [(one.kind, one.where or "-", one.event or "-", one.detail) for one in report.problems[:SHOWN]]
    table.show(("problem", "where", "event", "detail"), rows, shortened=["event", "detail"])
    if (more := sum(report.counts.values()) - SHOWN) > 0:
        sys.stdout.write(f"\nand {more:,} more (--json has up to 1,000)\n")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify)
