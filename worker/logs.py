"""Logging: structlog, with the standard library's loggers bridged into it.

JSON lines off a terminal, readable ones on it. No log line ever carries a raw control character: what feeds
and pages say goes through `printable` first.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from worker.printable import printable

# Their info lines repeat what ours say, several a job. RQ's modules set their own level when they are
# imported, unless one is set already.
_QUIET = {
    "rq.worker": "WARNING",
    "rq.job": "WARNING",
    "httpcore2": "WARNING",
    "waitress": "WARNING",
    "werkzeug": "WARNING",
    "asyncio": "WARNING",
    "pebble": "WARNING",
    "trafilatura": "ERROR",
    "htmldate": "ERROR",
    "courlan": "ERROR",
}


def configure(level: str = "info", *, process: str = "") -> None:
    """Set up logging for this process. `process` names it in each line."""

    def name_process(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        # Not a context variable: those don't reach the threads of a fetch worker.
        return {**event, "process": process} if process else event

    shared: list[Any] = [
        name_process,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _clean,
    ]
    terminal = sys.stderr.isatty()
    renderer: Any = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(quiet)


def _clean(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Escape control characters in every value."""
    keep = ("exception", "stack")  # ours, and unreadable without their line ends
    return {
        key: printable(value, newlines=key in keep) if isinstance(value, str) else value
        for key, value in event.items()
    }
