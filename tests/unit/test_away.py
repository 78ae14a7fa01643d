"""Which errors of Redis are waited out."""

from __future__ import annotations

import pytest
from redis import exceptions
from redis.sentinel import MasterNotFoundError

from worker.away import is_away


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConnectionError("gone"),
        exceptions.TimeoutError("slow"),
        exceptions.BusyLoadingError("loads"),
        exceptions.OutOfMemoryError("full"),
        exceptions.ReadOnlyError("a replica now"),
        MasterNotFoundError("sentinels have not decided yet"),
        exceptions.ResponseError("UNBLOCKED force unblock from blocking operation, instance state changed"),
        exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."),
        exceptions.MasterDownError("MASTERDOWN Link with MASTER is down"),
        exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots"),
    ],
    ids=str,
)
def test_what_passes_is_waited_out(error: exceptions.RedisError) -> None:
    """Restarts, failovers, a full disk or memory."""
    assert is_away(error)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.AuthenticationError("WRONGPASS"),
        exceptions.NoPermissionError("NOPERM"),
        exceptions.ResponseError("WRONGTYPE Operation against a key"),
    ],
    ids=str,
)
def test_what_does_not_pass_is_told(error: exceptions.RedisError) -> None:
    """A wrong password is none for ever, although redis-py calls that a broken connection."""
    assert not is_away(error)
