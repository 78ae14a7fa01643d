"""News agencies: where a page credits them. Who is only cited (“…, he told Reuters”) is not credited."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jobs.extract.agencies import NAMES, agency_named, first_agency
from jobs.extract.page import Parsed

__all__ = ["agency_named", "at_end", "credited_in", "declared", "in_dateline", "told"]

# “PARIS (AFP) –”, “WASHINGTON, D.C. (AP) —”, “Madrid, 3 may (EFE).-”, “BRUXELLES, 3 mai (Xinhua) --”
_DATELINE = re.compile(r"^([^!?()（）\n]{0,60})[(（]([^()（）]{2,40})[)）]\s*\.?\s*[-–—:_]")
# “Berlin (dpa) Ein …”, “New Delhi, May 3 (PTI) The …”: without a dash.
_BARE_DATELINE = re.compile(r"^([A-ZÀ-ÞА-Я][^.!?()\n]{1,40})\(([^()]{2,40})\)\s+(?=[^\W\d_a-zà-ÿ])")
# “MOSCOW, May 3. /TASS/. The …”, “Berlin/dpa – Ein …”, “МОСКВА, 3 мая - РИА Новости.”, “dpa Berlin – …”
_SLASHED = re.compile(r"^[^!?()\n]{0,60}/\s?([^/\n]{2,20})/\s*[.,:–—-]")
_AFTER_SLASH = re.compile(r"^[^\W\d_][^.!?()/\n]{1,30}/([^\s/]{2,12})(?:\s*[–—:-]|\.)\s")
_AFTER_DASH = re.compile(r"^([^!?()\n]{2,40}?)\s*[-–—]\s*([^-–—.!?()\n]{2,20})\.\s")
_EAST_ASIAN = re.compile(
    r"^[【(（\[]\s*[^】)）\]\n]{0,12}?[=＝]?(AFP|ロイター|共同|時事|新华社|연합뉴스)[^】)）\]\n]{0,6}[】)）\]]"
)
_XINHUA = re.compile(r"^新[华華]社[^\s，。]{1,16}[电電]")
MAX_PLACE_WORDS = 8
MAX_LOWER_WORDS = 3
"""“RIO DE JANEIRO, 3 de maio de 2024”."""

# “… (AFP)”, “… (dpa/mm)”, “… (With inputs from PTI)”
_IN_BRACKETS_AT_END = re.compile(r"[(（]([^()（）]{2,60})[)）]\s*\W{0,3}$")
_SLASHED_AT_END = re.compile(r"[.!?”\"“»]\s*/\s?([A-Za-z]{2,10})/?$")
_CREDIT = re.compile(
    r"^\W*(?:(?:©|\(c\)|copyright|all rights reserved|alle rechte vorbehalten|riproduzione riservata)\W*)*"
    r"(?:(?:19|20)\d\d\W+)?"
    r"(?:(?:source|sources|quellen?|fuentes?|fonti?|fontes?|bron(?:nen)?|kilder?|källa|lähde|źródło|zdroj|forrás"
    r"|источник|джерело|sumber|kaynak|agenc(?:y|ies)|agenturen)\s*[:：]\s*"
    r"|(?:dieser (?:artikel|text) (?:wurde|enthält)\s+)?"
    r"(?:(?:with|mit|avec|con|com|met|med|z|s|from)\s+)?"
    r"(?:(?:inputs?|files?|material|informationen|information|información|informations?|informações|informazioni"
    r"|reporting|agencies|agenturmaterial|agence|agencia|agência|agenzia)\s+(?:from|by|von|der|de|da|di|do|van)\s+)?"
    r"(?:the\s+|la\s+|l['’]|der\s+|die\s+)?)",
    re.IGNORECASE,
)
_AFTER_CREDIT = re.compile(
    r"\W*(?:(?:all rights reserved|alle rechte vorbehalten|tous droits réservés|todos los derechos reservados"
    r"|riproduzione riservata|this material may not be).*)?$",
    re.IGNORECASE,
)
_LEAD_AGENCY = re.compile(rf"({NAMES}|AP|PA|TT|CP)(?![\w-])", re.IGNORECASE)
_SIGNED = (
    (re.compile(r"^\(?(?:additional )?reporting by .{3,200}\bediting by\b", re.IGNORECASE), "Reuters"),
    (re.compile(r"^this report by the canadian press was first published", re.IGNORECASE), "CP"),
)
"""Lines with which an agency closes its own dispatches, without its name or in a sentence."""
MAX_CREDIT_CHARS = 60
MAX_NOTICE_CHARS = 160
MAX_INITIALS = 2
"""Such a line alone is somebody's initials."""
LAST_LINES = 3

MIN_TOLD = 2
"""Anybody may quote what an agency was told once; its own dispatch does so again and again."""
_TOLD = re.compile(
    r"\b(?:told|speaking to|in an interview with|gegenüber (?:der )?|der Nachrichtenagentur|(?:à|a) l[’'])\s*"
    rf"(?:the )?({NAMES})\b|\bdijo a (?:la )?({NAMES})\b",
    re.IGNORECASE,
)
_DECLARED_META = (
    "agency", "news_agency", "article:agency", "source", "dc.source", "dcterms.source", "syndication-source",
    "original-source", "contentsource", "article:source", "parsely-source", "creator", "copyright",
    "dc.rights", "dc.publisher",
)  # fmt: skip
_DECLARED_LD = (
    "sourceOrganization",
    "creditText",
    "provider",
    "copyrightHolder",
    "publisher",
    "copyrightNotice",
)


def declared(page: Parsed) -> tuple[str, str] | None:
    """(origin, agency) that the page's markup credits: as source, owner of the rights or publisher."""
    raw: Iterator[tuple[str, str]] = (
        (origin, value)
        for origin, values in (
            *(("json-ld", page.ld.strings(name)) for name in _DECLARED_LD),
            *(("meta", page.meta.get(name, ())) for name in _DECLARED_META),
        )
        for value in values
    )
    return next(((origin, name) for origin, value in raw if (name := _credit(value))), None)


def credited_in(text: str) -> str | None:
    """The agency that an article's text credits: its dateline, the end, or whom its sources told it."""
    return in_dateline(text) or at_end(text) or told(text)


def in_dateline(text: str) -> str | None:
    """The agency in the dateline of an article's text."""
    start = text[:160]
    if (match := _DATELINE.match(start) or _BARE_DATELINE.match(start)) and _is_place(match[1]):
        return first_agency(match[2])
    for pattern in (_SLASHED, _AFTER_SLASH, _EAST_ASIAN):
        if (match := pattern.match(start)) and (name := first_agency(match[1])):
            return name
    if (match := _AFTER_DASH.match(start)) and _is_place(match[1]):
        return agency_named(match[2])
    return "Xinhua" if _XINHUA.match(start) else None


def _is_place(before: str) -> bool:
    """A place and a date stand before it, no sentence."""
    words = before.split()
    return len(words) <= MAX_PLACE_WORDS and sum(word.islower() for word in words) <= MAX_LOWER_WORDS


def at_end(text: str) -> str | None:
    """The agency that the end of a text credits: “… he said. (AFP)”, or a last line such as “dpa/mm”."""
    lines = [line for line in text[-2_000:].split("\n") if line.strip(" _*-")][-LAST_LINES:]
    for line in reversed(lines):
        if name := _in_last_line(line.strip()):
            return name
    return None


def _in_last_line(line: str) -> str | None:
    for pattern, name in _SIGNED:
        if pattern.match(line):
            return name
    if match := _IN_BRACKETS_AT_END.search(line) or _SLASHED_AT_END.search(line):
        return agency_named(match[1]) or _credit(match[1])
    return _credit(line)


def _credit(line: str) -> str | None:
    """The agency in what is a credit and nothing else: “© 2024 AFP”, “Mit Material von dpa”."""
    if len(line) > MAX_NOTICE_CHARS:
        return None
    said = _CREDIT.sub("", line, count=1)
    if len(said) <= MAX_INITIALS and said == line:
        return None
    match = _LEAD_AGENCY.match(said)
    if match and _AFTER_CREDIT.match(said[match.end() :]):
        return agency_named(match[1])
    return first_agency(said) if 0 < len(said) <= MAX_CREDIT_CHARS and _is_list(said) else None


def _is_list(said: str) -> bool:
    """“dpa/mm”, “AFP, Reuters”, “PTI and agencies”: names and initials, no sentence."""
    parts = [part.strip(" .") for part in re.split(r"[/,&+;]|\s(?:and|und|et|y|e|en)\s", said)]
    known = [bool(agency_named(part)) for part in parts]
    return any(known) and all(k or len(p.split()) <= 2 for k, p in zip(known, parts, strict=True))


def told(text: str) -> str | None:
    """The agency to which the text's sources speak (“…, a source told AFP”), more than once and no other."""
    names = [agency_named(match[1] or match[2]) for match in _TOLD.finditer(text)]
    found = {name for name in names if name}
    return found.pop() if len(found) == 1 and len(names) >= MIN_TOLD else None
