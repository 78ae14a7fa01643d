"""Each run of capitals as a mention: of a person, an organisation, perhaps of a place, or of nothing we know.

No model: what stands around a name, and a few words in it, tell what it names. In German, where every noun is
capitalised, only names with such a sign are taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from operator import itemgetter

from jobs.enrich.countries import country_names, country_of_people, regions
from jobs.enrich.cues import PARTICLES, Cues, calendar, cues, word_list
from jobs.enrich.folding import fold
from jobs.enrich.runs import MAX_RUN, Token, adjacent, runs
from jobs.enrich.words import stopwords
from jobs.extract.agency import agency_named

PERSON, ORGANISATION, NAME, PEOPLE = "person", "organisation", "name", "people"
"""What a mention is: `NAME` may yet be a place or somebody's surname; `PEOPLE` is “Iraqi”."""
_ACRONYM = re.compile(r"[A-ZÀ-Þ][A-ZÀ-Þ0-9]*(?:[-&.][A-ZÀ-Þ0-9]+)*\.?")
_ADJECTIVE = re.compile(
    r".{2,}(?:éen|éenne|ienne|ien|ale|al|aux|ique|iste|aise|ais|oise|ois|aire|ive|if|aine|ain|elle|el|"
    r"ea|eo|ica|ico|ana|ano|ense|esa|és|ional|ionale|ista|ivo|iva|eia|eu|erta|erto|ídica)s?"
)
_AGE = re.compile(r"\s?(?:,\s?|\()(?:\d{2}\b|aged \d)")
_OF = frozenset({"de", "du", "des", "del", "la", "las", "los", "l", "da", "do"})
_AND = frozenset({"and", "y", "e", "et", "und", "pour"})
_NAMING = ("philharmonie", "ministerkonferenz", "gerichtshof", "ministerium", "staatskanzlei")
"""Ends of German compounds of which there is one."""
_MINISTRIES = frozenset({"ministère", "ministerio", "ministero", "ministério"})
_NEVER_ALONE = frozenset({"i", "a"})
MAX_PERSON_WORDS = 5
# “PARIS (AFP) - ”, “Berlin (dpa) ”, “ALEPPO, Syria, March 3 — ”: where the report was written.
_DATELINE = re.compile(r"((?:[A-ZÀ-Þ0-9][^\s()]*[,/]?\s){1,7})(?:\(([^()\n]{2,40})\)\s?)?([-–—:]\s)?")


@dataclass(frozen=True, slots=True)
class Mention:
    """One name in a text."""

    text: str
    start: int
    end: int
    kind: str
    words: tuple[Token, ...]
    before: Token | None = None
    """The word before it in its sentence."""
    sure: bool = True
    """Its capital letters are not only those of a sentence's beginning."""


class Reader:
    """Finds the mentions in a text's sentences.

    Args:
        text: the whole text.
        sentences: the tokens of its sentences.
        language: ISO 639-1.
        is_place: whether there is a town of that name.
    """

    def __init__(
        self,
        text: str,
        sentences: list[list[Token]],
        language: str | None,
        is_place: Callable[[str], bool],
    ) -> None:
        self._text, self._sentences, self._language = text, sentences, language
        self._cues: Cues = cues(language)
        self._stop = stopwords(language)
        self._calendar = calendar(language)
        self._nouns_capital = language == "de"
        self._romance = language in ("fr", "es", "it", "pt", "ca", "ro")
        self._firsts = word_list("first_names.txt")
        self._countries, self._regions = country_names(language), regions()
        self._abbreviations = word_list("no_organisations.txt")
        self._dateline_end = dateline_end(text)
        self._is_place = is_place
        self._organisations = word_list("known_organisations.txt")
        # Whether a word is in these as a name or in lower case is said by the form that is asked for.
        self._inside = set(map(itemgetter(0), chain.from_iterable(s[1:] for s in sentences)))
        self._written = self._inside.union(s[0].text for s in sentences if s)

    def mentions(self) -> list[Mention]:
        """All mentions, in order."""
        found = [mention for words in self._sentences for mention in self._of(words)]
        # The agency in a dateline signs; the text does not speak of it.
        return [m for m in found if m.start >= self._dateline_end or not agency_named(m.text)]

    def _of(self, words: list[Token]) -> Iterator[Mention]:
        pending = self._joined(words, list(runs(self._text, words)))
        for first, last in pending:
            yield from self._of_run(words, first, last)

    def _joined(self, words: list[Token], found: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Runs joined over small words: Observatory for Human Rights, Ursula von der Leyen."""
        joined: list[tuple[int, int]] = []
        for first, last in found:
            if joined and self._joins(words, joined[-1], first):
                joined[-1] = (joined[-1][0], last)
            else:
                joined.append((first, last))
        return joined

    def _joins(self, words: list[Token], left: tuple[int, int], right_first: int) -> bool:
        too_long = right_first - left[0] >= MAX_RUN
        if too_long or not 1 < right_first - left[1] <= 4 or words[left[1]].possessive:
            return False
        gap = words[left[1] + 1 : right_first]
        chain = words[left[1] : right_first + 1]
        if not all(adjacent(self._text, a, b) for a, b in pairwise(chain)):
            return False
        small = [word.lower for word in gap]
        run = words[left[0] : left[1] + 1]
        if all(one in PARTICLES for one in small) and fold(run[0].text.split("-")[0]) in self._firsts:
            # “Harald Prüß von der Charité” is whole before its small word; “Ursula von der Leyen” is not.
            return len(run) <= (1 if self._language in ("de", "fr") else 2)
        if self._is_place(self._text[run[0].start : words[right_first].end]):
            return True
        of_organisation = any(self._is_organisation_word(word) for word in run)
        if not of_organisation or not all(one in self._cues.connectors for one in small):
            return False
        # “and” joins only what a small word has joined before: Centers for Disease Control and Prevention.
        return small[0] not in _AND or (not self._nouns_capital and any(not word.capital for word in run))

    # -- one run -------------------------------------------------------------------------------------------
    def _of_run(self, words: list[Token], first: int, last: int) -> Iterator[Mention]:
        if last > first and self._is_known_place(words, first, last):
            yield self._mention(words, first, last, NAME)
            return
        first = self._without_opening(words, first, last)
        if first <= last and not self._organisation(words, first, last):
            first, last = self._without_no_names(words, first, last)
        if first > last:
            return
        role = self._role_at(words, first, last)
        if role is not None:
            if role > first:
                yield from self._of_run(words, first, role - 1)
            if role < last:
                yield from self._core(words, role + 1, last, titled=True)
            return
        if self._nouns_capital and last > first and words[first].lower in self._cues.organisation_nouns:
            yield self._mention(words, first + 1, last, ORGANISATION)
            return
        titled = self._titled_before(words, first)
        if last > first and self._is_people(words[first]) and not self._organisation(words, first, last):
            yield self._mention(words, first, first, PEOPLE)
            first, titled = first + 1, titled or last > first + 1
        yield from self._core(words, first, last, titled=titled)

    def _is_known_place(self, words: list[Token], first: int, last: int) -> bool:
        """“New York”, “United States”: of several words, and no part of it means anything else."""
        name = self._text[words[first].start : words[last].end]
        return fold(name) in self._countries or fold(name) in self._regions or self._is_place(name)

    def _without_no_names(self, words: list[Token], first: int, last: int) -> tuple[int, int]:
        while first <= last and self._is_no_name(words[first]):
            first += 1
        while last >= first and self._is_no_name(words[last]):
            last -= 1
        return first, last

    def _is_people(self, word: Token) -> bool:
        is_country = fold(word.text) in self._countries
        return not is_country and country_of_people(word.text, self._language) is not None

    def _without_opening(self, words: list[Token], first: int, last: int) -> int:
        """Past a sentence's first word that is capitalised for that reason only."""
        opening = words[first]
        opens = opening.opens or opening.start == self._dateline_end
        known_inside = opening.text in self._inside and opening.lower not in self._stop
        if not opens or known_inside or _is_acronym(opening.text):
            return first
        known = opening.lower in self._stop or opening.lower in self._written
        if known and not (fold(opening.text) in self._firsts and last > first):
            return first + 1
        return first

    def _is_no_name(self, word: Token) -> bool:
        lower = word.lower.rstrip(".")
        if len(word.text) > 1 and word.text.isupper() and lower not in self._cues.not_names:
            return False
        return (
            lower in self._cues.not_names
            or fold(lower) in self._calendar
            or (lower in self._stop and len(lower) <= 4 and word.opens)
            or lower in _NEVER_ALONE
        )

    def _role_at(self, words: list[Token], first: int, last: int) -> int | None:
        """Index of the last office in the run, “Foreign Minister” before a name, if there is one."""
        for at in range(last, first - 1, -1):
            if self._cues.is_role(words[at].text) and not self._is_organisation_word(words[at]):
                return at
        return None

    def _titled_before(self, words: list[Token], first: int) -> bool:
        if first == 0 or not adjacent(self._text, words[first - 1], words[first]):
            return self._after_role_and_comma(words, first)
        return self._cues.is_role(words[first - 1].text)

    def _after_role_and_comma(self, words: list[Token], first: int) -> bool:
        """“the director of the group, Rami Abdel Rahman”: an office in the eight words before a comma."""
        if first == 0 or self._text[words[first - 1].end : words[first].start] != ", ":
            return False
        near = words[max(0, first - 8) : first]
        office = [i for i, word in enumerate(near) if self._cues.is_role(word.text)]
        return bool(office) and "," not in self._text[near[office[-1]].end : near[-1].end]

    def _core(self, words: list[Token], first: int, last: int, *, titled: bool) -> Iterator[Mention]:
        if self._romance and first == last and self._is_organisation_word(words[first]):  # Commission …
            last, whole = self._extended(words, first)
            if whole:
                yield self._mention(words, first, last, ORGANISATION)
                return
        if self._romance and (ministry := self._ministry_before(words, first)) is not None:
            while last + 1 < len(words) and self._adjective_follows(words, last):
                last += 1
            yield self._mention(words, ministry, last, ORGANISATION)
            return
        if self._nouns_capital and (name := self._first_name_inside(words, first, last)):
            yield from self._core(words, first, name - 1, titled=False)
            yield self._mention(words, name, last, PERSON)
            return
        kind = self._kind(words, first, last, titled)
        if kind == NAME and self._noun_of_organisation_before(words, first):
            kind = ORGANISATION
        yield self._mention(words, first, last, kind)

    def _ministry_before(self, words: list[Token], first: int) -> int | None:
        """“ministère de l’Éducation nationale”: where it begins."""
        at = first - 1
        while at >= 0 and words[at].lower in _OF and first - at <= 2:
            at -= 1
        return at if 0 <= at < first - 1 and words[at].lower in _MINISTRIES else None

    def _first_name_inside(self, words: list[Token], first: int, last: int) -> int | None:
        """In German: where “Verteidigerin Petra Sommer” becomes a name."""
        for at in range(first + 1, min(first + 3, last)):
            if fold(words[at].text.split("-")[0]) in self._firsts and not self._organisation(
                words, first, last
            ):
                return at
        return None

    def _noun_of_organisation_before(self, words: list[Token], first: int) -> bool:
        """“the company Maersk”, “l’équipe Decathlon”."""
        if first == 0 or self._text[words[first - 1].end : words[first].start] != " ":
            return False
        return words[first - 1].lower in self._cues.organisation_nouns

    def _kind(self, words: list[Token], first: int, last: int, titled: bool) -> str:
        core = words[first : last + 1]
        text = self._text[core[0].start : core[-1].end]
        if len(core) == 1:
            return self._kind_of_one(core[0], titled)
        if agency_named(text) or self._organisation(words, first, last):
            return ORGANISATION
        if self._person(words, first, last, titled):
            return PERSON
        return NAME

    def _kind_of_one(self, word: Token, titled: bool) -> str:
        folded = fold(word.text)
        if self._is_people(word):
            return PEOPLE
        if folded in self._organisations and len(folded) > 2:
            return ORGANISATION
        if _is_acronym(word.text) and 2 <= len(word.text) <= 8 and not self._is_emphasis(word):
            if word.start < self._dateline_end and word.opens:
                return NAME
            return (
                NAME
                if word.text.replace(".", "") in ("US", "UK", "USA", "UN", "EEUU", "UAE")
                else ORGANISATION
            )
        if self._nouns_capital and self._compound(word):
            return ORGANISATION
        if word.lower in self._cues.generic and not self._nouns_capital:
            return ORGANISATION
        if titled and len(word.text) > 2 and word.lower not in self._stop and not self._nouns_capital:
            return PERSON
        return NAME

    def _is_emphasis(self, word: Token) -> bool:
        """Is this no name, but an abbreviation of something else, or a word in capitals?"""
        lower = word.lower.rstrip(".")
        known = lower in self._cues.not_names or fold(lower) in self._abbreviations
        return known or lower in self._stop or lower in self._written

    def _compound(self, word: Token) -> bool:
        """“Bundesverfassungsgericht”, “EU-Kommission”: a compound that names an organisation."""
        lower = word.lower
        if "-" in lower:
            tail = lower.rpartition("-")[2]
            return (
                tail in self._cues.organisations
                or (_is_acronym(word.text.partition("-")[0]) and tail in self._cues.generic)
                or False
            )
        if lower.endswith(_NAMING):
            return True
        named = lower.startswith(("bundes", "landes", "europa", "welt"))
        return named and any(
            lower.endswith(e) and len(lower) > len(e) + 5 for e in self._cues.organisation_endings
        )

    def _is_organisation_word(self, word: Token) -> bool:
        return word.capital and word.lower in self._cues.organisations

    def _organisation(self, words: list[Token], first: int, last: int) -> bool:
        if first == last:
            return not self._nouns_capital and self._is_organisation_word(words[first])
        core = words[first : last + 1]
        if fold(core[0].text) in self._organisations:
            return True
        if self._nouns_capital and any(w.lower.endswith(self._cues.organisation_endings) for w in core):
            return True
        return any(map(self._is_organisation_word, core))

    def _person(self, words: list[Token], first: int, last: int, titled: bool) -> bool:
        core = [w for w in words[first : last + 1] if w.capital]
        if not 2 <= len(core) <= MAX_PERSON_WORDS or any(
            _is_acronym(w.text) and len(w.text) > 3 for w in core
        ):
            return False
        if any(w.lower in self._cues.things or w.lower in self._cues.place_words for w in core):
            return False
        named = fold(core[0].text.split("-")[0]) in self._firsts
        if titled or named:
            return True
        if self._nouns_capital or self._is_place(self._text[core[0].start : core[-1].end]):
            return False
        return self._spoken(words, first, last) or bool(_AGE.match(self._text, words[last].end))

    def _spoken(self, words: list[Token], first: int, last: int) -> bool:
        """Does a verb of saying stand beside the name?"""
        beside = [words[i] for i in (first - 1, last + 1) if 0 <= i < len(words)]
        return any(word.lower in self._cues.said for word in beside)

    def _extended(self, words: list[Token], first: int) -> tuple[int, bool]:
        """“Commission européenne”, “Ministerio de Sanidad”: a name whose rest is lower case."""
        last = first
        while last - first < 2 and self._adjective_follows(words, last):
            last += 1
        small = last + 1
        while small < len(words) and words[small].lower in _OF:
            small += 1
        if small > last + 1 and small < len(words) and adjacent(self._text, words[small - 1], words[small]):
            noun = words[small]
            if noun.lower not in self._stop and (noun.capital or len(noun.text) > 3):
                last = small
        return last, last > first

    def _adjective_follows(self, words: list[Token], last: int) -> bool:
        if last + 1 >= len(words) or self._text[words[last].end : words[last + 1].start] != " ":
            return False
        after = words[last + 1]
        usual = after.lower not in self._stop and after.lower not in self._cues.said
        return not after.capital and usual and bool(_ADJECTIVE.fullmatch(after.lower))

    def _mention(self, words: list[Token], first: int, last: int, kind: str) -> Mention:
        core = words[first : last + 1]
        end = core[-1].end - (2 if core[-1].possessive else 0)
        sure = not core[0].opens or last > first or core[0].text in self._inside or _is_acronym(core[0].text)
        before = (
            words[first - 1]
            if first and self._text[words[first - 1].end : core[0].start].strip(" '’") == ""
            else None
        )
        return Mention(self._text[core[0].start : end], core[0].start, end, kind, tuple(core), before, sure)


def dateline_end(text: str) -> int:
    """Where the dateline ends, in characters; 0: there is none."""
    match = _DATELINE.match(text[:120])
    signed = match and match[2] and any(agency_named(part) for part in re.split(r"[/,]", match[2]))
    return match.end() if match and (signed or match[3]) else 0


def _is_acronym(word: str) -> bool:
    return len(word) > 1 and bool(_ACRONYM.fullmatch(word)) and sum(c.isupper() for c in word) > 1
