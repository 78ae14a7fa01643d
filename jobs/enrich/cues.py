"""The words around names that tell what they name, by language (``data/cues.json``)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from babel import Locale, UnknownLocaleError

from jobs.enrich.folding import fold

_PARTICLES = "von van der den de da del dos di bin ibn al el la le du ter ten zu della"
PARTICLES = frozenset(_PARTICLES.split())
"""Small words inside a person's name."""
_GERMAN_ROLE = re.compile(
    r".+(?:minister|präsident|kanzler|chef|sprecher|direktor|leiter|trainer|forscher|richter|meister|anwalt|"
    r"beauftragte|vorsitzende|experte|expertin|sekretär|vorstand|kommissar|manager|wissenschaftler|ökonom)"
    r"(?:in|r|s|n|en|ärztin)?$"
)


@dataclass(frozen=True)
class Cues:
    """One language's words, case folded."""

    connectors: frozenset[str]
    """Small words inside names of organisations."""
    locative: frozenset[str]
    """Prepositions before places."""
    place_nouns: frozenset[str]
    """What a town is called before its name: city, port."""
    roles: frozenset[str]
    """Offices and occupations before people's names."""
    honorifics: frozenset[str]
    organisations: frozenset[str]
    """Words in the names of organisations."""
    generic: frozenset[str]
    """Words that stand for the organisation named before: the Observatory."""
    place_words: frozenset[str]
    """Words in names of places that are no towns: river, lake."""
    not_names: frozenset[str]
    """Written like a name, and none."""
    said: frozenset[str]
    """Verbs of saying."""
    organisation_nouns: frozenset[str]
    """Common nouns before names of organisations: the company, the union."""
    things: frozenset[str]
    """Words in names of neither people nor organisations: cup, street."""
    organisation_endings: tuple[str, ...] = ()
    """Ends of compounds that name organisations."""

    def is_role(self, word: str) -> bool:
        """Is this an office or occupation? Compounds count by their last part."""
        folded = word.casefold().rstrip(".")
        if folded in self.roles or folded in self.honorifics:
            return True
        if "-" in folded and any(part in self.roles for part in folded.split("-")):
            return True
        return bool(self.organisation_endings) and bool(_GERMAN_ROLE.match(folded))


@cache
def cues(language: str | None) -> Cues:
    """The cues of a language; of English where there are none."""
    known = _all()
    words = known.get(language or "", known["en"])
    sets = {name: frozenset(text.split()) for name, text in words.items() if name != "organisation_endings"}
    sets["organisations"] |= frozenset(known["en"]["organisations"].split())  # many keep their English name
    return Cues(**sets, organisation_endings=tuple(words.get("organisation_endings", "").split()))


@cache
def _all() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(_data("cues.json"))
    return found


@cache
def word_list(name: str) -> frozenset[str]:
    """The folded words of a list in ``data``."""
    return frozenset(map(fold, raw_word_list(name)))


@cache
def raw_word_list(name: str) -> frozenset[str]:
    """The words of a list in ``data``, case folded only."""
    lines = (line for line in _data(name).splitlines() if not line.startswith("#"))
    return frozenset(word.casefold() for line in lines for word in line.split())


@cache
def calendar(language: str | None) -> frozenset[str]:
    """Names of months and weekdays, folded and case folded."""
    names: set[str] = set()
    for code in ("en", language):
        try:
            locale = Locale(code) if code else None
        except (UnknownLocaleError, ValueError):
            locale = None
        if locale:
            for width in ("wide", "abbreviated"):
                names.update(locale.months["format"][width].values())
                names.update(locale.days["format"][width].values())
    return frozenset({form for name in names for form in (fold(name), name.casefold())})


def _data(name: str) -> str:
    return (files("jobs.enrich") / "data" / name).read_text("utf-8")
