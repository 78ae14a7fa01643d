"""`palmyra feeds`: register, list, change, check, import and export feeds."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.client import Client
from jobs.errors import PalmyraError
from jobs.urls import redact
from worker import factory
from worker.commands import feeds_hub, table
from worker.commands.context import print_json, redis, settings
from worker.commands.feed_args import check_feed_url, known
from worker.commands.feeds_add import about, add
from worker.commands.feeds_edit import edit
from worker.commands.feeds_find import search_site
from worker.config import Settings
from worker.feeds.errors import FeedError
from worker.feeds.find import Discovery, is_other
from worker.feeds.login import login
from worker.feeds.opml import Outline, read, write
from worker.feeds.parser import Parser
from worker.feeds.poller import Poll, Poller, links_of
from worker.feeds.registry import Feed, feed_id
from worker.feeds.rhythm import Rhythm
from worker.feeds.rhythm_words import describe
from worker.feeds.schedule import Bounds
from worker.feeds.turns import own
from worker.printable import printable

app = typer.Typer(help="Register, list, change, check, import and export feeds.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MAX_OPML_BYTES = 20 * 2**20


app.command("add")(add)
app.command("edit")(edit)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the registered feeds: when each was polled, when it is next, and what is wrong with it.

    Examples:

        palmyra feeds list

        palmyra feeds list --json | jq -r 'select(.failures > 0) | .url'
    """
    loaded, connection = redis()
    feeds = factory.registry(loaded, connection).registered()
    if as_json:
        for feed in feeds:
            print_json(feed.shown)
        return
    now_ms = time.time() * 1000
    rows = [
        (
            f.id,
            f.title or f.public_url,
            _ago(f.polled, now_ms),
            "-" if f.paused else _in(f.next, now_ms),
            f.found,
            _state(f),
        )
        for f in feeds
    ]
    table.show(("feed", "title", "polled", "next", "links", "state"), rows, numbers=["links"])
    if not feeds:
        sys.stdout.write(
            "No feed is registered. `palmyra feeds add URL`, or `palmyra feeds import feeds.opml`.\n"
        )


def _ago(ms: int, now_ms: float) -> str:
    return f"{table.span((now_ms - ms) / 1000)} ago" if ms else "never"


def _in(ms: int, now_ms: float) -> str:
    return f"in {table.span((ms - now_ms) / 1000)}" if ms > now_ms else "now"


def _state(feed: Feed) -> str:
    if feed.paused:
        return "paused"
    if feed.failures:
        return f"{feed.reason}, {feed.failures} in a row: {feed.error}"
    return "ok" if feed.polled else "new"


@app.command("show")
def show(feed: Annotated[str, typer.Argument(help="A feed's id or URL.")], as_json: Json = False) -> None:
    """Show all that is known of one feed, and why its next poll is when it is.

    Example:

        palmyra feeds show https://feeds.bbci.co.uk/news/world/rss.xml
    """
    loaded, connection = redis()
    found = known(factory.registry(loaded, connection).get(feed), feed)
    fields = found.shown
    subscription = factory.subscriptions(loaded, connection).get(found.id)
    if as_json:
        print_json(fields | {"hub": feeds_hub.shown(subscription)})
        return
    for name, value in fields.items():
        text = _shown(name, value)
        sys.stdout.write(f"{name:<10} {printable(str(text))}\n")
    sys.stdout.write(f"{'hub':<10} {printable(feeds_hub.described(subscription))}\n")


def _shown(name: str, value: Any) -> object:
    """A field as people read it."""
    if name in ("added", "polled", "next", "newest"):
        return table.when(value)
    return describe(Rhythm.parse(value)) if name == "rhythm" else value


@app.command("remove")
def remove(feeds: Annotated[list[str], typer.Argument(help="Ids or URLs of feeds.")]) -> None:
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
    for outline in outlines:
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


@app.command("check")
def check(url: Annotated[str, typer.Argument(help="A feed's URL.")], as_json: Json = False) -> None:
    """Poll a feed once without recording anything, and say what it brought. Needs no Redis.

    Example:

        palmyra feeds check https://feeds.bbci.co.uk/news/world/rss.xml
    """
    loaded = settings()
    started = time.monotonic()
    check_feed_url(loaded, url)
    poll, site = asyncio.run(_ask(loaded, url))
    took_s = time.monotonic() - started
    if as_json:
        print_json(_checked(poll, took_s) | {"feeds": _found(site)})
    else:
        _say(poll, took_s)
        for feed in _found(site):
            sys.stdout.write(printable(f"feed found: {feed['url']} ({feed['about']})") + "\n")
    if poll.error:
        raise poll.error


async def _ask(loaded: Settings, url: str) -> tuple[Poll, Discovery | None]:
    """What a poll brings and, where there is no feed, those of the site."""
    turn = own(loaded.host_delay)
    async with Client(factory.policy(loaded)) as client, Parser() as parser:
        connection = factory.connect(loaded, patient=False)  # opened by no command: `ask` writes nothing
        poller = Poller(
            factory.ledger(loaded, connection),
            factory.registry(loaded, connection),
            client,
            parser,
            bounds=Bounds(loaded.poll_min, loaded.poll_max),
            host_delay_s=loaded.host_delay,
        )
        await turn(login(url).url)
        poll = await poller.ask(Feed(feed_id(url), url), turn)
        if poll.answer and isinstance(poll.error, FeedError) and is_other(poll.error):
            return poll, await search_site(client, parser, turn, url, poll.answer, poll.error)
        return poll, None


def _found(site: Discovery | None) -> list[dict[str, str]]:
    """The feeds of the site, when the URL itself is none."""
    feeds = [{"url": redact(feed.url), "about": about(feed)} for feed in site.feeds] if site else []
    return feeds + [{"url": redact(url), "about": "named there"} for url in (site.named if site else ())]


def _checked(poll: Poll, took_s: float) -> dict[str, Any]:
    parsed, answer = poll.parsed, poll.answer
    return {
        "status": answer.status if answer else None,
        "final_url": answer.final_url if answer else None,
        "took_s": round(took_s, 3),
        "error": str(poll.error) if poll.error else None,
        "format": parsed.format if parsed else None,
        "title": parsed.title if parsed else None,
        "entries": [asdict(replace(e, content=None)) for e in parsed.entries] if parsed else [],
        "notes": list(parsed.notes) if parsed else [],
    }


def _say(poll: Poll, took_s: float) -> None:
    parsed, answer = poll.parsed, poll.answer
    if answer:
        size = f"{len(answer.body)} bytes ({answer.wire_bytes} on the wire)"
        validators = "ETag" if answer.etag else "Last-Modified" if answer.last_modified else "no validator"
        sys.stdout.write(f"status {answer.status}, {size}, {took_s:.2f} s, {answer.address}, {validators}\n")
        for status, hop in answer.redirects:
            sys.stdout.write(f"redirect {status} from {printable(hop)}\n")
    if parsed is None:
        return
    links = links_of(parsed.entries)
    sys.stdout.write(f"{parsed.format}: {printable(parsed.title or 'no title')}, {len(links)} links\n")
    for note in parsed.notes:
        sys.stdout.write(f"note: {printable(note)}\n")
    sys.stdout.write("\n")
    rows = [(link.entry.published or "no date", link.entry.title or "", link.url) for link in links]
    table.show(("published", "title", "link"), rows)


def register(parent: typer.Typer) -> None:
    """Add these commands."""
    parent.add_typer(app, name="feeds")
