"""`palmyra ledger`: every link accounted for, in all and by day, and checked."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, astuple, fields
from enum import StrEnum
from typing import Annotated

import typer

from jobs.days import Counts, Day, days, total
from jobs.errors import Reason
from jobs.ledger import Ledger
from jobs.link import OUTCOMES
from worker import factory
from worker.commands import table
from worker.commands.context import Exit, print_json, redis
from worker.commands.progress import progress
from worker.dead_job import dead_job_maker
from worker.feeds.registry import Registry
from worker.ledger_check import FAULTS, Check, Report
from worker.printable import printable

EXAMPLES = 5
"""Faults of a kind that are named; --json names up to 1,000."""
MOST_ROWS = 50
"""Feeds, or hosts, that the table shows; --json has them all."""
_COLUMNS = [one.name for one in fields(Counts)]

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
app = typer.Typer(invoke_without_command=True)


class By(StrEnum):
    """What `--by` tells apart."""

    DAY = "day"
    REASON = "reason"
    FEED = "feed"
    HOST = "host"


@app.callback()
def ledger(
    context: typer.Context,
    number: Annotated[
        int | None,
        typer.Option("--days", min=1, max=3650, help="What happened on the last so many days (UTC)."),
    ] = None,
    by: Annotated[By, typer.Option(help="With --days: what is told apart.")] = By.DAY,
    as_json: Json = False,
) -> None:
    """Print the balance: discovered = published + duplicate + unchanged + skipped + failed + in flight.

    With --days: what happened lately. Links count on the day they were discovered, and on the day they ended;
    by feed, with the first one that listed them; by host, where they stood. Days are kept for
    PALMYRA_KEEP_LEDGER.

    Examples:

        palmyra ledger

        palmyra ledger --days 7

        palmyra ledger --days 1 --by host --json
    """
    if context.invoked_subcommand:
        return
    if number is None and by is not By.DAY:
        raise typer.BadParameter("needs --days", param_hint="--by")
    loaded, connection = redis()
    if number is None:
        _balance(factory.ledger(loaded, connection), as_json=as_json)
        return
    found = days(connection, factory.keys(loaded), number)
    if as_json:
        print_json([_data(day, by) for day in found])
    else:
        _show(found, by, factory.registry(loaded, connection))


@app.command()
def check(
    fix: Annotated[bool, typer.Option("--fix", help="Put right what is wrong.")] = False,
    as_json: Json = False,
) -> None:
    """Check every link against the places where it can stand, RQ, the kept pages and the stream.

    Reads everything once, in small steps, while the system works. --fix puts right what is wrong: links that
    stood nowhere get their turn again, what is left over goes, counters count anew; each link's way says what
    was done. Exit code 4 when something was wrong, and --fix was not given.

    Examples:

        palmyra ledger check

        palmyra ledger check --fix --json
    """
    loaded, connection = redis()
    keys = factory.keys(loaded)
    look = Check(
        connection,
        keys,
        dead_job_maker(connection, keys),
        keep_ledger_days=loaded.keep_ledger,
        keep_pages_days=loaded.keep_pages,
        keep_stream_days=loaded.keep_stream,
    )
    with progress("links checked") as done:
        report = look.run(mend=fix, done=done)
    if as_json:
        faults = [asdict(fault) for fault in report.faults]
        print_json({"links": report.links, "fixed": fix, "counts": dict(report.counts), "faults": faults})
    else:
        _tell(report, fixed=fix)
    if report.counts and not fix:
        raise typer.Exit(Exit.UNHEALTHY)


def _tell(report: Report, *, fixed: bool) -> None:
    for kind, count in report.counts.most_common():
        sys.stdout.write(f"{count:,} × {FAULTS[kind]} ({kind})\n")
        named = [f"{fault.link} {fault.detail}".strip() for fault in report.faults if fault.kind == kind]
        sys.stdout.writelines(f"    {printable(one)}\n" for one in named[:EXAMPLES])
        if count > EXAMPLES:
            sys.stdout.write(f"    and {count - EXAMPLES:,} more\n")
    wrong = sum(report.counts.values())
    verdict = (
        "nothing is wrong"
        if not wrong
        else f"{wrong:,} faults"
        + (", put right" if fixed else "; `palmyra ledger check --fix` puts them right")
    )
    sys.stdout.write(f"{report.links:,} links checked: {verdict}\n")


def _balance(book: Ledger, *, as_json: bool) -> None:
    totals, stages = book.totals(), book.in_stages()
    balance = totals["discovered"] - sum(totals[o] for o in OUTCOMES) - totals["in_flight"]
    if as_json:
        print_json(totals | stages | {"balance": balance})
        return
    table.show(
        ("links", "count"),
        [(o, totals[o]) for o in ("discovered", *OUTCOMES, "in_flight")],
        numbers=["count"],
    )
    _show_reasons({name: count for name, count in totals.items() if ":" in name}, gap=True)
    if rechecks := totals["rechecks"]:
        changed = totals["rechecks_published"]
        sys.stdout.write(
            f"\nof these, re-checks of published articles: {rechecks:,}, of which {changed:,} published\n"
        )
    verdict = "the ledger balances" if balance == 0 else f"OUT OF BALANCE by {balance}: palmyra ledger check"
    in_flight = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in stages.items())
    sys.stdout.write(f"\n{verdict}; in flight: {in_flight}\n")


def _show_reasons(counts: dict[str, int], *, gap: bool = False) -> None:
    rows = [(*name.split(":", 1), count, _meaning(name)) for name, count in sorted(counts.items())]
    if rows:
        sys.stdout.write("\n" if gap else "")
        table.show(("outcome", "reason", "count", "meaning"), rows, numbers=["count"])


def _meaning(name: str) -> str:
    """Of ``failed:timeout``; nothing of a word of another version."""
    reason = name.partition(":")[2]
    return Reason(reason).meaning if reason in set(Reason) else ""


def _data(day: Day, by: By) -> dict[str, object]:
    """A day for JSON."""
    data: dict[str, object] = {"date": day.date, **asdict(day.total), "rechecks": day.rechecks}
    if by is By.REASON:
        data["reasons"] = dict(day.reasons)
    elif by is not By.DAY:
        named = day.feeds if by is By.FEED else day.hosts
        data[f"{by}s"] = {name: asdict(counts) for name, counts in named.items()}
    return data


def _show(found: Sequence[Day], by: By, registry: Registry) -> None:
    if not found:
        sys.stdout.write("Nothing happened on these days.\n")
    elif by is By.DAY:
        columns = [*_COLUMNS, "rechecks"]
        rows = [(day.date, *astuple(day.total), day.rechecks) for day in found]
        table.show(("day", *columns), rows, numbers=columns)
    elif by is By.REASON:
        reasons: Counter[str] = Counter()
        for day in found:
            reasons.update(day.reasons)
        _show_reasons(dict(reasons))
    else:
        _show_names(total(day.feeds if by is By.FEED else day.hosts for day in found), by, registry)


def _show_names(counts: dict[str, Counts], by: By, registry: Registry) -> None:
    rows = [(_name(name, by, registry), *astuple(one)) for name, one in list(counts.items())[:MOST_ROWS]]
    table.show((by, *_COLUMNS), rows, numbers=_COLUMNS, shortened=[by])
    if len(counts) > MOST_ROWS:
        sys.stdout.write(f"and {len(counts) - MOST_ROWS:,} more; --json has them all\n")


def _name(name: str, by: By, registry: Registry) -> str:
    if name == "*":
        return "(others)"
    feed = registry.get(name) if by is By.FEED else None
    return f"{name} {feed.public_url}" if feed else name


def register(group: typer.Typer) -> None:
    """Add this command and those below it."""
    group.add_typer(app, name="ledger")
