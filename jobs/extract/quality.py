"""How far an extraction is to be trusted.

The score of a text is calibrated on pages with gold, by models that had not seen their sites: 0.5 is where it
tells best the texts with an F1 under 0.8 (docs/quality.md says how well). What is odd lowers it further.
"""

from __future__ import annotations

import re
from math import exp, prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it loads the extractor
    from jobs.extract.text import ArticleText

SHORT_WORDS = 80
WALL_WORDS = 200
"""A paid article with fewer words than this was most likely cut at the wall."""

NO_TEXT, SHORT, TRUNCATED, PAYWALL = "no_text", "short", "truncated", "paywall"
ENCODING, DATE_CONFLICT, LANGUAGE_CONFLICT = "encoding", "date_conflict", "language_conflict"
BOILERPLATE, FROM_FEED = "boilerplate", "from_feed"
UNCERTAIN, LISTING_PAGE, LIVE_BLOG = "uncertain", "listing_page", "live_blog"

WEIGHTS = {
    NO_TEXT: 0.0,
    SHORT: 0.8,
    TRUNCATED: 0.8,
    PAYWALL: 0.6,
    ENCODING: 0.4,
    BOILERPLATE: 0.8,
    DATE_CONFLICT: 0.95,
    LANGUAGE_CONFLICT: 0.9,
    FROM_FEED: 0.9,  # nobody has compared it with a page
    UNCERTAIN: 1.0,  # the confidence has it already
    LISTING_PAGE: 0.5,
    LIVE_BLOG: 1.0,  # none of its fault
}
"""Issue → what it leaves of the score."""

CERTAIN = 0.6
"""With less, what is around the article may be in its text, or parts of it may be missing."""
LISTING_LINKED = 0.5
"""A text of which more than this share is links is a list of articles."""
# Logistic regression on held-out texts; see the top.
DOUBT, CERTAINTY, MISSED, ARTICLE = 7.26, 8.55, 5.04, 1.96
SURE = 3.0
"""Log odds for a text that is what the feed has. By judgement: no set of pages with gold has their feeds."""

_CUT = re.compile(r"(?:…|\.\.\.)[\])\s]*$")
# UTF-8 read as Windows-1252, or what could not be decoded at all.
_MOJIBAKE = re.compile("\ufffd|Ã[\u0080-\u00bf]|â€[\u0099\u009c\u009d™œ\u0153]")
MOJIBAKE_PER_CHAR = 1 / 500


def issues(read: ArticleText, word_count: int, access: str | None, *, is_live: bool = False) -> list[str]:
    """What is odd about a text. `is_live`: its page calls itself a live blog."""
    text = read.text
    if not text:
        return [NO_TEXT]
    found = {
        SHORT: word_count < SHORT_WORDS,
        TRUNCATED: bool(_CUT.search(text)),
        PAYWALL: access == "paywall" and word_count < WALL_WORDS,
        ENCODING: len(_MOJIBAKE.findall(text)) > len(text) * MOJIBAKE_PER_CHAR,
        UNCERTAIN: read.certainty < CERTAIN,
        LISTING_PAGE: read.linked > LISTING_LINKED or read.is_listing,
        LIVE_BLOG: is_live,
    }
    return [issue for issue, there in found.items() if there]


def confidence(read: ArticleText) -> float:
    """0–1: how far the text is to be taken for the article's.

    From how sure its choice was; how much of the page's prose it leaves out, where extractors disagree; and
    whether the page says that it is an article.
    """
    if not read.text:
        return 0.0
    missed = (1 - read.taken) * (1 - read.agreement)
    doubt = DOUBT - CERTAINTY * read.certainty + MISSED * missed - ARTICLE * read.says_article
    return 1 / (1 + exp(doubt - SURE * read.confirmed))


def score(found: list[str], confidence: float) -> float:
    """0 (worthless) to 1: the confidence in the text, and what its issues leave of it."""
    return round(confidence * prod(WEIGHTS[issue] for issue in found), 3)
