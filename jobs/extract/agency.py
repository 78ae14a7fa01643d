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


def agency_named(name: str) -> str | None:
    """The agency that a byline name stands for, if it is one."""
    return _BY_NAME.get(" ".join(name.casefold().strip(" .()").split()))


def in_dateline(text: str) -> str | None:
    """The agency in the dateline of an article's text."""
    match = _DATELINE.match(text) or _GERMAN_DATELINE.match(text)
    if match is None:
        return None
    return next((name for part in re.split(r"[/,&+]", match[1]) if (name := agency_named(part))), None)
