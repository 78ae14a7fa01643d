"""Whether a feed's own content can stand in for a page that can't be had (pure).

A feed gives its content to whoever subscribes, so it may be published where the page may not be fetched
(robots.txt) or is not shown (a wall, a challenge). It is not used where the publisher took the page down.
"""

from __future__ import annotations

import re

from jobs.entry import Entry
from jobs.errors import Outcome, Reason, Retry
from jobs.visible import visible_text
from jobs.words import count_words

MIN_WORDS = 100
"""A content with fewer is a teaser, whatever its end looks like."""
LONGER_THAN_SUMMARY = 1.1
MAX_CHARS = 199_000
"""What is longer was cut when the feed was read (200,000, see worker/feeds/entries.py)."""
PATIENT_TRIES = 3
"""Attempts before the feed stands in for a site in trouble: eleven minutes. News does not wait longer."""
_TRIES = {Reason.BOT_CHALLENGE: 1}
"""A challenge is an answer, no trouble: who got one gets it again."""

END_CHARS = 240
_CUT = re.compile(r"(?:…|\.\.\.|\[\s*(?:…|\.\.\.|\+)\s*\])\W*$")
_MORE_PHRASES = """
read (?:more|on|in full|full|the (?:full|rest|whole|original))
continue reading|keep reading|full (?:story|article)|click here to (?:read|continue)
view (?:the )?(?:full|original|entire)
weiterlesen|mehr lesen|zum (?:vollständigen |ganzen )?artikel
lire (?:la suite|plus|l['’]article)
leer (?:más|completo|la nota)|seguir leyendo|sigue leyendo
leggi (?:tutto|di più|l['’]articolo)|continua a leggere
ler (?:mais|a mat[ée]ria)|leia mais|continue lendo
lees (?:verder|meer)
läs (?:mer|vidare|hela)|les (?:mer|videre|hele)|læs (?:mere|videre|hele)|lue lisää
czytaj (?:dalej|więcej|całość)|číst (?:dál|více|celý)|čítať ďalej|tovább olvasom
читать (?:далее|полностью|дальше)|читати (?:далі|повністю)
devamını oku|διαβάστε περισσότερα
続きを読む|全文を読む|阅读全文|閱讀全文|繼續閱讀|더 보기|전문 보기
اقرأ المزيد|قراءة المزيد
"""
_MORE = re.compile(rf"(?:{'|'.join(_MORE_PHRASES.strip().split(chr(10)))})[^.!?]{{0,60}}[.!?»›→\s]*$", re.I)
# WordPress ends every item, whole or not, with a line of its own.
_FOOTER = re.compile(r"\bThe post .{1,400} (?:appeared first|first appeared) on .{1,200}$", re.S)


def stands_in(outcome: Outcome, tries: int, entry: Entry | None) -> bool:
    """Is this the moment to publish a link from its feed's own content?

    Args:
        outcome: what the attempt ended with.
        tries: attempts so far, this one included.
        entry: what the feed said of the link.
    """
    if not outcome.reason.feed_stands_in:
        return False
    soon = not isinstance(outcome, Retry) or tries >= _TRIES.get(outcome.reason, PATIENT_TRIES)
    return soon and is_whole(entry)


def is_whole(entry: Entry | None) -> bool:
    """Does the entry's content look like the whole article rather than its beginning?

    Long enough, longer than the summary, not cut off by a limit, an ellipsis or a “read more”.
    """
    if entry is None or not entry.content or len(entry.content) > MAX_CHARS:
        return False
    text = visible_text(entry.content)
    words = count_words(text)
    longer = words > LONGER_THAN_SUMMARY * count_words(entry.summary or "")
    return words >= MIN_WORDS and longer and not _ends_open(text)


def without_footer(text: str) -> str:
    """The text without the line that WordPress puts under every item."""
    start = max(0, len(text) - 700)
    return text[:start] + _FOOTER.sub("", text[start:]).rstrip()


def _ends_open(text: str) -> bool:
    end = without_footer(text)[-END_CHARS:].rstrip()
    return bool(_CUT.search(end) or _MORE.search(end))
