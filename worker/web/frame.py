"""Server-sent events as bytes (WHATWG HTML, section 9.2). Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict

from worker.web.card import Card

_ENTRY_ID = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
_MAX = 2**64 - 1

HEARTBEAT = b": still here\n\n"
RETRY = b"retry: 3000\n\n"


def article_frame(shown: Card) -> bytes:
    """An article; the event's id is the stream entry's, from which a client resumes."""
    return f"id: {shown.entry}\nevent: article\ndata: {json.dumps(asdict(shown))}\n\n".encode()


def event_frame(entry: str, raw: str) -> bytes:
    """A whole event, as it stands on the stream: JSON on one line."""
    return f"id: {entry}\nevent: article\ndata: {raw}\n\n".encode()


def status_frame(numbers: Mapping[str, int]) -> bytes:
    """The numbers of the status line."""
    return f"event: status\ndata: {json.dumps(dict(numbers))}\n\n".encode()


def gap_frame(entry: str) -> bytes:
    """More was missed than is sent again: the page had better load afresh, and goes on from `entry`."""
    return f"id: {entry}\nevent: gap\ndata: {json.dumps({'entry': entry})}\n\n".encode()


def position_frame(entry: str) -> bytes:
    """A heartbeat that moves the client's last event id on: what it skipped is not looked at again."""
    return f"id: {entry}\n".encode() + HEARTBEAT


def overtaken_frame(after: str, until: str) -> bytes:
    """Events were trimmed from the stream before this client had got them; it goes on after `until`."""
    return f"id: {until}\nevent: overtaken\ndata: {json.dumps({'after': after, 'until': until})}\n\n".encode()


def entry_id(text: str | None) -> str | None:
    """`text` if it is the id of a stream entry (two unsigned 64-bit numbers), else None."""
    match = _ENTRY_ID.fullmatch(text or "")
    return text if match and all(int(number) <= _MAX for number in match.groups()) else None


def order(entry: str) -> tuple[int, int]:
    """What stream entry ids sort by."""
    ms, _, number = entry.partition("-")
    return int(ms), int(number)
