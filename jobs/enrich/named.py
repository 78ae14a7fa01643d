"""Who and what a text names: people, organisations and places, each once, with how often."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

from jobs.enrich.cues import cues
from jobs.enrich.enricher import Subject
from jobs.enrich.folding import fold
from jobs.enrich.gazetteer import Gazetteer
from jobs.enrich.mentions import NAME, ORGANISATION, PERSON, Mention, Reader
from jobs.enrich.town_choice import Place, TownChoice
from jobs.extract.agency import agency_named

_IN_BRACKETS = re.compile(r"\s?\(([A-ZÀ-Þ][A-Za-zÀ-ÿ-]{1,9})\)")
CACHED = "_named"
KNOWN_TOWN = 50_000
"""Inhabitants of a town whose name is taken for no person's without a sign of one."""


@dataclass(slots=True)
class Thing:
    """A person or an organisation."""

    text: str
    kind: str
    start: int
    count: int = 1
    aliases: set[str] = field(default_factory=set)
    """Folded: what else it is called in the text."""


@dataclass(frozen=True, slots=True)
class Named:
    """All that one text names."""

    things: tuple[Thing, ...]
    """People and organisations, in order of their first mention."""
    places: tuple[Place, ...]
    """The most named first."""


def named(subject: Subject, gazetteer: Gazetteer) -> Named:
    """What the subject's text names; found once for all enrichers that ask."""
    if CACHED not in subject.__dict__:
        subject.__dict__[CACHED] = _named(subject, gazetteer)
    found: Named = subject.__dict__[CACHED]
    return found


def _named(subject: Subject, gazetteer: Gazetteer) -> Named:
    language, text = subject.language, subject.text

    def is_place(name: str) -> bool:
        return any(town.population >= KNOWN_TOWN for town in gazetteer.towns(name))

    mentions = Reader(text, subject.tokens, language, is_place).mentions()
    things = _Things(text, language)
    left = things.take(mentions)
    return Named(tuple(things.found), tuple(TownChoice(text, language, gazetteer).places(left)))


class _Things:
    """Collects people and organisations; each later mention counts for the one it means."""

    def __init__(self, text: str, language: str | None) -> None:
        self._text, self._language = text, language
        self._generic = cues(language).generic
        self.found: list[Thing] = []

    def take(self, mentions: list[Mention]) -> list[Mention]:
        """Collect; returns the mentions that are left: places, if anything."""
        for kind in (PERSON, ORGANISATION):
            # Longest first, so that “Abdel Rahman” finds Rami Abdel Rahman.
            own = [m for m in mentions if m.kind == kind]
            for mention in sorted(own, key=lambda m: (-len(m.words), m.start)):
                self._add(mention, kind)
        left = [m for m in mentions if m.kind not in (PERSON, ORGANISATION)]
        left = [m for m in left if not self._is_alias(m)]
        for thing in self.found:
            if (at := self._text.find(thing.text)) >= 0:
                thing.start = min(thing.start, at)
        self.found.sort(key=lambda thing: thing.start)
        return left

    def _add(self, mention: Mention, kind: str) -> None:
        text = _bare(mention.text)
        text = agency_named(text) or (_uninflected(text, self._language) if kind == ORGANISATION else text)
        folded = fold(text)
        for thing in self.found:
            same_person = kind == PERSON and thing.kind == PERSON and _is_part(text, thing.text)
            if folded == fold(thing.text) or folded in thing.aliases or same_person:
                thing.count += 1
                thing.start = min(thing.start, mention.start)
                return
        if kind == ORGANISATION and folded in self._generic:
            self._add_generic(folded)
            return
        thing = Thing(text, kind, mention.start)
        if short := _IN_BRACKETS.match(self._text, mention.end):
            thing.aliases.add(fold(short[1]))
        self.found.append(thing)

    def _add_generic(self, folded: str) -> None:
        """“The Observatory”: the one that has this word in its name, if there is one."""
        for thing in self.found:
            if thing.kind == ORGANISATION and folded in map(fold, thing.text.split()):
                thing.count += 1
                return

    def _is_alias(self, mention: Mention) -> bool:
        """Is a name that says nothing by itself the surname of a person, or an alias?"""
        folded = fold(mention.text)
        for thing in self.found:
            surname = thing.kind == PERSON and mention.kind == NAME and _is_part(mention.text, thing.text)
            if surname or folded in thing.aliases or (mention.kind == NAME and folded == fold(thing.text)):
                thing.count += 1
                return True
        return False


_INFLECTED = re.compile(r"^([A-ZÄÖÜ][a-zäöüß]+e)n(?= [A-ZÄÖÜ])")


def _bare(text: str) -> str:
    return " ".join(text.split())


def _uninflected(text: str, language: str | None) -> str:
    """German: “(der) Medizinischen Hochschule” → “Medizinische Hochschule”."""
    return _INFLECTED.sub(r"\1", text) if language == "de" else text


def _is_part(part: str, whole: str) -> bool:
    """Is this the end of a person's name (“Abdel Rahman”, “Rahman”)?"""
    return fold(part) in _ends(whole)


@lru_cache(maxsize=5_000)
def _ends(name: str) -> frozenset[str]:
    words = [fold(word) for word in name.split()]
    return frozenset("".join(words[at:]) for at in range(1, len(words)))


def count_by_text(things: tuple[Thing, ...]) -> Counter[str]:
    """How often each is named."""
    return Counter({thing.text: thing.count for thing in things})
