"""The `palmyra` command."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from jobs.errors import PalmyraError
from worker.commands import (
    again,
    bench,
    chaos,
    extract,
    failed,
    feeds,
    ledger,
    look,
    operate,
    pages,
    relay,
    replay,
    run,
    top,
    verify,
    webhooks,
    withdraw,
)
from worker.commands.context import Exit
from worker.config import ConfigError
from worker.factory import RedisUnreachable
from worker.printable import printable

app = typer.Typer(
    help="Watches news feeds and turns every new link into one clean article event on a Redis stream.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    run,
    feeds,
    look,
    top,
    webhooks,
    relay,
    ledger,
    failed,
    again,
    replay,
    verify,
    withdraw,
    pages,
    extract,
    operate,
    bench,
    chaos,
):
    group.register(app)


def main() -> NoReturn:
    """Run the command; what palmyra can explain is one message and an exit code, never a traceback."""
    try:
        app()
    except ConfigError as error:
        _end(error, Exit.USAGE)
    except RedisUnreachable as error:
        _end(error, Exit.REDIS_UNREACHABLE)
    except (RedisConnectionError, RedisTimeoutError) as error:
        _end(PalmyraError(f"The connection to Redis broke: {error}"), Exit.REDIS_UNREACHABLE)
    except NoPermissionError as error:
        _end(PalmyraError(f"This Redis user may not do that: {error}. See deploy/users.acl."), Exit.FAILURE)
    except PalmyraError as error:
        _end(error, Exit.FAILURE)
    sys.exit(Exit.OK)


def _end(error: Exception, code: Exit) -> NoReturn:
    sys.stderr.write(f"palmyra: {printable(str(error), newlines=True)}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
