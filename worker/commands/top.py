"""`palmyra top`: what goes on, live."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from worker import factory
from worker.commands.context import print_json, redis

Once = Annotated[bool, typer.Option("--once", help="Print it once, and end; so it does off a terminal.")]
Json = Annotated[bool, typer.Option("--json", help="Print one look as JSON, and end.")]
PIPE_WIDTH = 140
"""Columns off a terminal."""


def top(once: Once = False, as_json: Json = False) -> None:
    """Show what goes on, live: links, workers, feeds, hosts, consumer groups and memory. q quits.

    Links are waiting in the ledger, leased to a job that waits in RQ, or running. A minute is the last one,
    since it is watched. Latencies are of the newest 200 articles that it saw. Memory by purpose is estimated
    from 400 keys; at 80 % of maxmemory the oldest kept pages go, at 90 % polling stops.

    Examples:

        palmyra top

        palmyra top --once

        palmyra top --json | jq .stages.article.waiting
    """
    from worker.top.sample import Reader
    from worker.top.screen import screen

    loaded, connection = redis()
    reader = Reader(connection, factory.keys(loaded))
    first = reader.look()
    if as_json:
        print_json(_plain(asdict(first)) | {"polling_stopped": first.memory.polling_stopped})
    elif once or not sys.stdout.isatty():
        console = Console(highlight=False)
        console.width = console.width if console.is_terminal else PIPE_WIDTH
        console.print(screen(first, console.width))
    else:
        from worker.top.live import show

        with suppress(KeyboardInterrupt):  # how one ends it
            show(reader.look, first)


def _plain(value: Any) -> Any:
    return {name: round(n, 3) if isinstance(n, float) else n for name, n in value.items()}


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("top")(top)
