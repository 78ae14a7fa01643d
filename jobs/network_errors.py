"""What a failure of the network means, in the words of `jobs.errors`."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator

import httpcore2

from jobs.errors import Outcome, Reason, Retry

NETWORK_ERRORS = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.TimeoutException,
    OSError,  # ssl.SSLError too, when encryption breaks in the middle of a body
)


def explain(error: Exception, host: str) -> Outcome:
    """The outcome that a failure of the network means. The detail names `host` and quotes nothing from it."""
    if isinstance(error, httpcore2.TimeoutException):
        return Retry(Reason.TIMEOUT, f"{host}: no connection in time")
    if isinstance(error, httpcore2.ProxyError):
        status = str(error)[:3]
        what = f"answers {status}" if status.isdigit() else "fails"
        return Retry(Reason.CONNECT, f"{host}: the proxy {what}")
    if isinstance(error, httpcore2.ProtocolError):
        return Retry(Reason.BAD_RESPONSE, f"{host}: {_own_words(str(error))}")
    causes = list(_causes(error))
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        words = getattr(tls, "verify_message", None) or tls.reason or "handshake failed"
        return Retry(Reason.TLS, f"{host}: {str(words).replace('_', ' ').lower()}")
    number = next((cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno), None)
    return Retry(Reason.CONNECT, f"{host}: {os.strerror(number) if number else 'the connection was lost'}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it."""
    for _ in range(10):
        if error is None:
            return
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from error.exceptions
        error = error.__cause__ or error.__context__


def _own_words(message: str) -> str:
    """A protocol error's message without what it quotes from the peer."""
    return message.partition(":")[0].partition(" b'")[0].partition("bytearray")[0].strip()[:120]
