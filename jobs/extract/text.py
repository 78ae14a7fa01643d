"""The article's text: trafilatura on the parsed page, then the line rules."""

from __future__ import annotations

import logging
import re
from typing import Any

from trafilatura import bare_extraction

from jobs.extract.clean import clean, paragraphs
from jobs.extract.plain import plain_lines

MIN_LETTERS = 40
"""With fewer there is no article: a caption, a cookie notice, an error."""
ENOUGH_LETTERS = 200
"""With fewer, what was left out for precision may be the article."""
MAX_CREDIT_CHARS = 60

# A short inline element that its own class calls a credit: not the paragraph's text.
_CREDITS = (
    ".//p//*[self::span or self::em or self::i or self::small or self::cite or self::b or self::strong]"
    "[contains(@class, 'credit') or contains(@class, 'caption') or contains(@class, 'copyright')]"
)
_TABLE_ROW = re.compile(r"\|(.*)\|")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W_]+(?:['’.-][^\W_]+)*")

# It logs each page without text as an error; here that is an outcome, and told as one.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


def article_text(tree: Any, url: str | None, headline: str | None) -> str:
    """The article's text, ``""`` if there is none. Removes credits from `tree`, so call it last.

    Precision is favoured: on news pages what trafilatura adds otherwise is mostly what stands around.
    """
    for credit in tree.xpath(_CREDITS):
        if len(credit.text_content()) <= MAX_CREDIT_CHARS:
            credit.drop_tree()
    text = _found(tree, url, headline, precise=True)
    if _letters(text) < ENOUGH_LETTERS:
        text = max(text, _found(tree, url, headline, precise=False), key=_letters)
    return text if _letters(text) >= MIN_LETTERS else ""


def _found(tree: Any, url: str | None, headline: str | None, *, precise: bool) -> str:
    found: Any = bare_extraction(
        tree, url=url, fast=not precise, favor_precision=precise, include_comments=False, with_metadata=False
    )
    lines = plain_lines(found.text or "") if found else []
    rows = [_without_bars(line) for line in lines if not _is_rule(line)]
    return paragraphs(clean(rows, headline))


def _letters(text: str) -> int:
    return sum(c.isalpha() for c in text)


def _is_rule(line: str) -> bool:
    """``|---|---|``: the line under a table's head. (A regex takes quadratic time on a line of dashes.)"""
    return "---" in line and set(line) <= set("|-: ")


def _without_bars(line: str) -> str:
    """``| a | b |`` → ``a | b``: the row of a table."""
    row = _TABLE_ROW.fullmatch(line)
    return row[1].strip() if row else line


def count_words(text: str) -> int:
    """Words of a text; a Chinese, Japanese or Korean character counts as one."""
    return len(_WORD.findall(text))
