"""For how long an answer stays fresh, as its server says (RFC 9111, 4.2). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_MAX_AGE = re.compile(r'(?:^|[\s,])max-age\s*=\s*"?([0-9]{1,10})(?![0-9])', re.IGNORECASE)
_AGE = re.compile(r"[0-9]{1,10}")


def max_age_s(headers: Mapping[str, str], received_s: float) -> float | None:
    """Seconds for which a cache may still serve this answer: max-age, else Expires, less Age.

    None when the server says nothing, nothing that can be read, or that it is stale already. ``s-maxage`` is
    not for us: it speaks to caches that many share.

    Args:
        headers: names in lower case.
        received_s: when the answer came, s since the epoch: what Expires counts from when there is no Date.
    """
    stated = _MAX_AGE.search(headers.get("cache-control", ""))
    lifetime_s = float(stated[1]) if stated else _expires_s(headers, received_s)
    if lifetime_s is None:
        return None
    age = headers.get("age", "").strip()
    left_s = lifetime_s - (float(age) if _AGE.fullmatch(age) else 0.0)
    return left_s if left_s > 0 else None


def _expires_s(headers: Mapping[str, str], received_s: float) -> float | None:
    expires_s = _date_s(headers.get("expires", ""))
    if expires_s is None:
        return None
    sent_s = _date_s(headers.get("date", ""))
    return expires_s - (received_s if sent_s is None else sent_s)


def _date_s(text: str) -> float | None:
    """An HTTP-date as s since the epoch. ``Expires: 0`` and the like are none (5.3)."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
