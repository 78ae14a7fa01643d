"""`palmyra refetch`: links that ended are fetched again."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from jobs.reopening import How, Reopened, Status
from worker import factory, selection
from worker.commands.context import Exit, redis
from worker.commands.reopen import Wish, named, open_named, open_selected, opened
from worker.commands.selecting import DryRun, Feeds, Hosts, Outcomes, Reasons, Since, Yes, select

REFETCH = Wish(How.REFETCH, "refetch asked for by an operator", "fetched again")
AFRESH = Wish(How.AFRESH, "refetch of the whole page asked for by an operator", "fetched again")
LIFT = Wish(
    How.LIFT, "the withdrawal is lifted: refetch forced by an operator", "fetched again, withdrawn or not"
)

Urls = Annotated[list[str] | None, typer.Argument(help="URLs or ids of links.")]


def refetch(
    urls: Urls = None,
    feed: Feeds = None,
    host: Hosts = None,
    since: Since = None,
    outcome: Outcomes = None,
    reason: Reasons = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Ask for the whole page, whether the site says it changed or not.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also what was withdrawn, which is published again then.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Fetch links again, whatever became of them; a changed article is published as a new revision.

    The site is asked whether the page changed since the newest revision: one that did not ends as unchanged
    and costs no download. Links that are selected by options take their turn behind what is new; on a
    terminal it asks first.

    Examples:

        palmyra refetch https://example.com/2026/11/a-story

        palmyra refetch --host example.com --since 2d --dry-run

        palmyra refetch --feed https://example.com/feed.xml --outcome skipped --reason no_text --yes
    """
    loaded, connection = redis()
    book = factory.ledger(loaded, connection)
    wish = LIFT if force else AFRESH if whole else REFETCH
    filters = any((feed, host, since, outcome, reason))
    if bool(urls) == filters:
        raise typer.BadParameter("name links, or select them (--feed, --host, --since, --outcome, --reason)")
    if urls:
        tell_each(wish, open_named(book, connection, named(book, urls), wish, dry_run=dry_run))
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
    links = list(selection.closed(connection, book.keys, chosen))
    tell_all(wish, open_selected(book, connection, links, wish, dry_run=dry_run, yes=yes), dry_run=dry_run)


def tell_each(wish: Wish, done: list[Reopened]) -> None:
    """What became of links that were named; `Exit.FAILURE` when one could not be opened."""
    fine = (Status.OPENED, Status.OPEN_ALREADY)
    for one in done:
        (sys.stdout if one.status in fine else sys.stderr).write(f"{wish.says(one)}\n")
    if any(one.status not in fine for one in done):
        raise typer.Exit(Exit.FAILURE)


def tell_all(wish: Wish, done: list[Reopened], *, dry_run: bool) -> None:
    """What became of links that were selected."""
    if not dry_run:
        sys.stdout.write(f"{opened(done):,} of {len(done):,} links are {wish.done}\n")


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("refetch")(refetch)
