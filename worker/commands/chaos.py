"""`palmyra chaos`: break everything, and see whether anything is lost."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from worker.commands.context import Exit


class Fsync(StrEnum):
    """When Redis syncs its append-only file to disk."""

    EVERYSEC = "everysec"
    ALWAYS = "always"


def chaos(
    seed: Annotated[
        int, typer.Option(help="What is struck when, and which pages are bad, follows from it.")
    ] = 1,
    seconds: Annotated[float, typer.Option(min=20, max=3600, help="How long load and faults go on.")] = 150,
    links: Annotated[int, typer.Option(min=40, max=100_000, help="Links that the feeds list.")] = 2000,
    fsync: Annotated[Fsync, typer.Option(help="Redis's appendfsync.")] = Fsync.EVERYSEC,
    faults: Annotated[
        str, typer.Option(metavar="NAMES", help="Which faults, joined by commas; or `all`, or `cheap`.")
    ] = "all",
    patience: Annotated[
        float, typer.Option(min=3, help="When all that is left waits for longer, the clock goes ahead.")
    ] = 130,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result to a file.")
    ] = None,
    logs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep what the processes logged in this folder.")
    ] = None,
) -> None:
    """Break the whole system at random while it works, then account for every link. It needs Linux.

    Starts a Redis, two pollers, two fetch workers, two article pools and two consumers of its own, in a
    temporary folder, on sites of its own; kills, stops and fills them up; and checks what was promised: no
    link lost, nothing published twice, the ledger in balance, every failure explained. The plan is printed
    first and follows from --seed. Exit code 1, with the evidence, when a promise was broken. Five minutes.

    Examples:

        palmyra chaos

        palmyra chaos --seed 7 --faults redis-kill,fetch-kill --seconds 60 --links 400

        palmyra chaos --fsync always --json result.json
    """
    from worker.chaos.run import Order, run
    from worker.chaos.show import show

    order = Order(seed, seconds, links, fsync, _faults(faults), patience_s=patience, logs=logs)
    result = run(order, _tell)
    show(result)
    if json_file is not None:
        json_file.write_text(json.dumps(result.data(), indent=1, default=str) + "\n", "utf-8")
    if not result.holds:
        raise typer.Exit(Exit.FAILURE)


def _faults(text: str) -> tuple[str, ...]:
    from worker.chaos.faults import CHEAP, FAULTS

    if text in ("all", "cheap"):
        return tuple(FAULTS) if text == "all" else CHEAP
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [name for name in names if name not in FAULTS]
    if unknown or not names:
        known = ", ".join(FAULTS)
        raise typer.BadParameter(f"{', '.join(unknown) or text!r}: known are {known}", param_hint="--faults")
    return names


def _tell(what: str) -> None:
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("chaos")(chaos)
