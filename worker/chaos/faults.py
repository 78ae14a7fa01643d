"""The faults that chaos knows, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble."""

    does: str
    """What happens, in words."""
    lasts_s: float = 0.0
    """How long; 0: it strikes and is over."""
    again: bool = False
    """It strikes as often as there is time, not just once."""
    aside: bool = False
    """Other faults strike while it lasts."""
    every_link: bool = False
    """It is in the pages, from the beginning to the end, and strikes at no moment of its own."""
    redis: bool = False
    """It is Redis that is struck, and with it all parts at once."""


FAULTS: dict[str, Fault] = {
    "site": Fault("a page in five answers 5xx, 5 % hang, 5 % reset the connection", every_link=True),
    "poison": Fault("pages that kill the process that reads them", every_link=True),
    "memory": Fault("pages that take all memory", every_link=True),
    "endless": Fault("pages that keep C code busy for ever", every_link=True),
    "poller-kill": Fault("SIGKILL of one of two pollers, with its dispatcher", again=True),
    "fetch-kill": Fault("SIGKILL of one of two fetch workers", again=True),
    "article-kill": Fault("SIGKILL of one of two article pools: its parent, and so its child", again=True),
    "child-kill": Fault("SIGKILL of a single child of a pool", again=True),
    "consumer-kill": Fault(
        "SIGKILL of a consumer; besides, each kills itself between read and ack", again=True
    ),
    "bad-job": Fault("the hash of a waiting job is overwritten with what is none", again=True),
    "worker-stop": Fault("SIGSTOP of a fetch worker and of a pool, past their leases", 68.0, aside=True),
    "redis-kill": Fault("SIGKILL of Redis, which starts again after a second", 1.0, again=True, redis=True),
    "redis-power": Fault(
        "power loss: SIGKILL, and what was not synced to disk is gone", 1.0, again=True, redis=True
    ),
    "redis-pause": Fault("SIGSTOP of Redis", 20.0, redis=True),
    "redis-full": Fault("maxmemory just above what is used, noeviction", 12.0, redis=True),
    "disk-full": Fault("the append-only file can't grow (RLIMIT_FSIZE)", 12.0, redis=True),
    "clock-step": Fault("Redis's clock goes an hour ahead, and then back", 6.0, redis=True),
}
"""Each can be run alone."""
CHEAP: tuple[str, ...] = (
    "site",
    "poison",
    "poller-kill",
    "fetch-kill",
    "article-kill",
    "child-kill",
    "consumer-kill",
)
CHEAP += ("bad-job", "redis-kill", "redis-power")
"""What a run of half a minute has room for."""
