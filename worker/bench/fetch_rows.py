"""The table of `palmyra bench fetch`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

COLUMNS = ("one fetch process", "")


def rows(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The figures, under `COLUMNS`."""
    pages, cpu = result["pages"], result["cpu_ms"]
    yield ("pages/s, sustained", f"{result['pages_per_s']:.1f}")
    yield ("pages/s, from the first link to the last page", f"{result['pages_per_s_whole']:.1f}")
    if result["limit_per_s"]:
        yield ("as many as its concurrency allows", f"{result['limit_per_s']:.1f}")
    yield ("CPU a page, ms", f"{cpu['fetch']:.2f}")
    yield ("Redis' CPU a page, ms", f"{cpu['redis']:.2f}")
    yield ("cores used", f"{result['cores_used']:.0%}")
    yield ("RSS, MiB", f"{result['rss_mib']:.0f}")
    yield ("PSS, MiB", f"{result['pss_mib']:.0f}")
    yield ("a page, KB", f"{pages['mean_bytes'] / 1024:.0f}")
    yield ("a page on the wire, KB", f"{pages['mean_wire_bytes'] / 1024:.0f}")
