"""Which towns and countries a text means by its names.

Evidence for a place: a preposition or “the city of” before it, the dateline, its country in the text, its
size. Evidence against: the name is a word, a first name or part of a longer name. Which of its namesakes: the
one whose country the text speaks of, else the largest.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from math import log10

from jobs.enrich.countries import (
    HOME_COUNTRIES,
    country_names,
    country_of_people,
    regions,
    shown_names,
)
from jobs.enrich.cues import Cues, cues, word_list
from jobs.enrich.folding import fold
from jobs.enrich.gazetteer import Gazetteer, Town
from jobs.enrich.mentions import NAME, PEOPLE, Mention, dateline_end
from jobs.enrich.words import stopwords

DATELINE, CUE, COUNTRY_NAMED, HOME = 3.0, 2.0, 1.5, 0.4
WORD, OPENS_ONLY, OTHER_NAME = -2.0, -1.5, -0.7
ENOUGH = 0.5
BIG = 1_000_000
SHORT = 4
_ARTICLES = frozenset({"the", "a", "der", "die", "das", "dem", "den", "des", "ein", "eine", "einen", "einem"})
"""No town has one before its name, in English and in German."""
_LISTED = re.compile(r",?\s(?:and|und|et|y|e|sowie|ou|oder|or)\s|,\s")
_IN_BRACKETS_OR_COMMA = re.compile(r"\s?[,(]\s?")


@dataclass(slots=True)
class Place:
    """A place that the text names."""

    text: str
    """As the text writes it most."""
    kind: str
    """``city``, ``region`` or ``country``."""
    country: str | None
    town: Town | None
    mentions: list[Mention] = field(default_factory=list)
    peoples: int = 0
    """Mentions of a country's people only."""

    @property
    def weight(self) -> int:
        """How often it is named, by its own name or its people's."""
        return len(self.mentions) + self.peoples


class TownChoice:
    """Finds the places among the mentions of one text."""

    def __init__(self, text: str, language: str | None, gazetteer: Gazetteer) -> None:
        self._text, self._language, self._gazetteer = text, language, gazetteer
        self._cues: Cues = cues(language)
        self._countries = country_names(language)
        self._words = word_list("words_as_towns.txt") | word_list("first_names.txt")
        self._stop = stopwords(language)
        self._listed: set[int] = set()
        """Starts of mentions that stand in a list with one that is cued: in Hannover and Oldenburg."""
        self._dateline_end = dateline_end(text)

    def places(self, mentions: list[Mention]) -> list[Place]:
        """The places, the most named first. Mentions of people and organisations are passed over."""
        named = [m for m in mentions if m.kind == NAME]
        countries = self._named_countries(named)
        peoples = Counter(c for m in mentions if m.kind == PEOPLE and (c := self._of_people(m)))
        peoples.update(self._lower_peoples(mentions))
        spoken_of: dict[str, float] = defaultdict(float)
        spoken_of.update({c: 2.0 * len(p.mentions) for c, p in countries.items()})
        for code, count in peoples.items():
            spoken_of[code] += 0.7 * count
        self._find_lists(named)
        towns = self._towns([m for m in named if not self._country(m)], spoken_of)
        for code, count in peoples.items():
            if code in countries:
                countries[code].peoples = count
            elif count >= 2:
                countries[code] = Place(self._country_name(code), "country", code, None, [], count)
        found = [*countries.values(), *towns]
        return sorted(found, key=lambda p: (-p.weight, p.mentions[0].start if p.mentions else 1 << 30))

    def _of_people(self, mention: Mention) -> str | None:
        return country_of_people(mention.words[0].text, self._language)

    def _lower_peoples(self, mentions: list[Mention]) -> Counter[str]:
        """“irakische”, “sirio”: peoples that the language writes small."""
        if self._language not in ("de", "fr", "es"):
            return Counter()
        found: Counter[str] = Counter()
        for word in _LOWER_WORD.findall(self._text):
            if code := country_of_people(word, self._language):
                found[code] += 1
        return found

    def _country_name(self, code: str) -> str:
        return shown_names(self._language).get(code, code)

    # -- countries -----------------------------------------------------------------------------------------
    def _named_countries(self, named: Iterable[Mention]) -> dict[str, Place]:
        found: dict[str, Place] = {}
        for mention in named:
            code = self._country(mention)
            if code and (mention.sure or fold(mention.text) not in self._words or self._cued(mention)):
                found.setdefault(code, Place(mention.text, "country", code, None)).mentions.append(mention)
        return found

    def _country(self, mention: Mention) -> str | None:
        code = self._countries.get(fold(mention.text))
        if code == "GE" and self._is_american_georgia():
            return None
        return code

    def _is_american_georgia(self) -> bool:
        us = len(
            re.findall(
                r"\b(?:U\.S\.|US|USA|American?|Atlanta|Alabama|Florida|Savannah|Republican|Democrat)",
                self._text,
            )
        )
        return us > len(re.findall(r"\b(?:Georgian|Tbilisi|Tiflis|Russia|Caucasus|Batumi|EU)", self._text))

    # -- towns ---------------------------------------------------------------------------------------------
    def _towns(self, named: list[Mention], spoken_of: dict[str, float]) -> list[Place]:
        groups: dict[str, list[Mention]] = {}
        for mention in named:
            for part in self._parts(mention):
                groups.setdefault(fold(part.text), []).append(part)
        looked_up = {name: self._gazetteer.towns(name) for name in groups}
        for name, towns in looked_up.items():  # large and sure ones tell of which countries the text speaks
            if towns and towns[0].population >= BIG and towns[0].own_name and name not in self._words:
                spoken_of[towns[0].country] += 0.5
        found: dict[str, Place] = {}
        for _ in range(2):  # the second time with what the first found: towns of one country come together
            for name, group in groups.items():
                if name not in found and (place := self._place(name, group, looked_up[name], spoken_of)):
                    found[name] = place
            for place in found.values():
                spoken_of[place.country or ""] += 0.7
        return list(found.values())

    def _find_lists(self, named: list[Mention]) -> None:
        for before, after in pairwise(sorted(named, key=lambda m: m.start)):
            if _LISTED.fullmatch(self._text[before.end : after.start]) and (
                before.start in self._listed or self._cued(before)
            ):
                self._listed.add(after.start)

    def _parts(self, mention: Mention) -> list[Mention]:
        """The mention itself; “Deutsche Stadt Köln” in German: its last word."""
        words = mention.words
        if len(words) > 1 and words[0].lower in self._cues.place_nouns:
            cut = words[1:]
            return [
                Mention(
                    self._text[cut[0].start : mention.end], cut[0].start, mention.end, NAME, cut, words[0]
                )
            ]
        if self._language == "de" and len(words) > 1 and not self._gazetteer.towns(mention.text):
            return [
                Mention(w.text, w.start, w.end, NAME, (w,), mention.before if i == 0 else words[i - 1])
                for i, w in enumerate(words)
            ]
        return [mention]

    def _place(
        self, name: str, group: list[Mention], towns: tuple[Town, ...], spoken_of: dict[str, float]
    ) -> Place | None:
        region = regions().get(name)
        if not towns and not region:
            return None
        text = Counter(m.text for m in group).most_common(1)[0][0]
        big = bool(towns) and towns[0].population > BIG / 2
        if region and not big and self._means_region(group):
            return Place(text, "region", region, None, group)
        if not towns or not text[0].isupper() or name in self._cues.things:
            return None
        town = max(towns, key=lambda t: self._preference(t, spoken_of, group))
        if self._evidence(name, group, town, spoken_of) < ENOUGH:
            return None
        shown = text.title() if text.isupper() and len(text) > 3 else text
        return Place(shown, "city", town.country, town, group)

    def _means_region(self, group: list[Mention]) -> bool:
        return any(m.sure or self._cued(m) for m in group)

    def _preference(self, town: Town, spoken_of: dict[str, float], group: list[Mention]) -> float:
        home = town.country in HOME_COUNTRIES.get(self._language or "", ())
        context = min(spoken_of[town.country], 2.0)
        if any(self._followed_by(m) == town.country for m in group):
            context += 4
        return 1.6 * log10(town.population + 1) + context + 0.5 * home + 0.8 * town.own_name

    def _evidence(self, name: str, group: list[Mention], town: Town, spoken_of: dict[str, float]) -> float:
        cued = any(map(self._cued, group))
        found = log10(town.population + 1) - 5 + CUE * cued
        found += COUNTRY_NAMED * (spoken_of[town.country] >= 0.7)
        found += DATELINE * any(m.end <= self._dateline_end for m in group)
        found += WORD * (name in self._words or name in self._stop)
        found += HOME * (town.country in HOME_COUNTRIES.get(self._language or "", ()))
        found += OPENS_ONLY * (not any(m.sure for m in group))
        if not town.own_name and town.population < BIG / 5 and spoken_of[town.country] < 0.7:
            found += OTHER_NAME
        if self._language == "de" and not cued and town.population < BIG / 5:
            found += OTHER_NAME
        if len(name) < SHORT and not town.own_name:
            found += WORD
        return found + WORD * any(m.before and m.before.lower in _ARTICLES for m in group)

    def _cued(self, mention: Mention) -> bool:
        if mention.start in self._listed:
            return True
        before = mention.before.lower if mention.before else ""
        if before in self._cues.locative or before in self._cues.place_nouns:
            return True
        if before in ("of", "de", "von", "d") and self._noun_before(mention):
            return True
        return self._followed_by(mention) is not None

    def _noun_before(self, mention: Mention) -> bool:
        words = self._text[max(0, mention.start - 40) : mention.start].casefold().split()
        return len(words) >= 2 and any(w.strip("“”\"'") in self._cues.place_nouns for w in words[-3:-1])

    def _followed_by(self, mention: Mention) -> str | None:
        """The country in “Paris, Texas”, “Anna (Russia)”."""
        comma = _IN_BRACKETS_OR_COMMA.match(self._text, mention.end)
        if not comma:
            return None
        after = self._text[comma.end() : comma.end() + 40]
        words = re.findall(r"[^\W\d_][\w.’'-]*", after)
        for count in (3, 2, 1):
            name = fold(" ".join(words[:count]))
            if name in regions():
                return regions()[name]
            if name in self._countries:
                return self._countries[name]
        return None


_LOWER_WORD = re.compile(r"\b[^\W\d_A-ZÀ-Þ][^\W\d_]{3,}\b")
