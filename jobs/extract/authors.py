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
from jobs.extract.plain import letters, plain, same
from jobs.extract.shown_byline import shown_names

MAX_AUTHORS = 12
MAX_NAME_CHARS = 60
MAX_NAME_WORDS = 6

AUTHOR_META = (
    "author", "article:author", "byl", "parsely-author", "sailthru.author", "dc.creator", "dcterms.creator",
    "citation_author", "article:author_name", "og:author",
)  # fmt: skip

_BY = re.compile(
    r"^\W*(?:(?:view all posts|written|posted|reported|story|article|text|words)\s+)?"
    r"(?:by|von|par|por|di|door|af|av|przez|autor(?:in|es)?|author(?:s)?|auteur|autore)\b\s*:?\s+",
    re.IGNORECASE,
)
_MAIL = re.compile(r"\(?\S+@\S+\.\w+\)?")
_SPLIT = re.compile(r"\s*(?:[;|•·\n]|,|\s&\s|\s/\s|\s(?:and|und|et|y|e|og|och|en|with|mit)\s)\s*")
_ROLE = re.compile(
    r"\b(?:reporters?|correspondents?|editors?|writers?|journalists?|columnists?|contributors?|producers?|staff"
    r"|photographers?|analysts?|bureau|chief|desk|team|managers?|directors?|officer|founder|developer|engineer"
    r"|specialist|consultant|educators?|agency|agentur|nachrichtenagentur|sponsored|marketing|communications"
    r"|korrespondent(?:in)?|redakteur(?:in)?|redaktion|journaliste"
    r"|rédaction|redacción|redazione|redactie|correspondant(?:e)?|corresponsal|inviato|admin(?:istrator)?|guest"
    r"|published|posted|updated|written|subscribe|view|as told|nachrichten|quelle"
    r"|january|february|march|april|june|july|august|september|october|november|december)\b",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?:[\s,]+(?:[A-Z]{2,4}|Ph\.?D|M\.?D|Jr|Sr)\.?[®™]?)+$")
"""“Rebecca Lake, CEPF®”; the last two belong to the name."""
_FAMILY = re.compile(r"[\s,]+(?:Jr|Sr)\.?$")
_AT_END = re.compile(
    r"\s+(?:(?:the\s+)?associated press|reuters|afp|dpa|jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec|in"
    r"|at|on|for)\.?$",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\s+in\s+\w+$")  # “Associated Press in Valencia”
_NOT_A_NAME = re.compile(r"https?:|www\.|\.(?:com|org|net|de|fr)\b|[@<>{}\[\]=#_]|\d", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Byline:
    """What a byline says."""

    authors: tuple[str, ...] = ()
    agency: str | None = None


def byline(values: Iterable[Any], site_name: str | None) -> Byline:
    """Names and agency out of raw byline values; the site's own name is nobody's."""
    names: list[str] = []
    agency = None
    for value in values:
        for name in _names(plain(value, 400) or ""):
            credited = agency_named(_PLACE.sub("", name))
            agency = agency or credited
            known = any(same(name, other) for other in names) or _is_sites(name, site_name)
            if not known and not credited and _is_name(name):
                names.append(name)
    return Byline(tuple(names[:MAX_AUTHORS]), agency)


def _is_sites(name: str, site_name: str | None) -> bool:
    """Whether it is the site's own name, whole or a single word of it."""
    own = letters(site_name or "")
    return bool(own) and (letters(name) == own or (" " not in name and letters(name) in own))


def sources(page: Parsed, entry: Entry, heading: Any = None) -> Iterator[tuple[str, list[str]]]:
    """(origin, raw byline values), most trusted first. Lazy: the page's markup is searched only if needed.

    `heading` is the element of the headline, None if there is none.
    """
    yield "json-ld", _from_json_ld(page.ld)
    yield "feed", list(entry.authors)
    for name in AUTHOR_META:
        yield "meta", page.meta.get(name, [])
    if heading is not None:
        yield "html", shown_names(heading)
    # A guess at which element is the byline: only what can't be anything but a full name is believed.
    yield "html", [name for name in _names(extract_author(page.tree) or "") if " " in name]


def _from_json_ld(ld: Described) -> list[str]:
    values = [v for name in ("author", "creator") for v in listed(ld.article.get(name))]
    found: list[str] = []
    for value in values:
        if isinstance(value, dict) and "Organization" in listed(value.get("@type")):
            continue  # a publisher, not a person
        names = listed(value.get("name")) if isinstance(value, dict) else [value]
        found += [name for name in names if isinstance(name, str)]
    return found


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
    return name if agency_named(name) else _AT_END.sub("", name).rstrip(" ,-–—")


def _is_name(name: str) -> bool:
    fits = 3 <= len(name) <= MAX_NAME_CHARS and len(name.split()) <= MAX_NAME_WORDS
    return fits and not _ROLE.search(name) and not _NOT_A_NAME.search(name)
