"""What of a feed's first document is fetched: the backfill policy ``all``, ``none`` or a number (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.link import Found

ALL, NONE = "all", "none"
PATTERN = r"^(all|none|[0-9]{1,6})$"


def split_backfill(found: Sequence[Found], policy: str) -> tuple[list[Found], list[Found]]:
    """The links of a first poll that are taken, and those that are only remembered as known.

    Taken are the newest, as many as the policy says; of equally new ones (undated entries are as new as the
    poll) those listed first. Both keep the document's order.

    Args:
        policy: as `PATTERN` has it.
    """
    if policy == ALL:
        return list(found), []
    most = 0 if policy == NONE else int(policy)
    newest = set(sorted(range(len(found)), key=lambda i: -found[i].fresh_ms)[:most])
    take = [one for i, one in enumerate(found) if i in newest]
    return take, [one for i, one in enumerate(found) if i not in newest]
