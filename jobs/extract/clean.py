"""Line rules: what stands among an article's paragraphs and is not the article.

All are general, none knows a site. A line goes only for what it says as a whole; sentences are never cut.
"""

from __future__ import annotations

import re

from jobs.extract.plain import same

# The whole line, apart from dashes and such around it.
_ADVERT = re.compile(
    r"\W*(?:advertisements?|adverts?|ads?|advertorial|sponsored(?: content| links?)?|story continues below"
    r"(?: this)?(?: advertisement| ad)?|(?:article|story) continues after (?:the )?ad(?:vertisement)?"
    r"|anzeigen?|werbung|publicité|publicidad|publicidade|pubblicità|advertentie|annonse?|reklama?|реклама|广告|広告)\W*",
    re.IGNORECASE,
)
_FURNITURE = re.compile(
    r"\W*(?:skip to (?:main )?content|share(?: this)?(?: article| story| post)?(?: on \w+)?|print|e-?mail"
    r"|copy link|sign up|subscribe(?: now)?|leave a (?:comment|reply)|comments?|read (?:more|also|next)"
    r"|loading|listen to (?:this )?article|photo gallery|image)\W*",
    re.IGNORECASE,
)
# Titles of lists of other articles: they go, and so do the short lines after them up to the end.
_RELATED = re.compile(
    r"\W*(?:must[- ]reads?|related(?: (?:news|articles?|stories|posts|topics|content|links|coverage))?"
    r"|read (?:more|also|next)|more (?:on this|from .{2,30}|stories|news)|most (?:read|popular)"
    r"|recommended(?: for you)?|you (?:may|might) also like|also read|trending(?: now)?|latest news|see also"
    r"|mehr zum thema|lesen sie auch|das könnte sie auch interessieren|à lire aussi|lire aussi"
    r"|sur le même sujet|te puede interesar|lea también|leia também|leggi anche|lees ook|les også|läs också"
    r"|читайте также)\W*",
    re.IGNORECASE,
)
MAX_TEASER_CHARS = 140
"""Longer lines are paragraphs, even after the title of a list of teasers."""

# “ISIS-AVArmy sappers …”: a photo credit in capitals, of parts joined by “-” or “/”, run into the paragraph's
# first word. No word of a sentence looks like this.
_GLUED_CREDIT = re.compile(r"^(?:[A-Z]{2,}[-/])+[A-Z]{2,}(?=[“\"‘]?[A-Z][a-z])")


def clean(lines: list[str], headline: str | None) -> list[str]:
    """The lines that are the article, in order."""
    kept = [_GLUED_CREDIT.sub("", line) for line in lines if not _is_noise(line)]
    if headline and kept and same(kept[0].removeprefix("- "), headline):
        kept = kept[1:]
    return _without_tail(kept)


def _is_noise(line: str) -> bool:
    return bool(_ADVERT.fullmatch(line) or _FURNITURE.fullmatch(line))


def _without_tail(lines: list[str]) -> list[str]:
    """Cut at the first title of a list of other articles after which only teasers follow."""
    for index, line in enumerate(lines):
        if _RELATED.fullmatch(line) and all(len(rest) <= MAX_TEASER_CHARS for rest in lines[index + 1 :]):
            return lines[:index]
    return [line for line in lines if not _RELATED.fullmatch(line)]


def paragraphs(lines: list[str]) -> str:
    """One text: a blank line between paragraphs, none between the items of a list."""
    text = ""
    for before, line in zip(["", *lines], lines, strict=False):
        in_list = before.startswith("- ") and line.startswith("- ")
        text += ("\n" if in_list else "\n\n" if text else "") + line
    return text
