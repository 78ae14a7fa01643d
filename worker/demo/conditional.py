"""Validators and conditional requests (RFC 9110, sections 8.8 and 13)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def etag(body: bytes) -> str:
    """A strong validator: it changes when a byte does."""
    return f'"{hashlib.sha256(body).hexdigest()[:20]}"'


def http_date(moment: datetime) -> str:
    """RFC 9110 5.6.7: ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def not_modified(headers: Mapping[str, str], tag: str, modified: datetime | None) -> bool:
    """Whether a GET or HEAD with these headers (names in lower case) is answered by 304.

    If-None-Match decides alone when it is there (13.2.2); a date that can't be read counts as absent.
    """
    wanted = headers.get("if-none-match")
    if wanted is not None:
        return wanted.strip() == "*" or tag in _TAG.findall(wanted)
    since = _date(headers.get("if-modified-since", ""))
    return since is not None and modified is not None and modified <= since


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
