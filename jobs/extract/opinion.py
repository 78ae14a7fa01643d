"""A second opinion on what a page's article is: resiliparse, in a few milliseconds."""

from __future__ import annotations

from resiliparse.extract.html2text import extract_plain_text


def second_opinion(text: str) -> str:
    """The main content of a decoded page as lines of plain text; it leaves in more than it leaves out."""
    return extract_plain_text(text, main_content=True, alt_texts=False, list_bullets=False)
