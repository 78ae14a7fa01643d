"""What a reader sees of some HTML, told without a parser: for judging pages, not for reading them.

Linear in time whatever the markup is, and cheap to import: fetch workers use it.
"""

from __future__ import annotations

import html
import re

from jobs.words import count_words

_HIDDEN = re.compile(r"<(script|style|template|svg|!--)", re.I)
_MARKUP = re.compile(r"<[a-zA-Z/!?][^<>]*+>")
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{0,500})", re.I)
TITLE_WITHIN_CHARS = 64 * 1024


def visible_text(markup: str) -> str:
    """The text between the tags, without scripts, styles and comments, white space collapsed."""
    shown: list[str] = []
    position = 0
    while match := _HIDDEN.search(markup, position):
        shown.append(markup[position : match.start()])
        position = _end(markup, match[1].lower(), match.end())
    shown.append(markup[position:])
    return " ".join(html.unescape(_MARKUP.sub(" ", " ".join(shown))).split())


def visible_words(markup: str) -> int:
    """How many words a reader sees."""
    return count_words(visible_text(markup))


def title(markup: str) -> str:
    """The page's title, ``""`` if it has none near its beginning."""
    found = _TITLE.search(markup, 0, TITLE_WITHIN_CHARS)
    return " ".join(html.unescape(found[1]).split()) if found else ""


def _end(markup: str, name: str, begin: int) -> int:
    """Where the element ends whose start tag's name ends at `begin`. One that never does hides the rest."""
    if name == "!--":
        closing = markup.find("-->", begin)
        return closing + 3 if closing >= 0 else len(markup)
    closing = begin
    while (closing := markup.find("</", closing)) >= 0:
        if markup[closing + 2 : closing + 2 + len(name)].lower() == name:
            return closing
        closing += 2
    return len(markup)
