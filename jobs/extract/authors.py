"""Who wrote it: clean names out of bylines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from trafilatura.metadata import extract_author

from jobs.entry import Entry
from jobs.extract.agency import agency_named
from jobs.extract.jsonld import Described, listed
from jobs.extract.page import Parsed
from jobs.extract.plain import letters, plain
from jobs.extract.shown_byline import is_name, shown_names

MAX_AUTHORS = 12
MIN_NAME_CHARS = 3
MAX_NAME_CHARS = 60
MAX_NAME_WORDS = 6
MAX_OWN_WORDS = 3
"""Of a site that is called like a person."""
MIN_USED_WORDS = 100
"""Different words of a page; fewer don't tell."""

AUTHOR_META = (
    "author", "article:author", "byl", "parsely-author", "sailthru.author", "dc.creator", "dcterms.creator",
    "citation_author", "article:author_name", "article:author:name", "og:author", "og:article:author",
    "authors", "article-author", "byline", "cxenseparse:author", "shareaholic:article_author_name",
)  # fmt: skip
_LABELLED = tuple((f"twitter:label{n}", f"twitter:data{n}") for n in (1, 2))
"""Label and value beside a shared link: content systems put the author there (“Written by”)."""
_WRITTEN_BY = re.compile(
    r"^(?:written by|author|by|verfasst von|geschrieben von|von|autor(?:in)?|écrit par|par|escrito por|por"
    r"|scritto da|geschreven door|skrevet (?:af|av)|skriv(?:et|en) av|napisane przez|автор)\W*$",
    re.IGNORECASE,
)

_BY = re.compile(
    r"^\W*(?:(?:view all posts|written|posted|reported|story|article|text|texte|words|escrito|redactado"
    r"|geschrieben|verfasst|écrit|scritto|geschreven|skrevet|skrivet|skriven)\s+)?"
    r"(?:by|von|par|por|di|da|door|af|av|przez|oleh|autor(?:in|es)?|authors?|auteure?s?|autore|автор|текст)\b"
    r"\s*:?\s+",
    re.IGNORECASE,
)
_MAIL = re.compile(r"\(?\S+@\S+\.\w+\)?")
_SPLIT = re.compile(r"\s*(?:[;|•·\n、，；]|,|\s&\s|\s/\s|\s(?:and|und|et|y|e|og|och|en|with|mit)\s)\s*")
_ROLE = re.compile(
    r"\b(?:reporters?|correspondents?|editors?|writers?|journalists?|columnists?|contributors?|producers?|staff"
    r"|photographers?|analysts?|bureau|chief|desk|team|managers?|directors?|officer|founder|developer|engineer"
    r"|specialist|consultant|educators?|agency|agentur|nachrichtenagentur|sponsored|marketing|communications"
    r"|korrespondent(?:in)?|redakteur(?:in)?|redaktion|journaliste"
    r"|rédaction|redacción|redazione|redactie|correspondant(?:e)?|corresponsal|inviato|admin(?:istrator)?|guest"
    r"|publiée?|publicado|pubblicato|veröffentlicht|aktualisiert|actualizado|aggiornato|gepubliceerd|bijgewerkt"
    r"|published|posted|updated|written|head of|subscribe|view|as told|nachrichten|quelle"
    r"|january|february|march|april|june|july|august|september|october|november|december)\b",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?:[\s,]+(?:[A-Z]{2,4}|Ph\.?D|M\.?D|Jr|Sr)\.?[®™]?)+$")
"""“Maria Muster, CEPF®”; the last two belong to the name."""
_FAMILY = re.compile(r"[\s,]+(?:Jr|Sr|II|III|IV)\.?$")
_AT_END = re.compile(r"\s+(?:(?:the\s+)?associated press|reuters|afp|dpa|in|at|on|for)\.?$", re.IGNORECASE)
_MONTH_AT_END = re.compile(
    r"(?<=\w)(\s+\w+)\s+(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)\.?(?:\s+\d{1,2})?$",
    re.IGNORECASE,
)
"""Left of a date; “Tom May” is a name."""
_PLACE = re.compile(r"\s+in\s+\w+$")  # “Associated Press in Valencia”
_NOT_A_NAME = re.compile(r"https?:|www\.|\.(?:com|org|net|de|fr)\b|[@<>{}\[\]=#_]|\d", re.IGNORECASE)


_GROUP = re.compile(
    r"\b(?:team|staff|desk|newsroom|editors|crew|redaktion|redacción|redacció|redação|redazione|rédaction|redactie"
    r"|redakcja|redaksi|redaktionen|редакция)\b",
    re.IGNORECASE,
)
_THE = re.compile(r"the\s+\S+\s+\S", re.IGNORECASE)  # “The Example Telegram” is no person
_SAYS_NOTHING = re.compile(
    r"\b(?:the|our|editorial|writers?|editors?|reporters?|correspondents?|contributors?|admin\w*|guest|online|web"
    r"|digital|la|de|die|der)\b|\W",
    re.IGNORECASE,
)
"""What a group's name must have more than: “Editorial Team”, “Staff Writer” are nobody's."""
_OF_COMPANIES = (
    r"\b(?:times|news|magazine|journal|media|university|institute|foundation|association|inc|llc|ltd|gmbh|online"
    r"|group|agency|zeitung|nachrichten|verlag|stiftung|ministry|council|society|company|services|store|studios?"
    r"|solutions|network)\b\.?"
)
_ORGANISATION = re.compile(rf"{_OF_COMPANIES}$", re.IGNORECASE)
_NAMES_COMPANY = re.compile(_OF_COMPANIES, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Byline:
    """What a byline says."""

    authors: tuple[str, ...] = ()
    """Persons; a single word only where no name is whole."""
    agency: str | None = None
    groups: tuple[str, ...] = ()
    """“Gear Team”, “Example University”: who signs where no person does."""
    own: tuple[str, ...] = ()
    """The site's own name, written like a person's: it is one on a person's site."""

    @property
    def is_whole(self) -> bool:
        """Is there a name that is more than a word, or in a script that sets no spaces?"""
        return any(_is_whole(name) for name in self.authors)


def byline(values: Iterable[Any], *site_names: str | None) -> Byline:
    """Names and agency out of raw byline values; the site's own names are nobody's."""
    persons: dict[str, str] = {}
    groups: dict[str, str] = {}
    own: dict[str, str] = {}
    agency = None
    for name in (name for value in values for name in _names(plain(value, 400) or "")):
        credited = agency_named(_PLACE.sub("", name))
        agency = agency or credited
        if credited or not letters(name):
            continue
        if _is_sites(name, site_names):
            own.setdefault(letters(name), name)
        elif _is_group(name) or (_THE.match(name) and _is_name(name)):
            groups.setdefault(letters(name), name)
        elif _is_name(name):
            persons.setdefault(letters(name), name)
    if whole := [name for name in persons.values() if _is_whole(name)]:
        signed = [name for name in whole if not _ORGANISATION.search(name)]
        beside = [name for name in whole if name not in signed]
        return Byline(tuple(signed[:MAX_AUTHORS]), agency, (*groups.values(), *beside), tuple(own.values()))
    return Byline(tuple(persons.values())[:1], agency, tuple(groups.values()), tuple(own.values()))


def _is_sites(name: str, site_names: Iterable[str | None]) -> bool:
    """Whether it is one of the site's own names, whole or a single word of it.

    “Karl Muster” is not the name of karl-muster.example: a person's own domain.
    """
    spelled, is_word = letters(name), " " not in name
    own = [(one, " " in site) for site in site_names if site and (one := letters(site))]
    return any(
        (spelled == one and (spaced or is_word)) or (is_word and spelled in one) for one, spaced in own
    )


def _is_whole(name: str) -> bool:
    return " " in name or name.lower() == name.upper()


def _is_group(name: str) -> bool:
    fits = MIN_NAME_CHARS <= len(name) <= MAX_NAME_CHARS and len(name.split()) <= MAX_NAME_WORDS
    said = _SAYS_NOTHING.sub("", _GROUP.sub("", name))
    return bool(fits and _GROUP.search(name) and said and not _NOT_A_NAME.search(name))


def persons_own(names: Iterable[str], page: Parsed) -> tuple[str, ...]:
    """Of the site's own names those that are a person's: of a person who writes on a site of that name.

    A company's name is made of words, and its pages have one of them in lower case somewhere; a person's not.
    """
    shaped = [
        n for n in names if len(n.split()) <= MAX_OWN_WORDS and is_name(n) and not _NAMES_COMPANY.search(n)
    ]
    if not shaped:
        return ()
    words = set(" ".join(element.text_content() for element in page.tree.iter("p")).split())
    used = {word.strip(".,;:!?()'’\"“”") for word in words}
    told = len(used) >= MIN_USED_WORDS
    return tuple(n for n in shaped if told and not any(word.lower() in used for word in n.split()))[:1]


def sources(page: Parsed, entry: Entry, heading: Any = None) -> Iterator[tuple[str, list[str]]]:
    """(origin, raw byline values), most trusted first. Lazy: the page's markup is searched only if needed.

    `heading` is the element of the headline, None if there is none.
    """
    yield "json-ld", _from_json_ld(page.ld)
    yield "feed", list(entry.authors)
    for name in AUTHOR_META:
        yield "meta", page.meta.get(name, [])
    yield "meta", _labelled(page)
    if heading is not None:
        yield "html", [name for name in shown_names(heading) if _is_whole(name)]


def guessed(page: Parsed) -> list[str]:
    """What may be the byline of a page that marks none: only what can't be anything but a full name."""
    return [name for name in _names(extract_author(page.tree) or "") if " " in name]


def organisations(ld: Described) -> list[str]:
    """The authors that JSON-LD calls organisations."""
    return _author_names(value for value in ld.people("author", "creator") if _is_organisation(value))


def _from_json_ld(ld: Described) -> list[str]:
    return _author_names(value for value in ld.people("author", "creator") if not _is_organisation(value))


def _is_organisation(value: Any) -> bool:
    kinds = [str(kind) for kind in listed(value.get("@type"))] if isinstance(value, dict) else []
    return "Person" not in kinds and any(kind.endswith("Organization") for kind in kinds)


def _author_names(values: Iterable[Any]) -> list[str]:
    names = (name for v in values for name in (listed(v.get("name")) if isinstance(v, dict) else [v]))
    return [name for name in names if isinstance(name, str)]


def _labelled(page: Parsed) -> list[str]:
    return [
        value
        for label, data in _LABELLED
        if _WRITTEN_BY.match(page.first(label) or "")
        for value in page.meta.get(data, ())
    ]


def _names(value: str) -> list[str]:
    text = _MAIL.sub(" ", value)
    whole = _BY.sub("", text)
    # An agency's name may hold what separates names.
    parts = [whole] if agency_named(whole) else _SPLIT.split(whole)
    return [name for part in parts if (name := _bare(_BY.sub("", part)))]


def _bare(part: str) -> str:
    """A name without what stands around it: credentials, an agency after it, marks."""
    name = part.strip(" \t.,:-–—()*")
    family = _FAMILY.search(name)
    plain_name = _CREDENTIALS.sub("", name)
    if " " in plain_name and not plain_name.isupper():  # “ANNA LI” has no credentials
        name = plain_name + (family[0] if family else "")
    if agency_named(name):
        return name
    return _MONTH_AT_END.sub(r"\1", _AT_END.sub("", name)).rstrip(" ,-–—")


def _is_name(name: str) -> bool:
    fits = _shortest(name) <= len(name) <= MAX_NAME_CHARS and len(name.split()) <= MAX_NAME_WORDS
    return fits and not _ROLE.search(name) and not _NOT_A_NAME.search(name)


def _shortest(name: str) -> int:
    """Names in scripts without capitals may be of two characters."""
    return MIN_NAME_CHARS - 1 if name.lower() == name.upper() else MIN_NAME_CHARS
