"""Times and durations as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime


def moment(value: str | None) -> str:
    """``2024-07-23T10:00:00+02:00`` → ``23 Jul 2024, 10:00 +02:00``; other text as it is.

    The publisher's offset stays: the browser's script turns it into the reader's own time.
    """
    if not value:
        return ""
    try:
        if len(value) == 10:
            return f"{date.fromisoformat(value):%-d %b %Y}"
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    offset = time.isoformat()[-6:] if time.utcoffset() else "UTC"
    return f"{time:%-d %b %Y, %H:%M} {offset}"


def clock(value: str | None) -> str:
    """``2024-07-23T10:00:00.123Z`` → ``10:00``; empty when it is no time."""
    try:
        return f"{datetime.fromisoformat(value or ''):%H:%M}"
    except ValueError:
        return ""


def at(time_ms: int) -> str:
    """Milliseconds since the epoch → ``2024-07-23 10:00:00.123`` UTC."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def duration(ms: int | None) -> str:
    """``2350`` → ``2.4 s``; ``95000`` → ``1 min 35 s``; empty when unknown."""
    if ms is None:
        return ""
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(ms // 1000, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days"
