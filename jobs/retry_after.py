"""Retry-After: how long a site asks us to wait (RFC 9110, 10.2.3)."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

MAX_S = 86_400.0
"""Nobody keeps a link waiting longer than a day in one go."""

_SECONDS = re.compile(r"[0-9]{1,12}\Z")


def retry_after_s(value: str | None, now_s: float) -> float | None:
    """Seconds to wait, 0 to `MAX_S`, from a header's value: seconds or an HTTP-date. None if it says nothing.

    `now_s` is the time of the answer, s since the epoch.
    """
    text = (value or "").strip()
    if _SECONDS.match(text):
        return min(float(text), MAX_S)
    try:
        date = parsedate_to_datetime(text)
        until_s = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(until_s - now_s, 0.0), MAX_S)
