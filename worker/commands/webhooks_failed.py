"""`palmyra webhooks failed` and `requeue`: events that a webhook did not take for a day."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import Annotated

import typer

from worker import factory
from worker.commands import completing, table
from worker.commands.context import Exit, print_json, redis
from worker.webhooks import queue
from worker.webhooks.hook import known

Named = Annotated[
    str, typer.Argument(metavar="WEBHOOK", help="Its id, or its URL.", autocompletion=completing.webhooks)
]


def failed(
    webhook: Named,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line an event.")] = False,
) -> None:
    """List what a webhook did not take for a day: the newest 1,000 events, for 30 days.

    Examples:

        palmyra webhooks failed k3jd72hs

        palmyra webhooks failed k3jd72hs --json | jq -r .id
    """
    loaded, connection = redis()
    hooks = factory.hooks(loaded, connection)
    letters = queue.letters(hooks, known(hooks, webhook).id)
    if as_json:
        for letter in letters:
            print_json(asdict(letter))
        return
    rows = [(one.id, table.when(one.at_ms), one.tries, one.why) for one in letters]
    if not rows:
        sys.stdout.write("Nothing was given up.\n")
        return
    table.show(("event", "given up (UTC)", "tries", "why"), rows, numbers=("tries",), shortened=("why",))


def requeue(
    webhook: Named,
    events: Annotated[list[str] | None, typer.Argument(help="Ids of events.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
) -> None:
    """Deliver to a webhook again what it did not take, as far as it is on the stream still.

    Examples:

        palmyra webhooks requeue k3jd72hs --all

        palmyra webhooks requeue k3jd72hs 2q7gkzdgttvxnxmu:1
    """
    if bool(events) == every:
        raise typer.BadParameter("name events, or say --all")
    loaded, connection = redis()
    hooks = factory.hooks(loaded, connection)
    hook = known(hooks, webhook)
    now_ms = int(time.time() * 1000)
    opened, gone = queue.requeue(hooks, hook.id, None if every else set(events or []), now_ms)
    lost = f", {gone} no longer on the stream" if gone else ""
    off = "; the webhook is off: palmyra webhooks edit " + hook.id + " --on" if hook.off else ""
    sys.stdout.write(f"{opened} to be delivered again{lost}{off}\n")
    if not opened:
        raise typer.Exit(Exit.FAILURE)
