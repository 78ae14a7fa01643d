"""The headline: the one that most of the evidence agrees on, without the site's name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from jobs.entry import Entry
from jobs.extract.page import Parsed
from jobs.extract.plain import letters, plain, same
from jobs.words import count_words

_SEPARATOR = re.compile(r"\s+[–—·•«‹›:~-]\s+|\s*[|｜»]\s*")
_LABEL_AT_END = re.compile(
    r"\s*[\[(](?:watch|video|photos?|pictures|updated?|live|gallery|listen)[\])]$", re.I
)
_OF_THE_SITE = re.compile(r"^(?:our|the)\s+", re.I)  # “Our Blog”
_BARS = frozenset("|｜»·•›")
MAX_HEADLINE = 400
MAX_SITE_WORDS = 5
MAX_KICKER_WORDS = 3
MAX_H1 = 12
"""A page with more of them does not mean headlines by them."""
MIN_LETTERS = 15
"""A shorter heading may be a part of any headline."""
ALIKE = 0.3
"""The share of its words that a heading must have in common with what else may be the headline."""
NEARLY_AS_MUCH = 0.6
"""Of the likeness of the best; then the first heading is taken, since others head what comes after."""
THE_SAME = 0.7
"""A heading of lower rank must be this much alike."""


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
_SEEN, _H1, _DESCRIBED, _TITLE = 4.0, 2.0, 1.0, 0.5


def headline(
    page: Parsed, entry: Entry, site_name: str | None, domain: str | None, learned: Learned | None = None
) -> tuple[str, str] | None:
    """(origin, headline), or None.

    The candidates with the same letters are weighed together; at a tie the most trusted wins. What other
    articles of the site are called, too, is taken only where there is nothing else.
    """
    site = _Site(site_name, domain, sections(page), learned)
    described = [
        Candidate(origin, text, weight)
        for origin, value, weight in _described(page, entry)
        if (text := site.without(value)) and not _is_site(text, site_name, domain)
    ]
    if learned:
        described = [c for c in described if not learned.is_label(c.text)] or described
    others = [candidate.text for candidate in described]
    of_site = _rests(page, others)
    headings = [h for h in site.headings(_headings(page)) if letters(h.text) not in of_site]
    shown = shown_headline(headings, others)
    if shown is None or (others and likeness(shown.text, others) < ALIKE):
        above = _subheadings(page, until=headings[0].element if shown else None)
        all_lower = site.headings(_subheadings(page)) if shown else []
        shown = _lower(site.headings(above), others) or _titled(all_lower, others) or shown
    return heaviest([*([shown] if shown else []), *described])


def _rests(page: Parsed, others: list[str]) -> frozenset[str]:
    """What the page's title has beside another candidate, as letters: the site's name, whatever it is."""
    whole = letters(page.tree.findtext(".//head/title") or "")
    known = (spelled for other in others if (spelled := letters(other)) != whole)
    return frozenset(
        r for one in known for r in (whole.removeprefix(one), whole.removesuffix(one)) if r != whole
    )


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading as readers see it, without the site's name."""

    text: str
    element: Any
    """An lxml element."""
    short: str | None = None
    """Without what stands before it in an element of its own (“Opinion”, a kicker), where that is so."""


def _after_kicker(element: Any) -> str | None:
    while len(element) == 1 and not (element.text or "").strip() and not (element[0].tail or "").strip():
        element = element[0]  # one around both
    first = element[0] if len(element) else None
    if first is None or (element.text or "").strip() or len(first.text_content().split()) > MAX_KICKER_WORDS:
        return None
    whole, kicker = " ".join(element.text_content().split()), " ".join(first.text_content().split())
    return whole.removeprefix(kicker).strip() if kicker else None


@dataclass(frozen=True, slots=True)
class _Site:
    """What of a page's titles is its site's: goes from a title, or is a heading that is none."""

    name: str | None
    domain: str | None
    filed_under: frozenset[str]
    learned: Learned | None

    def without(self, title: str | None) -> str | None:
        """A title as plain text, without the site's name and the like; None where nothing is left."""
        text = plain(title, MAX_HEADLINE)
        short = without_site(text, self.name, self.domain, self.learned, self.filed_under) if text else ""
        return _LABEL_AT_END.sub("", short) or None

    def headings(self, elements: Iterable[Any]) -> list[Heading]:
        """Those that may be the headline."""
        found = (
            Heading(text, element, self.without(_after_kicker(element)))
            for element in elements
            if (text := self.without(element.text_content()))
        )
        return [heading for heading in found if not self._is_label(heading.text)]

    def _is_label(self, text: str) -> bool:
        spelled = letters(_OF_THE_SITE.sub("", text))
        section = spelled in self.filed_under and len(text.split()) <= MAX_KICKER_WORDS
        known = self.learned is not None and self.learned.is_label(text)
        return known or section or spelled in (letters(self.name or ""), _host(self.domain))


def sections(page: Parsed) -> frozenset[str]:
    """What the page is filed under, as letters: its declared sections and the directories of its URL."""
    try:
        path = urlsplit(page.base or "").path
    except ValueError:
        path = ""
    named = [*page.ld.strings("articleSection"), *page.meta.get("article:section", ())]
    found = (letters(name) for name in (*path.strip("/").split("/")[:-1], *named))
    return frozenset(name for name in found if len(name) > 2 and not name.isdigit())


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


def shown_headline(headings: list[Heading], others: list[str]) -> Candidate | None:
    """The page's heading that is its headline, as far as `others` (what else may be it) tell, or None.

    A kicker before it goes where another candidate has the headline without it.
    """
    alike = [(likeness(heading.text, others), heading) for heading in headings]
    most = max((one for one, _ in alike), default=0.0)
    if most < ALIKE:
        return Candidate("html", headings[0].text, _H1) if len(headings) == 1 else None
    heading = next(one for share, one in alike if share >= max(ALIKE, NEARLY_AS_MUCH * most))
    text, short = heading.text, heading.short
    if short and any(same(short, other) for other in others):
        text = short
    is_part = any(_has_kicker(other, text) for other in others)
    return Candidate("html", text, _H1 if is_part else _SEEN)


def _lower(subheadings: list[Heading], others: list[str]) -> Candidate | None:
    """A heading of lower rank that is the headline all the same, where no h1 is."""
    found = next((h.text for h in subheadings if likeness(h.text, others) >= THE_SAME), None)
    return Candidate("html", found, _H1) if found else None


def _titled(subheadings: list[Heading], others: list[str]) -> Candidate | None:
    """One below an h1 of other words that stands in the page's title word for word."""
    known = [letters(other) for other in others]
    spelled = ((heading.text, letters(heading.text)) for heading in subheadings)
    found = next((t for t, one in spelled if len(one) > MIN_LETTERS and any(one in k for k in known)), None)
    return Candidate("html", found, _H1) if found else None


def likeness(text: str, others: list[str]) -> float:
    """The largest share of words (0–1, of the longer of two texts) that a text has in common with another."""
    words = _words(text)
    return max((len(words & _words(o)) / max(len(words), len(_words(o)), 1) for o in others), default=0.0)


def _words(text: str) -> set[str]:
    found = set(re.findall(r"\w+", text.casefold()))
    # Scripts that don't separate words are compared by their characters.
    return found if len(found) > 1 else set(letters(text))


def _has_kicker(other: str, heading: str) -> bool:
    """“Kenya: A bridge for all” where readers see “A bridge for all”: then it goes by who else has it."""
    before = other.removesuffix(heading)
    return before != other and before.rstrip().endswith(":")


def without_site(
    title: str,
    site_name: str | None,
    domain: str | None,
    learned: Learned | None = None,
    filed_under: frozenset[str] = frozenset(),
) -> str:
    """A title without the site's name, its section (one of `filed_under`), or what else its titles share.

    They go before or after a separator; a section that is set off by a dash before the rest may be its topic.
    """
    parts = list(_SEPARATOR.finditer(title))
    if not parts:
        return title
    first, last = parts[0], parts[-1]
    for part, rest, separator in (
        (title[last.end() :], title[: last.start()].rstrip(), "|"),
        (title[: first.start()], title[first.end() :].lstrip(), first[0].strip()),
    ):
        is_section = separator in _BARS and _is_section(part, rest, filed_under)
        if is_section or _is_site(part, site_name, domain) or (learned and _is_shared(part, rest, learned)):
            return without_site(rest, site_name, domain, learned, filed_under) or title
    return title


def _is_section(part: str, rest: str, filed_under: frozenset[str]) -> bool:
    short = len(part.split()) <= MAX_KICKER_WORDS and len(letters(rest)) >= MIN_LETTERS
    return short and letters(part) in filed_under


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


def _host(domain: str | None) -> str:
    """The letters of a domain without its ending."""
    return letters((domain or "").split(".")[0])


def _is_site(part: str, site_name: str | None, domain: str | None) -> bool:
    """Is this the site's name, or does it hold its domain's or is held by it (“Novus Light Today”)?"""
    if not part or len(part.split()) > MAX_SITE_WORDS:
        return False
    if site_name and same(part, site_name):
        return True
    own, host = letters(part).removeprefix("the"), _host(domain)
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


def _subheadings(page: Parsed, until: Any = None) -> list[Any]:
    """The first headings of lower rank, those before an h1 if one is given."""
    found = itertools.takewhile(lambda element: element is not until, page.tree.iter("h1", "h2", "h3"))
    return list(itertools.islice((element for element in found if element.tag != "h1"), MAX_H1))


def heading_of(page: Parsed, text: str | None) -> Any | None:
    """The element in which readers see the headline, or None."""
    first, spelled = _headings(page), letters(text or "")
    if spelled:
        for element in (*first, *_subheadings(page)):
            seen = letters(element.text_content())
            if seen and (spelled in seen or (len(seen) > MIN_LETTERS and seen in spelled)):
                return element
    return first[0] if len(first) == 1 else None
