"""`palmyra failed`: the dead letter, looked through and opened again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from typing import Annotated

import typer

from jobs.reopening import How
from worker import factory, selection
from worker.advice import advice
from worker.commands import table
from worker.commands.context import Exit, print_json, redis
from worker.commands.failed_counts import By, print_counts
from worker.commands.reopen import Wish, named, open_named, open_selected, opened
from worker.commands.selecting import DryRun, Feeds, Hosts, Newer, Older, Reasons, Yes, select
from worker.commands.why import as_data, known, tell
from worker.selection import Record

REQUEUE = Wish(How.REQUEUE, "requeued by an operator", "opened again")

failed = typer.Typer(help="The dead letter: links that ended without an article.", no_args_is_help=True)


@failed.command("list")
def list_(
    reason: Reasons = None,
    host: Hosts = None,
    feed: Feeds = None,
    older: Older = None,
    newer: Newer = None,
    by: Annotated[By | None, typer.Option("--by", help="Count them by this instead.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="The newest this many; of counts, the largest.")
    ] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line a link or count.")] = False,
) -> None:
    """List failed links, the newest first, or count them.

    Options of one kind widen what is listed, those of different kinds narrow it down.

    Examples:

        palmyra failed list --by reason

        palmyra failed list --reason timeout --reason dns --host example.org --newer 1d

        palmyra failed list -n 5000 --json | jq -r .url
    """
    loaded, connection = redis()
    chosen = select(loaded, connection, reasons=reason, hosts=host, feeds=feed, older=older, newer=newer)
    found = selection.dead(connection, factory.keys(loaded), chosen)
    if by:
        print_counts(by, found, limit, as_json=as_json)
    else:
        _print_links(found, limit, as_json=as_json)


def _print_links(found: Iterator[Record], limit: int, *, as_json: bool) -> None:
    if as_json:
        for link in islice(found, limit):
            print_json(asdict(link))
        return
    rows = [
        (link.link_id, link.reason or "", table.when(link.ended_ms), link.url, link.detail or "")
        for link in islice(found, limit)
    ]
    table.show(("link", "reason", "failed (UTC)", "url", "detail"), rows)
    if next(found, None):
        sys.stderr.write(f"More than these {limit} failed: --limit shows more, --by reason counts them.\n")


@failed.command("show")
def show(
    url: Annotated[str, typer.Argument(help="A link's URL, or its id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell a failed link's whole way, as `palmyra why` does, and what to do about it.

    Examples:

        palmyra failed show https://example.com/2026/11/a-story

        palmyra failed show k3jd72hs5f6a2qpx --json | jq -r .advice
    """
    loaded, connection = redis()
    story = known(factory.ledger(loaded, connection), url)
    todo = advice(story.reason)
    if as_json:
        print_json(as_data(story) | {"advice": todo})
        return
    tell(story)
    if todo:
        sys.stdout.write(f"\nWhat to do: {todo}\n")
    if story.outcome == "failed":
        sys.stdout.write(f"To try it again: palmyra failed requeue {story.link_id}\n")
    else:
        sys.stdout.write(f"It is not among the failed links now: it is {story.outcome or story.state}.\n")


@failed.command("requeue")
def requeue(
    urls: Annotated[list[str] | None, typer.Argument(help="URLs or ids of links.")] = None,
    reason: Reasons = None,
    host: Hosts = None,
    feed: Feeds = None,
    older: Older = None,
    newer: Newer = None,
    every: Annotated[bool, typer.Option("--all", help="Every failed link.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Open failed links again: those that are named, or all that the options select.

    It does what Requeue in the RQ dashboard does. A kept page is used instead of being fetched again, unless
    the page was what was wrong. Many links take their turn behind what is new. On a terminal it asks first.

    Examples:

        palmyra failed requeue https://example.com/2026/11/a-story

        palmyra failed requeue --reason timeout --reason connect --host example.org --dry-run

        palmyra failed requeue --all --newer 2h --yes
    """
    loaded, connection = redis()
    book = factory.ledger(loaded, connection)
    filters = any((reason, host, feed, older, newer, every))
    if bool(urls) == filters:
        raise typer.BadParameter(
            "name links, or select them (--reason, --host, --feed, --older, --newer, --all)"
        )
    if urls:
        ids = named(book, urls)
        done = open_named(book, connection, ids, REQUEUE, dry_run=dry_run)
    else:
        chosen = select(loaded, connection, reasons=reason, hosts=host, feeds=feed, older=older, newer=newer)
        links = list(selection.dead(connection, book.keys, chosen))
        done = open_selected(book, connection, links, REQUEUE, dry_run=dry_run, yes=yes)
    if dry_run:
        return
    sys.stdout.write(f"{opened(done)} of {len(done)} opened again\n")
    if urls and opened(done) < len(done):
        sys.stderr.writelines(f"{REQUEUE.says(one)}\n" for one in done if not opened([one]))
        raise typer.Exit(Exit.FAILURE)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(failed, name="failed")
