"""Commands that look: ledger, why, tail, failed."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer
from redis import Redis
from redis.exceptions import ResponseError

from jobs.errors import Outcome, PalmyraError, Reason
from jobs.link import OUTCOMES, Story
from jobs.urls import link_id
from worker import dead, factory
from worker.commands import table
from worker.commands.context import Exit, print_json, redis
from worker.commands.where import compile_where
from worker.printable import printable

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def ledger(as_json: Json = False) -> None:
    """Print the balance: discovered = published + duplicate + unchanged + skipped + failed + in flight.

    Examples:

        palmyra ledger

        palmyra ledger --json
    """
    loaded, connection = redis()
    book = factory.ledger(loaded, connection)
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
    reasons = sorted((k, v) for k, v in totals.items() if ":" in k)
    if reasons:
        sys.stdout.write("\n")
        rows = [
            (*name.split(":", 1), count, Reason(name.split(":", 1)[1]).meaning) for name, count in reasons
        ]
        table.show(("outcome", "reason", "count", "meaning"), rows, numbers=["count"])
    verdict = "the ledger balances" if balance == 0 else f"OUT OF BALANCE by {balance}"
    in_flight = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in stages.items())
    sys.stdout.write(f"\n{verdict}; in flight: {in_flight}\n")


def why(
    url: Annotated[str, typer.Argument(help="A link's URL, or its id.")],
    as_json: Json = False,
) -> None:
    """Tell one link's whole way: where it was seen, what was tried, what became of it.

    Examples:

        palmyra why https://example.com/2026/11/a-story

        palmyra why k3jd72hs5f6a2qpx --json
    """
    loaded, connection = redis()
    book = factory.ledger(loaded, connection)
    story = book.story(book.owner(identify(url)))
    if story is None:
        raise PalmyraError(
            f"No link {url!r} is remembered. `palmyra feeds check URL` shows what a feed lists."
        )
    if as_json:
        print_json(asdict(story))
        return
    _tell(story)


def identify(url_or_id: str) -> str:
    """The link id that a URL or an id means."""
    if re.fullmatch(r"[a-z2-7]{16}", url_or_id):
        return url_or_id
    try:
        return link_id(url_or_id)
    except Outcome as error:
        raise PalmyraError(f"{url_or_id!r} is neither a link id nor a URL: {error.detail}") from None


def _tell(story: Story) -> None:
    state = story.outcome or f"{story.state}, stage {story.stage}"
    if story.reason:
        meaning = Reason(story.reason).meaning if story.reason in set(Reason) else ""
        state += f": {story.reason} ({meaning})"
    rows = [("link", story.link_id), ("url", story.url), ("state", state)]
    if story.final_url and story.final_url != story.url:
        rows.append(("final url", story.final_url))
    if story.duplicate_of:
        rows.append(("same as", story.duplicate_of))
    if story.due_ms:
        ends = {"later": "next attempt"}.get(story.state, "lease ends")
        rows.append((ends, f"{table.when(story.due_ms)} UTC"))
    rows.append(("page", "kept" if story.page_kept else "not kept"))
    for name, value in rows:
        sys.stdout.write(f"{name:<13} {printable(value)}\n")
    sys.stdout.write("\n")
    first = story.steps[0].at_ms if story.steps else 0
    for step in story.steps:
        after = (step.at_ms - first) / 1000
        sys.stdout.write(f"{table.when(step.at_ms)}  {after:>10.3f} s  {printable(step.text)}\n")


def tail(
    since: Annotated[
        str | None, typer.Option(help="Start at: a time ago (30m, 2h, 7d), a stream id, or `start`.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Read as this consumer group, and acknowledge.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for what comes.")] = False,
    where: Annotated[
        str | None, typer.Option(help="Only events for which this holds, e.g. language == 'de'.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the articles on the stream: without --since the last ten, without --follow up to the end.

    Examples:

        palmyra tail --follow

        palmyra tail --since 2h --where "language == 'de' and word_count > 300"

        palmyra tail --since start --json | jq .data.headline
    """
    loaded, connection = redis()
    stream = factory.keys(loaded).stream
    wanted = compile_where(where)
    read = (
        _as_group(connection, stream, group, follow=follow)
        if group
        else _read(connection, stream, since, follow)
    )
    try:
        for entry_id, fields in read:
            event = json.loads(fields[b"event"])
            if wanted(event.get("data") or {}):
                _print_event(entry_id, event, as_json=as_json)
    except KeyboardInterrupt:
        return  # how one ends --follow
    except BrokenPipeError:  # `| head` has had enough; Python would complain when it flushes at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _start_id(since: str) -> str:
    """The stream id from which `since` means to read, inclusive."""
    if since == "start":
        return "-"
    ago = re.fullmatch(r"(\d+)([smhd])", since)
    if ago:
        seconds = int(ago[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[ago[2]]
        return str(int((time.time() - seconds) * 1000))
    if re.fullmatch(r"\d+(-\d+)?", since):
        return since
    raise typer.BadParameter(
        f"{since!r} is not a time ago (2h), a stream id or `start`", param_hint="--since"
    )


def _read(
    connection: Redis, stream: str, since: str | None, follow: bool
) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    at, last = (_start_id(since), "0") if since else ("-", "0")
    if since is None:
        newest: Any = connection.xrevrange(stream, count=10)
        for raw_id, fields in reversed(newest):
            last = raw_id.decode()
            yield last, fields
        at = f"({last}"
    while True:
        batch: Any = connection.xrange(stream, min=at, count=200)
        for raw_id, fields in batch:
            last = raw_id.decode()
            yield last, fields
        if batch:
            at = f"({last}"
        elif not follow:
            return
        else:
            connection.xread({stream: last}, count=1, block=10_000)


def _as_group(
    connection: Redis, stream: str, group: str, *, follow: bool
) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    """Read as a consumer group: what it was given and did not acknowledge first, then what is new."""
    try:
        connection.xgroup_create(stream, group, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    cursor = "0"
    while True:
        block = 10_000 if follow and cursor == ">" else None
        got: Any = connection.xreadgroup(group, "tail", {stream: cursor}, count=100, block=block)
        entries: list[Any] = got[0][1] if got else []
        if not entries and cursor == "0":
            cursor = ">"
            continue
        if not entries and not follow:
            return
        for raw_id, fields in entries:
            if fields:
                yield raw_id.decode(), fields
            connection.xack(stream, group, raw_id)


def _print_event(entry_id: str, event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(event)
    else:
        data = event["data"]
        at = table.when(int(entry_id.split("-")[0]))[11:]
        source = (data.get("source") or {}).get("domain") or ""
        kind = event["type"].split(".")[2]
        mark = "" if kind == "published" else f"[{kind}] "
        line = (
            f"{at}  {source:<24}  {data.get('language') or '--'}  {mark}{data.get('headline') or data['url']}"
        )
        sys.stdout.write(printable(line) + "\n")
    sys.stdout.flush()


failed = typer.Typer(help="The dead letter: links that ended without an article.", no_args_is_help=True)


@failed.command("list")
def failed_list(
    limit: Annotated[int, typer.Option("--limit", "-n", help="The newest this many.")] = 50,
    as_json: Json = False,
) -> None:
    """List failed links, the newest first.

    Examples:

        palmyra failed list

        palmyra failed list -n 1000 --json
    """
    loaded, connection = redis()
    dead_links = list(factory.ledger(loaded, connection).dead(limit))
    if as_json:
        for story in dead_links:
            print_json(asdict(story))
        return
    rows = [
        (
            story.link_id,
            story.reason,
            table.when(story.steps[-1].at_ms if story.steps else 0),
            story.url,
            story.detail,
        )
        for story in dead_links
    ]
    table.show(("link", "reason", "failed (UTC)", "url", "detail"), rows)


@failed.command("show")
def failed_show(
    url: Annotated[str, typer.Argument(help="A link's URL, or its id.")], as_json: Json = False
) -> None:
    """Tell a failed link's whole way; the same as `palmyra why`."""
    why(url, as_json)


@failed.command("requeue")
def failed_requeue(
    urls: Annotated[list[str] | None, typer.Argument(help="URLs or ids of failed links.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every failed link.")] = False,
) -> None:
    """Open failed links again. A page that is kept is used, not fetched again.

    Examples:

        palmyra failed requeue https://example.com/2026/11/a-story

        palmyra failed requeue --all
    """
    loaded, connection = redis()
    book = factory.ledger(loaded, connection)
    ids = (
        [story.link_id for story in book.dead(1_000_000)] if every else [identify(url) for url in urls or []]
    )
    if not ids and not every:
        raise typer.BadParameter("name at least one link, or --all")
    opened = sum(bool(dead.requeue_link(book, connection, one, "requeued by an operator")) for one in ids)
    sys.stdout.write(f"{opened} of {len(ids)} opened again\n")
    if opened < len(ids):
        raise typer.Exit(Exit.FAILURE)


def refetch(urls: Annotated[list[str], typer.Argument(help="URLs or ids of links.")]) -> None:
    """Fetch links again whatever became of them; a changed article is published as a new revision.

    Example:

        palmyra refetch https://example.com/2026/11/a-story
    """
    loaded, connection = redis()
    book = factory.ledger(loaded, connection)
    for url in urls:
        one = book.owner(identify(url))
        opened = book.reopen(one, "refetch asked for by an operator", afresh=True)
        if opened is None:
            raise PalmyraError(f"No link {url!r} is remembered.")
        sys.stdout.write(f"{one} {'is fetched again' if opened else 'is on its way already'}\n")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("ledger")(ledger)
    app.command("why")(why)
    app.command("tail")(tail)
    app.add_typer(failed, name="failed")
    app.command("refetch")(refetch)
