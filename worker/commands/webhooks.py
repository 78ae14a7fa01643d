"""`palmyra webhooks`: who gets the events by HTTP."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict
from typing import Annotated, Any

import typer
from redis import Redis

from jobs.errors import Outcome, PalmyraError
from jobs.guard import check_url
from jobs.urls import redact
from worker import factory
from worker.commands import completing, table
from worker.commands.context import Exit, print_json, redis
from worker.commands.webhooks_failed import failed, requeue
from worker.config import Settings
from worker.feeds import headers
from worker.printable import printable
from worker.stream import Group, groups
from worker.webhooks.hook import (
    OFF_BY_OPERATOR,
    OLD_SECRET_S,
    Hook,
    Hooks,
    State,
    group_of,
    known,
    sent_headers,
    word,
)
from worker.webhooks.send import Sent, send
from worker.webhooks.signature import key_of, new_secret

app = typer.Typer(help="Webhooks: who gets the events by HTTP, and how that goes.", no_args_is_help=True)
app.command("failed")(failed)
app.command("requeue")(requeue)

TEST_TYPE = "news.webhook.test.v1"

Named = Annotated[
    str, typer.Argument(metavar="WEBHOOK", help="Its id, or its URL.", autocompletion=completing.webhooks)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Where = Annotated[
    str | None, typer.Option(help="Only articles for which this holds, e.g. language == 'de'; '' for all.")
]
Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="'Name: value'", help="Send this header too; 'Name:' ends that."),
]


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(help="Where to post the events.")],
    where: Where = None,
    since: Annotated[
        str, typer.Option(help="Begin at: a time ago (30m, 2h, 7d), a stream id, `start` or `new`.")
    ] = "new",
    header: Headers = None,
    secret: Annotated[
        str | None, typer.Option(metavar="whsec_…", help="Sign with this; else one is made.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Post every event to a URL, signed as Standard Webhooks has it. Prints the secret, this once.

    Each event comes at least once; the header webhook-id, the event's id, tells repeats. Whatever is not
    answered with a status of 200 to 299 within 15 seconds is tried again, for a day. A private address is
    refused unless PALMYRA_ALLOW_NETWORKS has it.

    Examples:

        palmyra webhooks add https://desk.example/hook

        palmyra webhooks add https://desk.example/hook --where '"economy" in topics' --since 2h

        palmyra webhooks add https://desk.example/hook --header 'Authorization: Bearer 1234'
    """
    from worker.client import position  # with the models, which other commands have no use for

    loaded, connection = redis()
    _check_url(loaded, url)
    _check_where(where)
    chosen = secret or new_secret()
    key_of(chosen)
    hooks = factory.hooks(loaded, connection)
    if hooks.find(url):
        raise PalmyraError(f"There is a webhook for {redact(url)} already: `palmyra webhooks list`.")
    more = headers.changed("", header or [])
    hook = hooks.add(url, chosen, where=where or "", more=more, since=position(since))
    if as_json:
        print_json(_as_data(hook, State(), None) | {"secret": chosen})
        return
    sys.stdout.write(f"{hook.id}  {printable(hook.public_url)}\nsecret: {chosen}\n")
    sys.stdout.write("Give the secret to the receiver: it is not shown again. Then: ")
    sys.stdout.write(f"palmyra webhooks test {hook.id}\n")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line a webhook.")] = False,
) -> None:
    """List the webhooks: state, what was delivered, what waits, what was given up.

    Examples:

        palmyra webhooks list

        palmyra webhooks list --json | jq -r 'select(.state != "ok") | .id'
    """
    loaded, connection = redis()
    found = _known(factory.hooks(loaded, connection), connection)
    if as_json:
        for hook, state, group in found:
            print_json(_as_data(hook, state, group))
        return
    rows = [
        (
            hook.id, hook.public_url, word(hook, state), state.delivered,
            waiting(group), state.dead, hook.where or "all", state.error if state.failures else hook.off,
        )
        for hook, state, group in found
    ]  # fmt: skip
    if not rows:
        sys.stdout.write("There is no webhook. `palmyra webhooks add URL`\n")
        return
    columns = ("webhook", "url", "state", "delivered", "waiting", "given up", "where", "why")
    table.show(columns, rows, numbers=("delivered", "waiting", "given up"), shortened=("where", "why"))


@app.command("show")
def show(webhook: Named, as_json: Json = False) -> None:
    """Show a webhook: what it gets, how it does, when it is tried again.

    Examples:

        palmyra webhooks show k3jd72hs

        palmyra webhooks show https://desk.example/hook --json
    """
    loaded, connection = redis()
    hooks = factory.hooks(loaded, connection)
    hook = known(hooks, webhook)
    state = hooks.state(hook.id)
    group = next((one for one in groups(connection, hooks.keys) if one.name == hook.group), None)
    if as_json:
        print_json(_as_data(hook, state, group))
        return
    now_ms = int(time.time() * 1000)
    rows: list[tuple[str, object]] = [
        ("webhook", hook.id),
        ("url", hook.public_url),
        ("state", word(hook, state) + (f": {hook.off}" if hook.off else "")),
        ("where", hook.where or "all articles"),
        ("headers", ", ".join(f"{n}: {v}" for n, v in headers.masked(sent_headers(hook)).items()) or "none"),
        ("group", hook.group),
        ("delivered", f"{state.delivered:,} events, the last {table.when(state.answered)}"),
        ("waiting", waiting(group)),
        ("attempts", f"{state.failed:,} failed"),
        ("given up", f"{state.dead:,}" + (f": palmyra webhooks failed {hook.id}" if state.dead else "")),
    ]
    if state.failures:
        wait = table.span(max(0, state.again - now_ms) / 1000)
        rows.append(
            ("failing", f"since {table.when(state.failing)}, {state.failures} in a row: {state.error}")
        )
        rows.append(("again", f"in {wait}"))
    if hook.old_secret and hook.old_until > now_ms:
        rows.append(("secrets", f"two: the old one signs until {table.when(hook.old_until)}"))
    table.facts(rows)


@app.command("edit")
def edit(
    webhook: Named,
    url: Annotated[str | None, typer.Option(metavar="NEW", help="Its new URL.")] = None,
    where: Where = None,
    header: Headers = None,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a new secret; the old one signs too, for a day.")
    ] = False,
    off: Annotated[bool | None, typer.Option("--off/--on", help="Stop or go on sending to it.")] = None,
) -> None:
    """Change a webhook. One that is off keeps no event on the stream; switched on, it goes on where it stood.

    Examples:

        palmyra webhooks edit k3jd72hs --where 'language == "fr"'

        palmyra webhooks edit k3jd72hs --rotate

        palmyra webhooks edit k3jd72hs --on
    """
    loaded, connection = redis()
    hooks = factory.hooks(loaded, connection)
    hook = known(hooks, webhook)
    changes = _changes(loaded, hook, url, where, header)
    if rotate:
        until = int((time.time() + OLD_SECRET_S) * 1000)
        changes |= {"secret": new_secret(), "old_secret": hook.secret, "old_until": until}
    if not changes and off is None:
        raise typer.BadParameter("say what is to change; --help lists what can be")
    if changes and not hooks.edit(hook.id, changes):
        raise PalmyraError(f"The webhook {hook.id} was removed meanwhile.")
    said = sorted(changes.keys() - {"old_secret", "old_until"})
    if off is not None and off != bool(hook.off):
        said.append(_switch(hooks, known(hooks, hook.id), off=off))
    sys.stdout.write(f"{hook.id}  (changed: {', '.join(said) or 'nothing'})\n")
    if rotate:
        sys.stdout.write(f"secret: {changes['secret']}\nThe old one signs too until tomorrow.\n")


@app.command("remove")
def remove(webhook: Named) -> None:
    """Remove a webhook, and what waits for it.

    Example:

        palmyra webhooks remove k3jd72hs
    """
    loaded, connection = redis()
    hooks = factory.hooks(loaded, connection)
    hook = known(hooks, webhook)
    hooks.remove(hook)
    sys.stdout.write(f"removed {hook.id}  {printable(hook.public_url)}\n")


@app.command("test")
def test(webhook: Named) -> None:
    """Post a test event to a webhook now, signed like the others, and say what it answers.

    Its type is news.webhook.test.v1, its data is empty, and it is not tried again.

    Example:

        palmyra webhooks test k3jd72hs
    """
    loaded, connection = redis()
    hook = known(factory.hooks(loaded, connection), webhook)
    sent = asyncio.run(_send_test(loaded, hook))
    if sent.error:
        sys.stderr.write(f"{printable(hook.public_url)}: {printable(sent.error)} ({sent.took_ms} ms)\n")
        raise typer.Exit(Exit.FAILURE)
    sys.stdout.write(f"{printable(hook.public_url)} answered {sent.status} in {sent.took_ms} ms\n")


async def _send_test(loaded: Settings, hook: Hook) -> Sent:
    from jobs.article import rfc3339  # as in `add`
    from jobs.event import SPEC_VERSION, source_uri

    now_ms = int(time.time() * 1000)
    event = {
        "specversion": SPEC_VERSION,
        "id": f"test:{now_ms}",
        "type": TEST_TYPE,
        "source": source_uri(loaded.namespace),
        "time": rfc3339(now_ms),
        "datacontenttype": "application/json",
        "data": {},
    }
    async with factory.client(loaded, max_connections=1) as client:
        return await send(client, hook, str(event["id"]), json.dumps(event).encode())


def _changes(
    loaded: Settings, hook: Hook, url: str | None, where: str | None, header: list[str] | None
) -> dict[str, str | int]:
    if url is not None:
        _check_url(loaded, url)
    _check_where(where)
    more = None if header is None else headers.changed(hook.headers, header)
    given = {"url": url, "where": where, "headers": more}
    return {name: value for name, value in given.items() if value is not None}


def _switch(hooks: Hooks, hook: Hook, *, off: bool) -> str:
    if off:
        hooks.switch_off(hook, OFF_BY_OPERATOR)
        return "off"
    gone = hooks.switch_on(hook)
    return f"on; events up to {gone} were trimmed meanwhile" if gone else "on"


def _check_url(loaded: Settings, url: str) -> None:
    try:
        check_url(url, factory.policy(loaded))
    except Outcome as error:
        raise PalmyraError(f"{redact(url)}: {error}") from None


def _check_where(where: str | None) -> None:
    from worker.where import BadWhere, compile_where  # as in `add`

    try:
        if where:
            compile_where(where)
    except BadWhere as error:
        raise typer.BadParameter(str(error), param_hint="--where") from None


def waiting(group: Group | None) -> int:
    """Events that it has yet to take, wanted or not."""
    return group.events + group.pending if group else 0


def _known(hooks: Hooks, connection: Redis) -> list[tuple[Hook, State, Group | None]]:
    by_name = {group.name: group for group in groups(connection, hooks.keys)}
    return [(hook, hooks.state(hook.id), by_name.get(group_of(hook.id))) for hook in hooks.all()]


def _as_data(hook: Hook, state: State, group: Group | None) -> dict[str, Any]:
    """A webhook as JSON, without its secrets."""
    shown = asdict(hook) | {"url": hook.public_url, "headers": headers.masked(sent_headers(hook))}
    for name in ("secret", "old_secret"):
        del shown[name]
    return (
        shown | {"group": hook.group, "state": word(hook, state), "waiting": waiting(group)} | asdict(state)
    )


def register(parent: typer.Typer) -> None:
    """Add these commands."""
    parent.add_typer(app, name="webhooks")
