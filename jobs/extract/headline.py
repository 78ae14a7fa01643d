"""The headline: the one that most of the evidence agrees on, without the site's name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from jobs.entry import Entry
from jobs.extract.page import Parsed
from jobs.extract.plain import letters, plain, same
from jobs.words import count_words

_SEPARATOR = re.compile(r"\s+[–—·•«‹›:~-]\s+|\s*[|｜»]\s*")
_LABEL_AT_END = re.compile(
    r"\s*[\[(](?:watch|video|photos?|pictures|updated?|live|gallery|listen)[\])]$", re.I
)
MAX_HEADLINE = 400
MAX_SITE_WORDS = 5
MAX_KICKER_WORDS = 3
MAX_H1 = 12
"""A page with more of them does not mean headlines by them."""
MIN_LETTERS = 15
"""A shorter heading may be a part of any headline."""
ALIKE = 0.3
"""The share of its words that a heading must have in common with what else may be the headline."""


MIN_LEFT_WORDS = 3
"""Of a title from which a part goes for being in others as well."""


class Learned(Protocol):
    """What the other articles of a site tell of its titles."""

    def is_affix(self, segment: str) -> bool:
        """Do others have this first or last part, too: a section, the site's name?"""

    def is_label(self, heading: str) -> bool:
        """Do others have this whole heading?"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One piece of evidence for the headline."""

    origin: str
    text: str
    weight: float


# What readers see counts most; a page's own descriptions of itself are often written for search engines.
_H1, _DESCRIBED, _TITLE = 2.0, 1.0, 0.5


def headline(
    page: Parsed, entry: Entry, site_name: str | None, domain: str | None, learned: Learned | None = None
) -> tuple[str, str] | None:
    """(origin, headline), or None.

    The candidates with the same letters are weighed together; at a tie the most trusted wins. What other
    articles of the site are called, too, is taken only where there is nothing else.
    """

    def cleaned(value: str | None) -> str | None:
        text = plain(value, MAX_HEADLINE)
        return _LABEL_AT_END.sub("", without_site(text, site_name, domain, learned)) if text else None

    described = [
        Candidate(origin, text, weight)
        for origin, value, weight in _described(page, entry)
        if (text := cleaned(value)) and not _is_site(text, site_name, domain)
    ]
    headings = [
        text
        for h1 in _headings(page)
        if (text := cleaned(h1.text_content())) and not same(text, site_name or "")
    ]
    if learned:
        is_label = learned.is_label
        described = [c for c in described if not is_label(c.text)] or described
        headings = [text for text in headings if not is_label(text)]
    shown = shown_headline(headings, [candidate.text for candidate in described])
    candidates = [Candidate("html", shown, _H1)] if shown else []
    return heaviest([*candidates, *described])


def heaviest(candidates: list[Candidate]) -> tuple[str, str] | None:
    """(origin, text) of the first of the candidates whose letters weigh most together, or None."""
    if not candidates:
        return None
    weights: dict[str, float] = {}
    for candidate in candidates:
        spelled = letters(candidate.text)
        weights[spelled] = weights.get(spelled, 0) + candidate.weight
    best = max(candidates, key=lambda candidate: weights[letters(candidate.text)])
    return best.origin, best.text


def shown_headline(headings: list[str], others: list[str]) -> str | None:
    """The page's heading that is its headline, as far as `others` (what else may be it) tell, or None.

    Words before it (“Opinion”, a kicker) go where another candidate has the headline without them.
    """
    if not others:
        return headings[0] if len(headings) == 1 else None
    alike, best = max(((likeness(text, others), text) for text in headings), default=(0.0, ""))
    if alike < ALIKE and len(headings) != 1:
        return None
    return next((other for other in others if _is_without_kicker(other, best)), best) or None


def likeness(text: str, others: list[str]) -> float:
    """The largest share of words (0–1, of the longer of two texts) that a text has in common with another."""
    words = _words(text)
    return max((len(words & _words(o)) / max(len(words), len(_words(o)), 1) for o in others), default=0.0)


def _words(text: str) -> set[str]:
    found = set(re.findall(r"\w+", text.casefold()))
    # Scripts that don't separate words are compared by their characters.
    return found if len(found) > 1 else set(letters(text))


def _is_without_kicker(other: str, heading: str) -> bool:
    whole, short = letters(heading), letters(other)
    left_out = len(heading.split()) - len(other.split())
    return (
        len(short) > MIN_LETTERS
        and whole != short
        and whole.endswith(short)
        and 0 < left_out <= MAX_KICKER_WORDS
    )


def without_site(
    title: str, site_name: str | None, domain: str | None, learned: Learned | None = None
) -> str:
    """A title without the site's name, or what else its titles share, before or after a separator."""
    parts = [(match.start(), match.end()) for match in _SEPARATOR.finditer(title)]
    if not parts:
        return title
    (first_start, first_end), (last_start, last_end) = parts[0], parts[-1]
    for part, rest in (
        (title[last_end:], title[:last_start].rstrip()),
        (title[:first_start], title[first_end:].lstrip()),
    ):
        if _is_site(part, site_name, domain) or (learned and _is_shared(part, rest, learned)):
            return without_site(rest, site_name, domain, learned) or title
    return title


def _is_shared(part: str, rest: str, learned: Learned) -> bool:
    """And what is left is more than a word or two, and not itself what others have."""
    return count_words(rest) >= MIN_LEFT_WORDS and learned.is_affix(part) and not learned.is_affix(rest)


def segments(title: str) -> tuple[str, ...]:
    """What stands before the first and after the last separator of a title; nothing where it has none."""
    parts = list(_SEPARATOR.finditer(title))
    return (title[: parts[0].start()], title[parts[-1].end() :]) if parts else ()


def titles(page: Parsed) -> tuple[str, ...]:
    """All that a page calls itself, as it has it, for what recurs on its site."""
    raw = [page.tree.findtext(".//head/title") or page.tree.findtext(".//title"), page.first("og:title")]
    raw += [h1.text_content() for h1 in _headings(page)]
    return tuple(dict.fromkeys(text for value in raw if (text := plain(value, MAX_HEADLINE))))


def _is_site(part: str, site_name: str | None, domain: str | None) -> bool:
    """Is this the site's name, or does it hold its domain's or is held by it (“Novus Light Today”)?"""
    if not part or len(part.split()) > MAX_SITE_WORDS:
        return False
    if site_name and same(part, site_name):
        return True
    own, host = letters(part).removeprefix("the"), letters((domain or "").split(".")[0])
    if own in (host, letters(domain or "")):
        return len(own) > 2
    return min(len(own), len(host)) > 3 and (own in host or host in own)


def _described(page: Parsed, entry: Entry) -> Iterator[tuple[str, str | None, float]]:
    """(origin, value, weight) of what the page and its feed say the headline is, most trusted first."""
    yield "json-ld", page.ld.text("headline"), _DESCRIBED
    yield "feed", entry.title, _DESCRIBED
    yield "meta", page.first("og:title"), _DESCRIBED
    yield (
        "meta",
        page.first("twitter:title", "dc.title", "title", "sailthru.title", "parsely-title"),
        _TITLE,
    )
    yield "html", page.tree.findtext(".//head/title") or page.tree.findtext(".//title"), _TITLE


def _headings(page: Parsed) -> list[Any]:
    """The page's h1 elements, those of its article first."""
    scoped = [h1 for scope in page.within_article() for h1 in scope.findall(".//h1")]
    return list(dict.fromkeys([*scoped, *page.tree.findall(".//h1")]))[:MAX_H1]


def heading_of(page: Parsed, text: str | None) -> Any | None:
    """The element in which readers see the headline, or None."""
    first, spelled = _headings(page), letters(text or "")
    if spelled:
        for element in (*first, *itertools.islice(page.tree.iter("h2", "h3"), MAX_H1)):
            seen = letters(element.text_content())
            if seen and (spelled in seen or (len(seen) > MIN_LETTERS and seen in spelled)):
                return element
    return first[0] if len(first) == 1 else None
