"""The names of news agencies, as they are written in bylines, datelines and credits."""

from __future__ import annotations

import re

# Name in the event → other ways it is written (case folded).
AGENCIES: dict[str, tuple[str, ...]] = {
    "AAP": ("australian associated press",),
    "Adnkronos": (),
    "AFP": (
        "agence france-presse",
        "agence france presse",
        "afp news agency",
        "afp news",
        "法新社",
        "afp通信",
    ),
    "AGERPRES": (),
    "AGI": ("agenzia giornalistica italia",),
    "Agência Brasil": ("agencia brasil",),
    "Anadolu": ("anadolu agency", "anadolu ajansı", "anadolu ajansi", "agence anadolu", "agencia anadolu"),
    "ANI": ("asian news international",),
    "ANP": ("algemeen nederlands persbureau",),
    "ANSA": ("agenzia ansa",),
    "Antara": ("antara news",),
    "AP": ("associated press", "the associated press", "ap news", "ap通信", "美联社"),
    "APA": ("austria presse agentur",),
    "APP": ("associated press of pakistan",),
    "ATS": ("agence télégraphique suisse", "keystone-ats"),
    "Belga": ("agence belga", "agentschap belga"),
    "BELTA": ("belta news agency",),
    "Bernama": (),
    "BNS": ("baltic news service",),
    "BSS": ("bangladesh sangbad sangstha",),
    "BTA": ("bulgarian news agency",),
    "CP": ("canadian press", "the canadian press", "la presse canadienne", "presse canadienne"),
    "CTK": ("čtk", "czech news agency", "česká tisková kancelář"),
    "dpa": ("deutsche presse-agentur", "dpa-afx", "dpa-infocom", "deutsche presse agentur"),
    "EFE": ("agencia efe", "efe news"),
    "epd": ("evangelischer pressedienst",),
    "Europa Press": ("europapress",),
    "HINA": (),
    "IANS": ("indo-asian news service",),
    "Interfax": ("интерфакс",),
    "Interfax-Ukraine": ("интерфакс-украина", "інтерфакс-україна"),
    "IRNA": ("islamic republic news agency",),
    "Jiji Press": ("jiji", "時事", "時事通信"),
    "Keystone-SDA": ("sda", "keystone-sda-ats", "schweizerische depeschenagentur"),
    "KNA": ("katholische nachrichten-agentur",),
    "KUNA": ("kuwait news agency",),
    "Kyodo": ("kyodo news", "共同", "共同通信"),
    "LaPresse": (),
    "Lusa": ("agência lusa", "agencia lusa"),
    "MENA": ("middle east news agency",),
    "MTI": ("magyar távirati iroda",),
    "NAN": ("news agency of nigeria",),
    "NTB": (),
    "Notimex": (),
    "PA": ("pa media", "press association", "the press association", "pa news agency"),
    "PAP": ("polska agencja prasowa", "polish press agency"),
    "Petra": ("jordan news agency",),
    "Prensa Latina": (),
    "PTI": ("press trust of india",),
    "QNA": ("qatar news agency",),
    "Reuters": ("thomson reuters", "reuters news", "ロイター", "路透社", "рейтер", "рейтерс"),
    "RIA Novosti": ("ria nowosti", "риа новости"),
    "Ritzau": ("ritzaus bureau", "ritzau scanpix"),
    "SANA": (),
    "SID": ("sport-informations-dienst",),
    "SPA": ("saudi press agency",),
    "STA": ("slovenian press agency",),
    "STT": ("suomen tietotoimisto",),
    "Tanjug": (),
    "TASR": (),
    "TASS": ("тасс", "itar-tass", "итар-тасс"),
    "Télam": ("telam",),
    "TT": ("tt nyhetsbyrån",),
    "Ukrinform": ("укринформ", "укрінформ"),
    "UNIAN": ("уніан", "униан"),
    "UPI": ("united press international",),
    "VNA": ("vietnam news agency",),
    "WAM": ("emirates news agency",),
    "Xinhua": ("xinhua news agency", "新华社", "新华", "新華社"),
    "Yonhap": ("yonhap news agency", "yonhap news", "연합뉴스"),
}
_BY_NAME = {alias.casefold(): name for name, aliases in AGENCIES.items() for alias in (name, *aliases)}

# Also names of people, words or other things: believed only as the agency itself writes them.
_AS_WRITTEN = frozenset(
    {
        "AAP", "AGI", "ANI", "AP", "APA", "APP", "ATS", "BSS", "BTA", "BNS", "CP", "HINA", "KNA", "MENA",
        "MTI",
        "NAN", "PA",
        "PAP", "Petra", "SANA", "SID", "SPA", "STA", "STT", "TT", "UPI", "VNA", "WAM", "Antara",
        "LaPresse", "Jiji",
    }
)  # fmt: skip
_WRITTEN = {name.casefold(): name for name in _AS_WRITTEN}


def agency_named(name: str) -> str | None:
    """The agency that a name stands for, if it is one: “AFP”, “Agence France-Presse”; not “Sid” or “pa”."""
    written = " ".join(name.strip(" .()*").split())
    folded = written.casefold()
    return None if _WRITTEN.get(folded, written) != written else _BY_NAME.get(folded)


def first_agency(credit: str) -> str | None:
    """The first agency of a credit that may name several, and initials: “dpa/mm”, “AFP, Reuters”."""
    parts = re.split(r"[/,&+;＝=]|\s(?:and|und|et|y|e|en|og|och)\s", credit)
    return next((name for part in (credit, *parts) if (name := agency_named(part))), None)


NAMES = "|".join(
    re.escape(name)
    for name in sorted((*_BY_NAME, *map(str.casefold, AGENCIES)), key=len, reverse=True)
    if len(name) > 2
)
"""All names of three letters or more, as alternatives of a regex (any case)."""
