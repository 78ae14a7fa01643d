"""One thing that is wrong with a running system, as `palmyra doctor` tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    level: Literal["error", "warning"]
    what: str
    mend: str
    """The command or setting that mends it."""
