"""What page and feed say about one article, before the system adds its own identity and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.entry import Image
from jobs.errors import Reason
from jobs.evidence import NOTHING_SAID, Evidence


@dataclass(frozen=True, slots=True)
class Draft:
    """The result of an extraction. Texts are plain, URLs absolute, absent values None."""

    headline: str | None = None
    summary: str | None = None
    text: str = ""
    """Paragraphs separated by a blank line; ``""`` when there is none."""
    word_count: int = 0
    authors: tuple[str, ...] = ()
    agency: str | None = None
    published: str | None = None
    """RFC 3339 with the publisher's offset, or a plain ``YYYY-MM-DD``."""
    modified: str | None = None
    language: str | None = None
    """ISO 639-1."""
    section: str | None = None
    tags: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    canonical: str | None = None
    """The page's own URL, believed."""
    site_name: str | None = None
    access: str | None = None
    """``free`` or ``paywall``."""
    score: float = 0.0
    """Quality, 0–1."""
    issues: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Field of the article → where its value came from (`jobs.article.ORIGINS`)."""
    titles: tuple[str, ...] = ()
    """What the page calls itself, as it has it: what recurs in the titles of its site is no headline."""
    skip: Reason | None = None
    """Why this is not to be published; the rest is what was found all the same."""
    evidence: Evidence = NOTHING_SAID
    """What the page says of itself beside the article."""
    took_ms: int = 0
    """What the extraction took."""
