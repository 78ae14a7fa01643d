"""Small facts about processes that several parts need (Linux first; elsewhere they do nothing)."""

from __future__ import annotations

import ctypes
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent(signum: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send us `signum` when our parent dies, so that no killed parent leaves orphans."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)


def virtual_bytes() -> int:
    """Size of this process's address space."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def limit_memory(more_bytes: int) -> None:
    """Let this process's address space grow by `more_bytes` from now on; then allocations fail."""
    if sys.platform != "linux":
        return
    limit = virtual_bytes() + more_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(
        resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard)
    )
