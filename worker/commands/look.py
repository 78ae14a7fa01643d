"""Commands that look: why, tail."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from redis import Redis
from redis.exceptions import ResponseError

from worker import factory
from worker.commands import table
from worker.commands.context import print_json, redis
from worker.commands.where import compile_where
from worker.commands.why import why
from worker.printable import printable

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("why")(why)
    app.command("tail")(tail)
