"""What a failure of the network means, in the words of `jobs.errors`."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator

import httpcore2
from h2.events import ConnectionTerminated, StreamReset
from h2.exceptions import DenialOfServiceError, H2Error, InvalidBodyLengthError

from jobs.errors import Outcome, Permanent, Reason, Retry
from jobs.socks import SocksError
from jobs.wire import HeadTooLarge

NETWORK_ERRORS = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.TimeoutException,
    H2Error,  # httpcore2 lets it through while a body comes
    OSError,  # ssl.SSLError too, when encryption breaks in the middle of a body
)


def explain(error: Exception, host: str) -> Outcome:
    """The outcome that a failure of the network means. The detail names `host` and quotes nothing from it."""
    if isinstance(error, httpcore2.TimeoutException):
        return Retry(Reason.TIMEOUT, f"{host}: no connection in time")
    if isinstance(error, httpcore2.ProxyError):
        return Retry(Reason.CONNECT, f"{host}: the proxy {_proxys_doing(error)}")
    causes = list(_causes(error))
    if isinstance(error, httpcore2.ProtocolError | H2Error):
        return _breach(causes, host)
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        words = getattr(tls, "verify_message", None) or tls.reason or "handshake failed"
        return Retry(Reason.TLS, f"{host}: {str(words).replace('_', ' ').lower()}")
    number = next((cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno), None)
    return Retry(Reason.CONNECT, f"{host}: {os.strerror(number) if number else 'the connection was lost'}")


def _proxys_doing(error: httpcore2.ProxyError) -> str:
    """What a proxy does instead of connecting: its status, or our own words."""
    if isinstance(error, SocksError):
        return str(error)
    status = str(error)[:3]
    return f"answers {status}" if status.isdigit() else "fails"


_TOO_LONG = ("Receive buffer too long", "Too many continuation frames")
_LENGTHS = (
    "peer closed connection without sending complete",
    "bad Content-Length",
    "conflicting Content-Length",
)


def _breach(causes: list[BaseException], host: str) -> Outcome:
    """What a breach of the protocol means. The libraries tell some of them apart by their message only."""
    words = _own_words(causes[0])
    if isinstance(causes[0], HeadTooLarge):
        return Permanent(Reason.HEADERS_TOO_LARGE, host)
    if words.startswith(_TOO_LONG) or any(isinstance(cause, DenialOfServiceError) for cause in causes):
        return Permanent(Reason.HEADERS_TOO_LARGE, host)
    if words.startswith(_LENGTHS) or any(isinstance(cause, InvalidBodyLengthError) for cause in causes):
        return Retry(Reason.WRONG_LENGTH, f"{host}: {words}")
    return Retry(Reason.BAD_RESPONSE, f"{host}: {words}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it."""
    for _ in range(10):
        if error is None:
            return
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from error.exceptions
        error = error.__cause__ or error.__context__


def _own_words(error: BaseException) -> str:
    """A protocol error's message without what it quotes from the peer."""
    about = error.args[0] if error.args else None
    if isinstance(about, ConnectionTerminated):
        return "the server ended the connection"
    if isinstance(about, StreamReset):
        return "the server broke off its answer"
    message = str(error)
    return message.partition(":")[0].partition(" b'")[0].partition("bytearray")[0].strip()[:120]
