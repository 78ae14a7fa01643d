"""When a re-fetched article is a new revision (pure)."""

from __future__ import annotations

import hashlib

from jobs.article import Change

_FIELDS = ("headline", "text")


def digests(headline: str | None, text: str | None) -> str:
    """What an article says, in 17 characters: a digest of its headline, ``:``, one of its text."""
    return ":".join(_digest(part or "") for part in (headline, text))


def _digest(text: str) -> str:
    # White space is layout, not news.
    return hashlib.blake2b(" ".join(text.split()).encode(), digest_size=4).hexdigest()


def change(before: str, after: str) -> Change | None:
    """What differs between two `digests`; None for a first revision (`before` empty)."""
    if not before:
        return None
    pairs = zip(_FIELDS, before.split(":"), after.split(":"), strict=True)
    fields = tuple(name for name, old, new in pairs if old != new)
    return Change(kind="headline" if fields == ("headline",) else "substantive", fields=fields)
