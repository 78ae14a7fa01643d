"""The written articles: plain data in ``articles/NN-LANG-SLUG.toml``, in the order of publication."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ARTICLES = Path(__file__).parent / "articles"

Dated = Literal["time", "day", "feed", "none"]
"""Where an article says when it was published: on page and feed with its time, on the page as a plain day
(the feed has the time), in the feed only, or nowhere."""


@dataclass(frozen=True, slots=True)
class Article:
    """One written article, before it is published."""

    slug: str
    language: str
    headline: str
    section: str
    summary: str
    """The standfirst; also the feed's description."""
    paragraphs: tuple[str, ...]
    tags: tuple[str, ...] = ()
    byline: str | None = None
    """An institution; the demo has no invented people."""
    dated: Dated = "time"
    caption: str | None = None
    """Caption of the drawn picture above the text; None: the page has no picture."""
    markup: tuple[str, ...] | None = None
    """Which metadata the page carries (see ``desks.toml``); None: what its language desk usually does."""
    template: str = "article.html"
    credit: str | None = None
    """A photo credit that has lost its caption and sticks to the second paragraph."""


def load(folder: Path = ARTICLES) -> tuple[Article, ...]:
    """All articles in `folder`, by file name."""
    return tuple(parse(path.name, path.read_text("utf-8")) for path in sorted(folder.glob("*.toml")))


def parse(name: str, text: str) -> Article:
    """The article in a data file called ``NN-LANG-SLUG.toml``.

    Raises:
        ValueError, TypeError: not TOML, or a field is missing, unknown or empty.
    """
    _number, language, slug = name.removesuffix(".toml").split("-", 2)
    raw: dict[str, Any] = tomllib.loads(text)
    paragraphs = tuple(re.split(r"\n{2,}", raw.pop("text").strip()))
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()
    }
    if not (paragraphs[0] and raw["headline"]):
        raise ValueError(f"{name} has no headline or no text")
    return Article(slug=slug, language=language, paragraphs=paragraphs, **values)
