"""Logging: structlog, with the standard library's loggers bridged into it.

JSON lines off a terminal, readable ones on it. What feeds, pages and libraries say goes through `_clean`
first: no line ever carries a raw control character, nor a secret, in whatever value, URL, header or exception
it stood. While a job runs, its link, id and feed are bound as context variables, so each line has them,
libraries' too.
docs/operating.md lists every event.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from jobs.urls import redact
from worker.printable import printable

# Their info lines repeat what ours say, several a job: they are for PALMYRA_LOG_LEVEL=debug. RQ's modules set
# their own level when they are imported, unless one is set already.
_QUIET = ("rq.worker", "rq.job", "httpx2", "httpcore2", "waitress", "werkzeug", "asyncio", "pebble")
_HARDLY_EVER = ("trafilatura", "htmldate", "courlan")
"""Their warnings are about pages, of which we say ourselves what came."""
_KEPT_LINES = ("exception", "stack")
"""Ours, and unreadable without their line ends."""
MOST_CHARS = 4_000
"""Of a value; a traceback may have eight times as many."""
# An address, or the target of a request: what may carry a secret in its user-info or query.
# All of it is taken, whatever is in it, and schemes are short: so the time is linear in hostile text.
_ADDRESS = re.compile(r"(?:[A-Za-z][\w+.-]{0,20}:[\\/]{2}|/)[^\s\"'<>]*")
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-auth-token)\b([\"']?\s*[:=,]\s*)[^\r\n]+", re.I
)
_SECRET_NAME = re.compile(r"password|passwd|secret|token|authorization|cookie|api_?key", re.I)
_LEAST_SECRET = 4
"""Shorter secrets would black out ordinary words."""


def configure(level: str = "info", *, process: str = "", secrets: Iterable[str] = ()) -> None:
    """Set up logging for this process. `process` names it in each line; `secrets` are shown nowhere."""
    hidden = sorted({secret for secret in secrets if len(secret) >= _LEAST_SECRET}, key=len, reverse=True)

    def name_process(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        # Not a context variable: those don't reach the threads of a fetch worker.
        return {**event, "process": process} if process else event

    def clean(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        return {printable(key): _clean(key, value, hidden) for key, value in event.items()}

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        name_process,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        clean,
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
    _quieten("INFO" if level.lower() == "debug" else "WARNING")


def _quieten(level: str) -> None:
    for name in _QUIET:
        logging.getLogger(name).setLevel(level)
    for name in _HARDLY_EVER:
        logging.getLogger(name).setLevel("ERROR")


def _clean(name: str, value: Any, hidden: list[str]) -> Any:
    """A value fit for a line: no secret, no control character, not too long; what is in it as well."""
    if value is None or isinstance(value, bool | int | float) or name.startswith("_"):
        return value  # the last are structlog's own
    if _SECRET_NAME.search(name):
        return "***"
    if isinstance(value, Mapping):
        return {printable(str(key)): _clean(str(key), one, hidden) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(name, one, hidden) for one in value]
    text = value if isinstance(value, str) else repr(value)
    lines = name in _KEPT_LINES
    return printable(without_secrets(text, hidden, MOST_CHARS * (8 if lines else 1)), newlines=lines)


def without_secrets(text: str, hidden: Iterable[str] = (), most: int = MOST_CHARS) -> str:
    """The beginning of a text without what is secret.

    That is user-info and secret-looking values of URLs, values of headers that log in, and what is `hidden`.
    """
    for secret in hidden:
        text = text.replace(secret, "***")
    text = text[:most]
    if not any(char in text for char in ":/=,"):
        return text  # nearly all values: ids, words
    return _ADDRESS.sub(_redacted, _HEADER.sub(r"\1\2***", text))


def _redacted(found: re.Match[str]) -> str:
    return redact(found[0]) if any(char in found[0] for char in "?@;") else found[0]
