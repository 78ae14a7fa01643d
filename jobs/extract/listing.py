"""Is a page a list of articles (a front page, a section, a topic, an author, an archive) rather than one?

Its form alone can't tell: reviews and round-ups are lists, too. So it takes three things: many linked
headlines, hardly any prose beside them and their teasers, and that the page, by what it says of itself or by
its address, is no article.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

from jobs.extract.blocks import Block
from jobs.extract.page import Parsed

HEADLINE_WORDS = range(4, 31)
LINKED = 0.7
"""A block of more links than this is a link."""
MANY, SEVERAL = 10, 5
"""Linked headlines that a list has: such as only looks like one, such as says that it is one."""
PROSE_WORDS = 20
"""A block with as many words, few of them links, is prose …"""
NEAR = 3
"""… and a teaser if one of so many blocks before it is a linked headline."""
WORD_CHARS = 6
FEW_WORDS, FEW = 60, 0.25
"""So much prose beside the teasers, in words or as a share of all, may be a notice."""

LIST_TYPES = frozenset(("collectionpage", "searchresultspage", "itemlist", "profilepage"))
"""https://schema.org/CollectionPage and what is like it."""
_SECTION_WORDS = frozenset(
    (
        *("archive", "archives", "archiv", "author", "authors", "autor", "autoren", "auteur", "category"),
        *("categories", "categoria", "categorie", "kategorie", "index", "latest", "news", "page", "rubrik"),
        *("rubrique", "search", "section", "sections", "seccion", "suche", "tag", "tags", "tema", "thema"),
        *("themen", "topic", "topics"),
    )
)
_EXTENSION = re.compile(r"\.(?:html?|php|aspx?|jsp)$")
MAX_SEGMENTS = 3
MAX_NAME_WORDS = 3
"""“middle-east”, “science and technology”: names of sections; titles of articles are longer."""
MAX_DIGITS = 2


def is_listing(page: Parsed, url: str | None, blocks: Sequence[Block]) -> bool:
    """Is the page a list of articles? Where in doubt, it is not.

    Args:
        page: for what it says of itself.
        url: its address, None when unknown.
        blocks: all of them, in order.
    """
    if page.ld.own_article or "article:published_time" in page.meta:
        return False
    if LIST_TYPES & page.ld.kinds:
        return _looks_like_one(blocks, SEVERAL)
    says_article = (page.first("og:type") or "").casefold().startswith("article")
    return not says_article and _is_section(url) and _looks_like_one(blocks, MANY)


def _looks_like_one(blocks: Sequence[Block], least: int) -> bool:
    headlines = {block.text for block in blocks if _is_headline(block)}
    if len(headlines) < least:
        return False
    prose = sum(_size(block) for block in blocks if _is_prose(block))
    beside = sum(_size(block) for block in _beside(blocks))
    return beside <= max(FEW_WORDS, FEW * prose)


def _beside(blocks: Sequence[Block]) -> Iterator[Block]:
    """Prose that is no teaser of a linked headline."""
    since = NEAR + 1
    for block in blocks:
        since = 0 if _is_headline(block) else since + 1
        if _is_prose(block) and since > NEAR:
            yield block


def _is_headline(block: Block) -> bool:
    return _size(block) in HEADLINE_WORDS and block.link_chars > LINKED * len(block.text)


def _is_prose(block: Block) -> bool:
    return _size(block) >= PROSE_WORDS and block.link_chars <= LINKED * len(block.text)


def _size(block: Block) -> int:
    """In words; of a language without spaces between them, in so many characters."""
    return max(len(block.words), len(block.text) // WORD_CHARS)


def _is_section(url: str | None) -> bool:
    """Does an address name a section rather than an article?"""
    if url is None:
        return False
    segments = [
        _EXTENSION.sub("", part) for part in unquote(urlsplit(url).path).casefold().split("/") if part
    ]
    if _SECTION_WORDS & set(segments[:-1]):
        return sum(c.isdigit() for c in segments[-1]) <= MAX_DIGITS
    return len(segments) <= MAX_SEGMENTS and all(map(_is_name, segments))


def _is_name(segment: str) -> bool:
    words = re.split(r"[-_ +.]", segment)
    return len(words) <= MAX_NAME_WORDS and sum(c.isdigit() for c in segment) <= MAX_DIGITS
