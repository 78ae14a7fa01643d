"""`palmyra feeds`: register, list, change, check, import and export feeds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from jobs.errors import PalmyraError
from worker import factory
from worker.commands import completing, feeds_hub
from worker.commands.context import redis
from worker.commands.feed_args import check_feed_url, known
from worker.commands.feeds_add import add
from worker.commands.feeds_check import check
from worker.commands.feeds_edit import edit
from worker.commands.feeds_list import list_
from worker.commands.feeds_show import show
from worker.commands.progress import progress
from worker.feeds.opml import Outline, read, write
from worker.printable import printable

app = typer.Typer(help="Register, list, change, check, import and export feeds.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MAX_OPML_BYTES = 20 * 2**20


app.command("add")(add)
app.command("list")(list_)
app.command("show")(show)
app.command("edit")(edit)
app.command("check")(check)


@app.command("remove")
def remove(
    feeds: Annotated[
        list[str], typer.Argument(help="Ids or URLs of feeds.", autocompletion=completing.feeds)
    ],
) -> None:
    """Stop polling feeds and forget them. Their links and articles stay.

    Example:

        palmyra feeds remove https://feeds.bbci.co.uk/news/world/rss.xml
    """
    loaded, connection = redis()
    registry = factory.registry(loaded, connection)
    for feed in feeds:
        removed = known(registry.remove(feed), feed)
        ended = feeds_hub.end(loaded, connection, removed.id)
        said = f"  ({printable(ended)})" if ended else ""
        sys.stdout.write(f"removed {removed.id}  {printable(removed.public_url)}{said}\n")


@app.command("import")
def import_(file: Annotated[Path, typer.Argument(help="An OPML file.", exists=True, dir_okay=False)]) -> None:
    """Register the feeds of an OPML file, as other readers export it. Known ones stay as they are.

    Example:

        palmyra feeds import feeds.opml
    """
    loaded, connection = redis()
    if file.stat().st_size > MAX_OPML_BYTES:
        raise PalmyraError(f"{file} is larger than {MAX_OPML_BYTES // 2**20} MiB: that is no list of feeds")
    registry = factory.registry(loaded, connection)
    added = refused = 0
    outlines = read(file.read_bytes())
    with progress("feeds registered", len(outlines)) as done:
        for outline in outlines:
            done(1)
            try:
                check_feed_url(loaded, outline.url)
            except PalmyraError as error:
                refused += 1
                sys.stderr.write(f"left out: {printable(str(error))}\n")
                continue
            added += registry.add(
                outline.url,
                title=outline.title or "",
                site_url=outline.site_url or "",
                folders="/".join(outline.folders),
            )
    there = len(outlines) - added - refused
    sys.stdout.write(f"{added} feeds added, {there} were registered already, {refused} left out\n")


@app.command("export")
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; standard output if not given.")] = None,
) -> None:
    """Write the registered feeds as OPML, with their folders. Secrets in URLs are written too: keep it safe.

    Example:

        palmyra feeds export my-feeds.opml
    """
    loaded, connection = redis()
    feeds = factory.registry(loaded, connection).registered()
    data = write(
        Outline(f.url, f.title, f.site_url, tuple(part for part in f.folders.split("/") if part))
        for f in feeds
    )
    if file is None:
        sys.stdout.buffer.write(data)
    else:
        file.write_bytes(data)
        sys.stdout.write(f"{len(feeds)} feeds written to {file}\n")


def register(parent: typer.Typer) -> None:
    """Add these commands."""
    parent.add_typer(app, name="feeds")
