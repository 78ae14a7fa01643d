"""Is it the feeds that fail, or our own network? When nothing answers any more, no feed is to blame."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from jobs.errors import Reason

REASONS: frozenset[str] = frozenset({Reason.DNS, Reason.CONNECT, Reason.TIMEOUT, Reason.TLS})
"""What fails when the network does. Any other outcome, a 500 too, shows that it works."""
WINDOW_S = 60.0
LEAST_HOSTS = 5
"""That fail within the window, one after the other, while none answers."""
QUIET_S = 10.0
"""For at least as long nothing has answered: among many feeds five that are dead may meet by chance."""
SOON_S = 60.0
"""Feeds that are not blamed are asked again after this time …"""
LATER_S = 900.0
"""… or after a quarter of the time that this has lasted, up to this: the network may never come back."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure(Generic[T]):
    """A poll that failed for a reason that may be the network's."""

    at_s: float
    host: str
    what: T
    """The feed, as it was before."""


@dataclass(frozen=True, slots=True)
class Verdict(Generic[T]):
    """What the outcome of one poll says of the network."""

    spared: tuple[T, ...] = ()
    """Feeds that are not to blame: this poll's, and those charged within the window before it was known."""
    fell: bool = False
    """The network is down from now on."""
    rose: bool = False
    """It was taken to be down until now."""


def is_down(failed: set[str], quiet_s: float) -> bool:
    """Whether our own network is to blame.

    Args:
        failed: the hosts that failed for such a reason within the window, since anything answered.
        quiet_s: for how long nothing has answered.
    """
    return len(failed) >= LEAST_HOSTS and quiet_s >= QUIET_S


def retry_s(down_for_s: float, chance: float) -> float:
    """How long a feed that is not blamed waits; `chance` in [0, 1) spreads them."""
    return min(max(SOON_S, down_for_s / 4), LATER_S) * (1 + chance)


class OwnNetwork(Generic[T]):
    """What one poller has seen of the network lately. Times are in seconds, of a clock that only advances."""

    def __init__(self) -> None:
        self._failures: deque[Failure[T]] = deque()
        self._answered_s = float("-inf")
        self.down_since_s: float | None = None

    @property
    def hosts(self) -> int:
        """How many hosts have failed within the window, and since anything answered."""
        return len({failure.host for failure in self._failures})

    def answered(self, at_s: float) -> Verdict[T]:
        """A poll was answered, whatever it was."""
        rose = self.down_since_s is not None
        self._failures.clear()
        self._answered_s, self.down_since_s = at_s, None
        return Verdict(rose=rose)

    def failed(self, at_s: float, host: str, what: T) -> Verdict[T]:
        """A poll failed with one of `REASONS`."""
        while self._failures and self._failures[0].at_s <= at_s - WINDOW_S:
            self._failures.popleft()
        charged = tuple(failure.what for failure in self._failures)
        self._failures.append(Failure(at_s, host, what))
        if self.down_since_s is not None:
            return Verdict(spared=(what,))
        if not is_down({failure.host for failure in self._failures}, at_s - self._answered_s):
            return Verdict()
        self.down_since_s = at_s
        return Verdict(spared=(*charged, what), fell=True)
