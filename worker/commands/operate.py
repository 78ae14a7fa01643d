"""Commands for operators: config, health, doctor."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import NoPermissionError

from jobs.urls import redact
from worker.commands import table
from worker.commands.context import Exit, print_json, redis
from worker.config import PREFIX, Settings, load
from worker.finding import Finding
from worker.health import examine

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def config(as_json: Json = False) -> None:
    """Print every option, its value and where that came from. Secrets are masked.

    Examples:

        palmyra config

        PALMYRA_HOST_DELAY=5 palmyra config --json
    """
    loaded = load()
    rows = []
    for name, field in Settings.model_fields.items():
        value = _shown(name, getattr(loaded.settings, name))
        rows.append((PREFIX + name.upper(), value, loaded.origins[name], field.description or ""))
    if as_json:
        print_json({name: {"value": value, "origin": origin} for name, value, origin, _ in rows})
        return
    table.show(("option", "value", "from", "what it does"), rows)
    sys.stdout.write("\n")
    table.show(
        ("enricher", "runs", "fills", "ms", "what it does"), _enrichers(loaded.settings), numbers=("ms",)
    )


def _enrichers(settings: Settings) -> list[tuple[str, ...]]:
    """Every enricher that there is: whether it runs, what it fills, and its CPU ms an article as declared."""
    from jobs.enrich.loading import Choice, load_all
    from jobs.enrich.names import chosen, known

    running = chosen(settings.enrichers, known())
    return [
        (e.name, "yes" if e.name in running else "no", ", ".join(e.fields), f"{e.cost_ms:g}", e.summary)
        for e in load_all(Choice())
    ]


def _shown(name: str, value: Any) -> str:
    if isinstance(value, SecretStr):
        # A URL is shown without its password; any other secret not at all.
        secret = value.get_secret_value()
        return redact(re.sub(r"//.*@", "//", secret)) if name.endswith("_url") else "***"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def health(as_json: Json = False) -> None:
    """Say in a line whether the system works; exit code 4 when it does not, 3 without Redis.

    Example, for a container's health check:

        palmyra health
    """
    loaded, connection = redis()
    errors = [f for f in examine(loaded, connection, around=False) if f.level == "error"]
    if as_json:
        print_json({"healthy": not errors, "errors": [asdict(f) for f in errors]})
    else:
        sys.stdout.write("healthy\n" if not errors else "".join(f"error: {f.what}\n" for f in errors))
    if errors:
        raise typer.Exit(Exit.UNHEALTHY)


def doctor(as_json: Json = False) -> None:
    """Look for what is wrong and say what mends it. Exit code 4 on errors; warnings are no errors.

    Example:

        palmyra doctor
    """
    loaded, connection = redis()
    findings = examine(loaded, connection)
    if as_json:
        print_json([asdict(f) for f in findings])
    else:
        _say(findings, connection)
    if any(f.level == "error" for f in findings):
        raise typer.Exit(Exit.UNHEALTHY)


def _say(findings: list[Finding], connection: Redis) -> None:
    with suppress(NoPermissionError):
        info: Any = connection.info("server")
        sys.stdout.write(f"Redis {info.get('valkey_version') or info['redis_version']}\n")
    if findings:
        table.show(("", "what", "mend"), [(f.level, f.what, f.mend) for f in findings])
    else:
        sys.stdout.write("nothing is wrong\n")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("config")(config)
    app.command("health")(health)
    app.command("doctor")(doctor)
