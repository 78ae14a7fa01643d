"""Commands that look: why, tail."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from redis import Redis

from worker import factory, logs
from worker.commands.context import redis
from worker.commands.tail_out import Show, destination
from worker.commands.why import why
from worker.config import Settings
from worker.export.format import Format
from worker.stream import Gap

FOLLOW_MS = 2_000
"""How long one reading waits: well under redis-py's 5 s for an answer, after which it would be an error."""
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
    form: Annotated[
        Format | None, typer.Option("--format", help="json (as --json), ninjs, csv or parquet.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write to this file; needs --format.")] = None,
    stories: Annotated[
        bool, typer.Option("--stories", help="The events of stories instead: opened, grew, merged.")
    ] = False,
) -> None:
    """Print the articles on the stream: without --since the last ten, without --follow up to the end.

    Examples:

        palmyra tail --follow

        palmyra tail --since 2h --where "language == 'de' and word_count > 300"

        palmyra tail --since start --json | jq .data.headline

        palmyra tail --since 1d --format csv --output yesterday.csv

        palmyra tail --stories --follow
    """
    if group and form is Format.PARQUET:
        # A group's events are acknowledged as they come; the file can be read when it is closed only.
        raise typer.BadParameter("a Parquet file is whole only at its end: use --since", param_hint="--group")
    if stories and (group or where or form not in (None, Format.JSON)):
        raise typer.BadParameter("takes --since, --follow and --json only", param_hint="--stories")
    loaded, connection = redis()
    keys = factory.keys(loaded)
    stream = keys.stories if stories else keys.stream
    wanted = _selecting(where)
    try:
        with destination(form or (Format.JSON if as_json else None), output, overwrite=group is None) as show:
            if group:
                _follow_as(group, loaded, connection, since, where, follow=follow, show=show)
                return
            for entry_id, fields in _read(connection, stream, since, follow):
                event = json.loads(fields[b"event"])
                if wanted(event):
                    show(int(entry_id.split("-")[0]), event)
    except KeyboardInterrupt:
        return  # how one ends --follow
    except BrokenPipeError:  # `| head` has had enough; Python would complain when it flushes at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _selecting(where: str | None) -> Callable[[Mapping[str, Any]], bool]:
    """Whether an event is to be printed.

    Raises:
        typer.BadParameter: the expression is none.
    """
    if where is None:
        return lambda event: True
    from worker.where import BadWhere, compile_event_where  # with the models, to know their fields

    try:
        return compile_event_where(where)
    except BadWhere as error:
        raise typer.BadParameter(str(error), param_hint="--where") from None


def start_id(since: str) -> str:
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
    at, last = (start_id(since), "0") if since else ("-", "0")
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
            connection.xread({stream: last}, count=1, block=FOLLOW_MS)


def _follow_as(
    group: str,
    settings: Settings,
    connection: Redis,
    since: str | None,
    where: str | None,
    *,
    follow: bool,
    show: Show,
) -> None:
    """Read as a consumer group: what it was given and did not acknowledge first, then what is new."""
    if since:
        start_id(since)  # is it one? With the option's name, if not
    from worker.client import subscribe  # with the models, which other commands have no use for

    logs.configure(settings.log_level, process="tail")
    read = subscribe(
        connection,
        group=group,
        consumer="tail",
        namespace=settings.namespace,
        since=since or "start",
        where=where,
        follow=follow,
        overtaken=_tell_gap,
    )
    for event in read:
        made_ms = int(datetime.fromisoformat(event.time).timestamp() * 1000)
        show(made_ms, event.model_dump(mode="json"))


def _tell_gap(missed: Gap) -> None:
    what = (
        f"events after {missed.after} and up to {missed.until} were trimmed before this group had read them"
    )
    sys.stderr.write(f"palmyra: {what}\n")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("why")(why)
    app.command("tail")(tail)
