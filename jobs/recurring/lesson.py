"""One article and its site's memory: what goes for it, what is told of that, what it teaches (pure)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from jobs.extract import quality
from jobs.extract.draft import Draft
from jobs.extract.headline import without_site
from jobs.recurring.lines import About, Cleaned, cleaned, repeats
from jobs.recurring.memory import Evidence, Memory, Place
from jobs.recurring.signs import Lines, affix_sign, text_signs, title_sign, title_signs
from jobs.recurring.titles import SiteTitles
from jobs.suffixes import registrable
from jobs.words import count_words

TOLD = 3
"""Of what was left out, so much is told on the link's way."""
EXCERPT_CHARS = 48


@dataclass(frozen=True, slots=True)
class Lesson:
    """What came of an article and its site's memory."""

    draft: Draft
    """Without the site's boilerplate."""
    note: str
    """What was left out on what evidence, in our words with excerpts; ``""`` when nothing was."""
    as_read: Draft
    """With it. Whether a page has changed is told by this: that we learned something is no news."""
    signs: dict[bytes, Place]
    """What the site's memory has to learn; nothing for an article that it learned from already."""


def lesson(draft: Draft, memory: Memory, host: str) -> Lesson:
    """The draft as its site's other articles show it, and what it shows of the site.

    Args:
        draft: an extraction; its titles were already read with this memory (`SiteTitles`).
        memory: of the articles before this one.
        host: the site's host name.
    """
    lines = Lines.of(draft.text)
    signs = {} if repeats(lines, memory) else _signs(draft, lines, memory)
    about = About(draft.headline or "", draft.summary or "", f"{draft.site_name or ''} {host}")
    result = cleaned(lines, memory, about)
    note = _told(result, memory) + _told_of_title(draft, memory, host)
    return Lesson(_applied(draft, result), note, draft, signs)


def _signs(draft: Draft, lines: Lines, memory: Memory) -> dict[bytes, Place]:
    found: dict[bytes, Place] = {}
    own = text_signs(lines, lambda title: memory.knows(title_sign(title)))
    for sign, place in (*own, *title_signs(draft.headline, draft.titles)):
        found[sign] = found.get(sign, Place.MIDDLE) | place
    return found


def _applied(draft: Draft, result: Cleaned) -> Draft:
    if result.too_much:
        score = round(draft.score * quality.WEIGHTS[quality.BOILERPLATE], 3)
        return replace(draft, issues=(*draft.issues, quality.BOILERPLATE), score=score)
    return replace(draft, text=result.text, word_count=count_words(result.text)) if result.removed else draft


def _told(result: Cleaned, memory: Memory) -> str:
    if result.too_much:
        return "; most of its text recurs on its site, so that was left in"
    if not result.removed:
        return ""
    words = sum(one.words for one in result.removed)
    found = f"; left out {words} words that recur on its site"
    told = "; ".join(_evidence(one.text, one.evidence, memory) for one in result.removed[:TOLD])
    more = len(result.removed) - TOLD
    return f"{found}: {told}" + (f"; and {more} more" if more > 0 else "")


def _told_of_title(draft: Draft, memory: Memory, host: str) -> str:
    if not draft.headline:
        return ""
    named = partial(without_site, site_name=draft.site_name, domain=registrable(host))
    part = SiteTitles(memory).left_out(draft.headline, draft.titles, named)
    told = _evidence(part, memory.evidence(affix_sign(part)), memory) if part else ""
    return f"; left out of its headline {told}" if told else ""


def _evidence(text: str, seen: Evidence, memory: Memory) -> str:
    of = f"{seen.articles} of the {memory.articles + 1} articles read, {seen.share:.0%} of late"
    return f"“{_excerpt(text)}” ({of})"


def _excerpt(text: str) -> str:
    """A short plain beginning: printable characters of one line only."""
    plain = "".join(c if c.isprintable() else " " for c in text[: 2 * EXCERPT_CHARS])
    return plain if len(plain) <= EXCERPT_CHARS else plain[: EXCERPT_CHARS - 1].rstrip() + "…"
