"""Where and on what a benchmark ran: without it, its figures say little."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

PACKAGES = ("palmyra", "trafilatura", "lxml", "rq", "redis")


def machine() -> dict[str, Any]:
    """The machine, its load (runnable processes, mean of the last 1, 5 and 15 minutes), and the versions."""
    return {
        "cores": os.cpu_count() or 1,
        "load": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }
