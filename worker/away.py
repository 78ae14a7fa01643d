"""Which errors mean that Redis can't serve just now, and will: worth asking again. Imports only redis."""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)

_AWAY = (ConnectionError, TimeoutError, BusyLoadingError, OutOfMemoryError, ReadOnlyError)
"""It restarts, loads its data, is full, or is a replica that is being promoted."""
_PASSES = ("UNBLOCKED", "MASTERDOWN", "NOREPLICAS", "MISCONF")
"""How replies begin for which redis-py has no class. While masters change, whoever waited for data is sent
away, or the master is not known yet, or has too few replicas to take writes (``min-replicas-to-write``); or
its disk is full, so that it takes no writes until an operator sees to that."""


def is_away(error: RedisError) -> bool:
    """Whether the same command may well succeed in a while. A refused login does not."""
    if isinstance(error, AuthenticationError):
        return False
    return isinstance(error, _AWAY) or (isinstance(error, ResponseError) and str(error).startswith(_PASSES))
