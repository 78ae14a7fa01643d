"""The extractors that are compared: Palmyra's own, bare trafilatura, and others where they are installed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

OURS, YARDSTICK = "palmyra", "trafilatura"


@dataclass(frozen=True, slots=True)
class Found:
    """What an extractor found on a page. ``None``: it does not look for such a thing."""

    text: str = ""
    title: str | None = None
    date: str | None = None
    authors: tuple[str, ...] | None = None
    score: float | None = None
    """How far it trusts itself, 0–1."""
    issues: tuple[str, ...] = ()


Extractor = Callable[[bytes, str | None], Found]


def palmyra(body: bytes, url: str | None) -> Found:
    """Ours, as article workers call it for a page without an entry in a feed."""
    from jobs.errors import Permanent
    from jobs.extract import extract

    try:
        draft = extract(body, url=url)
    except Permanent as error:
        return Found(title="", date="", authors=(), score=0.0, issues=(str(error.reason),))
    return Found(
        draft.text, draft.headline or "", draft.published or "", draft.authors, draft.score, draft.issues
    )


def trafilatura(body: bytes, url: str | None) -> Found:
    """With its own defaults."""
    from trafilatura import bare_extraction

    found: Any = bare_extraction(body, url=url, with_metadata=True)
    if not found:
        return Found(title="", date="", authors=())
    authors = tuple(name.strip() for name in (found.author or "").split(";"))
    return Found(found.text or "", found.title or "", found.date or "", authors)


def resiliparse(body: bytes, url: str | None) -> Found:
    """Text only."""
    from resiliparse.extract.html2text import extract_plain_text

    return Found(extract_plain_text(_decoded(body), main_content=True, alt_texts=False))


def newspaper4k(body: bytes, url: str | None) -> Found:
    """With its own defaults."""
    import newspaper  # type: ignore[import-not-found,unused-ignore]  # compared with only where it is installed

    article = newspaper.Article(url or "http://localhost/", fetch_images=False)
    article.download(input_html=_decoded(body))
    article.parse()
    date = article.publish_date
    return Found(article.text, article.title or "", date.isoformat() if date else "", tuple(article.authors))


def readability(body: bytes, url: str | None) -> Found:
    """Text and title."""
    import lxml.html
    from readability import Document  # type: ignore[import-not-found,unused-ignore]  # as above

    document = Document(_decoded(body))
    summary = lxml.html.fromstring(document.summary())
    texts = (text.strip() for text in summary.itertext())
    return Found("\n".join(t for t in texts if t), document.short_title() or "")


def _decoded(body: bytes) -> str:
    from jobs.extract.decode import decode

    return decode(body)


_ALL: Mapping[str, tuple[str, Extractor]] = {
    OURS: ("jobs", palmyra),
    YARDSTICK: ("trafilatura", trafilatura),
    "resiliparse": ("resiliparse", resiliparse),
    "newspaper4k": ("newspaper", newspaper4k),
    "readability-lxml": ("readability", readability),
}
"""Name → (module it needs, what to call)."""


def installed() -> dict[str, Extractor]:
    """Those that can be called here, ours first."""
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # a page without text is an outcome here
    return {name: call for name, (module, call) in _ALL.items() if find_spec(module)}
