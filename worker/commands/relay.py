"""`palmyra relay`: the stream, copied to another Redis."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Annotated

import structlog
import typer
from pydantic import SecretStr
from redis.exceptions import RedisError

from worker import factory, redis_url
from worker.commands.context import start
from worker.config import Settings

log = structlog.get_logger(__name__)


def relay(
    to: Annotated[
        str | None, typer.Option(help="Redis URL of the target; with a password better PALMYRA_RELAY_URL.")
    ] = None,
    group: Annotated[str, typer.Option(help="Consumer group that shows how far it is.")] = "relay",
) -> None:
    """Copy the stream of events to another Redis, until SIGTERM or Ctrl-C.

    Each event once, under the same entry id, also on the channel there. May be killed and started again at
    any time, and both Redis may go away in between: it goes on after what the target has.

    Examples:

        palmyra relay --to redis://10.0.0.9:6379/0

        PALMYRA_RELAY_URL=rediss://relay:secret@news.example:6380/0 palmyra relay
    """
    from worker.relay import Relay

    loaded = start("relay")
    target = _target(loaded, to)
    stop = threading.Event()

    def end(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, end)
    source = factory.connect(loaded)
    one = Relay(
        source,
        factory.connect(target),
        factory.keys(loaded),
        group=group,
        keep_days=loaded.keep_stream,
        keep_bytes=loaded.keep_stream_bytes,
    )
    log.info("relay_ready", target=redis_url.shown(target.url))
    one.run(stop)
    log.info("relay_stopped")


def _target(loaded: Settings, to: str | None) -> Settings:
    """Settings whose Redis is the target."""
    url = to or (loaded.relay_url.get_secret_value() if loaded.relay_url else None)
    if url is None:
        raise typer.BadParameter("say where to: --to URL, or PALMYRA_RELAY_URL", param_hint="--to")
    try:
        redis_url.check(url)
    except (ValueError, TypeError, RedisError):
        schemes = ", ".join(redis_url.SCHEMES)
        raise typer.BadParameter(f"not a usable Redis URL ({schemes})", param_hint="--to") from None
    if url == loaded.url:
        raise typer.BadParameter("that is the Redis the events come from", param_hint="--to")
    return loaded.model_copy(update={"redis_url": SecretStr(url)})


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("relay")(relay)
