"""News agencies: their names, and where a page credits them."""

from __future__ import annotations

import re

# Name in the event → other ways it is written (case folded).
AGENCIES: dict[str, tuple[str, ...]] = {
    "AAP": ("australian associated press",),
    "Adnkronos": (),
    "AFP": ("agence france-presse", "agence france presse", "afp news agency"),
    "Anadolu": ("anadolu agency", "anadolu ajansı", "anadolu ajansi"),
    "ANI": ("asian news international",),
    "ANP": ("algemeen nederlands persbureau",),
    "ANSA": (),
    "AP": ("associated press", "the associated press", "ap news"),
    "APA": ("austria presse agentur",),
    "Belga": (),
    "CP": ("canadian press", "the canadian press", "la presse canadienne"),
    "dpa": ("deutsche presse-agentur", "dpa-afx"),
    "EFE": ("agencia efe",),
    "epd": ("evangelischer pressedienst",),
    "Europa Press": (),
    "IANS": ("indo-asian news service",),
    "Interfax": (),
    "Keystone-SDA": ("sda", "keystone-ats"),
    "KNA": ("katholische nachrichten-agentur",),
    "Kyodo": ("kyodo news",),
    "Lusa": ("agência lusa",),
    "NTB": (),
    "PA": ("pa media", "press association"),
    "PAP": (),
    "PTI": ("press trust of india",),
    "Reuters": ("thomson reuters",),
    "RIA Novosti": ("ria nowosti",),
    "Ritzau": (),
    "SID": ("sport-informations-dienst",),
    "STT": (),
    "TASS": (),
    "TT": ("tt nyhetsbyrån",),
    "UPI": ("united press international",),
    "Xinhua": ("xinhua news agency",),
    "Yonhap": ("yonhap news agency",),
}
_BY_NAME = {alias.casefold(): name for name, aliases in AGENCIES.items() for alias in (name, *aliases)}

# “PARIS (AFP) –”, “(Reuters) -”, “BERLIN, March 3 (dpa/EFE) —”, “LONDON (AP) —”
_DATELINE = re.compile(r"^[^.!?()\n]{0,60}\(([^()]{2,40})\)\s*[-–—:]")
# “Berlin/Paris (dpa) Ein …”: German style, without a dash.
_GERMAN_DATELINE = re.compile(r"^[^.!?()\n]{2,40}\((dpa|epd|KNA|SID|APA)(?:[/ ][^()]{0,20})?\)\s")


# “… (AFP)”, “… (dpa/mm)”
_IN_BRACKETS_AT_END = re.compile(r"\(([^()]{2,40})\)\s*\W?$")
_SOURCE = re.compile(r"^\W*(?:source|quelle|fuente|fonte|bron|with|mit|avec)\s*:?\s+", re.IGNORECASE)
MAX_CREDIT_CHARS = 40

MIN_TOLD = 2
"""Anybody may quote what an agency was told once; its own dispatch does so again and again."""
_NAMES = "|".join(re.escape(n) for n in sorted(_BY_NAME, key=len, reverse=True) if len(n) > 2)
_TOLD = re.compile(
    r"\b(?:told|speaking to|in an interview with|gegenüber (?:der )?|der Nachrichtenagentur|(?:à|a) l[’'])\s*"
    rf"(?:the )?({_NAMES})\b|\bdijo a (?:la )?({_NAMES})\b",
    re.IGNORECASE,
)


def agency_named(name: str) -> str | None:
    """The agency that a byline name stands for, if it is one."""
    return _BY_NAME.get(" ".join(name.casefold().strip(" .()").split()))


def credited_in(text: str) -> str | None:
    """The agency that an article's text credits: its dateline, the end, or whom its sources told it."""
    return in_dateline(text) or at_end(text) or told(text)


def in_dateline(text: str) -> str | None:
    """The agency in the dateline of an article's text."""
    match = _DATELINE.match(text) or _GERMAN_DATELINE.match(text)
    return _first_agency(match[1]) if match else None


def at_end(text: str) -> str | None:
    """The agency that the end of a text credits: “… he said. (AFP)”, or a last line such as “dpa/mm”."""
    last = text.rstrip().rpartition("\n")[2].strip()
    if match := _IN_BRACKETS_AT_END.search(last):
        return _first_agency(match[1])
    return _first_agency(_SOURCE.sub("", last)) if len(last) <= MAX_CREDIT_CHARS else None


def told(text: str) -> str | None:
    """The agency to which the text's sources speak (“…, a source told AFP”), more than once and no other."""
    names = [agency_named(match[1] or match[2]) for match in _TOLD.finditer(text)]
    found = {name for name in names if name}
    return found.pop() if len(found) == 1 and len(names) >= MIN_TOLD else None


def _first_agency(credit: str) -> str | None:
    return next((name for part in re.split(r"[/,&+]", credit) if (name := agency_named(part))), None)
