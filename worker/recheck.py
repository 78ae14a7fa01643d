"""When published articles are asked for again: the setting ``1h,6h,24h`` or ``off`` (pure)."""

from __future__ import annotations

import re

OFF = "off"
PATTERN = r"^(off|\d{1,4}[smhd](, ?\d{1,4}[smhd]){0,9})$"
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def times_s(setting: str) -> list[int]:
    """Seconds after publication, ascending, each once; none for ``off``. `setting` as `PATTERN` has it."""
    spans = re.findall(r"(\d+)([smhd])", setting)
    return sorted({int(number) * _UNIT_S[unit] for number, unit in spans})
