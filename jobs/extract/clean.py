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
# “Read more: Museum lends statues”: a pointer among the paragraphs. The colon tells it from a sentence.
_POINTERS = r"""
read (?:more|also|next|this)|(?:also|must) read|see also|more|watch(?: also)?|listen
related(?: (?:story|article|news|coverage|video))?
mehr zum thema|lesen sie (?:auch|dazu|mehr)|siehe auch
lire aussi|à lire(?: aussi)?|voir aussi
lea (?:también|además)|le puede interesar|ver también
leia (?:também|mais)|veja também|leggi anche
lees (?:ook|verder)|zie ook|les også|læs også|läs (?:också|även|mer)|lue myös
czytaj (?:też|także|więcej)|zobacz (?:też|także)|čtěte (?:také|více)|читайте (?:также|ещё|еще)|читайте також
"""
_POINTER = re.compile(rf"\W*(?:{'|'.join(_POINTERS.split(chr(10))[1:-1])})\s?:\s?\S.*", re.IGNORECASE)
MAX_POINTER_WORDS = 20
# An invitation to the publisher's newsletter: it asks, and names the newsletter or where it comes in.
_ASKING = r"""
sign up|subscribe|register|join|get (?:the|all|our|your|more)
anmelden|abonnieren|melden sie|abonnieren sie
abonnez-vous|inscrivez-vous|suscr[ií]b[ea]|inscr[ií]b[ea]|inscreva-se|assine|iscriviti|abbonati
meld je|schrijf je|abonneer|prenumerera|tilmeld|abonn[ée]r|meld deg
"""
_ASKS = re.compile(
    r"(?:^\W*|[.!?:–—]\W+|\b(?:please|to|and|or|now|here|jetzt)\W+)"
    rf"(?:{'|'.join(_ASKING.split(chr(10))[1:-1])})\b",
    re.IGNORECASE,
)
_NAMES = r"""
(?:our|[’']s|free|daily|weekly|the) (?:[\w’'-]+ ){0,3}newsletters?|newsletters? (?:here|now|today)
your (?:e-?mail )?inbox
newsletter (?:an|abonnieren)|(?:unseren|den|zum) (?:\S+ ){0,2}newsletter
(?:notre|la|nos) (?:newsletter|infolettre)s?|(?:nuestr[oa]|al?|el) (?:bolet[ií]n|newsletter)
(?:nossa|a) newsletter|(?:nostra|alla) newsletter|(?:onze|de) nieuwsbrief|(?:vårt|vores) nyhets?brev
"""
_NEWSLETTER = re.compile(rf"\b(?:{'|'.join(_NAMES.split(chr(10))[1:-1])})\b", re.IGNORECASE)
MAX_INVITATION_WORDS = 45
MAX_LINE = 1_000
"""In characters: longer lines are neither."""
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
    if _ADVERT.fullmatch(line) or _FURNITURE.fullmatch(line):
        return True
    if len(line) > MAX_LINE:
        return False
    words = line.count(" ") + 1
    if words <= MAX_POINTER_WORDS and _POINTER.fullmatch(line):
        return True
    return words <= MAX_INVITATION_WORDS and bool(_NEWSLETTER.search(line) and _ASKS.search(line))


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
