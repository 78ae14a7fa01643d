"""What a page says of itself beside its article, raw: for those who read more out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Evidence:
    """A page's own statements. All of it is third-party text of any content."""

    meta: Mapping[str, list[str]] = field(default_factory=dict)
    """Contents of the meta tags by lower-case name, property, itemprop or http-equiv, in order."""
    described: Mapping[str, Any] = field(default_factory=dict)
    """The article object of its JSON-LD, values of any JSON type; empty if there is none."""
    licences: tuple[str, ...] = ()
    """Absolute URLs of its links with ``rel=license``, in order."""


NOTHING_SAID = Evidence()
