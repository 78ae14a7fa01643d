"""Words that say nothing (stopwordsiso) and the stems of those that do (Snowball), by language."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import snowballstemmer  # type: ignore[import-untyped]  # it has no stubs
import stopwordsiso

_STEMMERS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian",
    "ne": "nepali", "nl": "dutch", "no": "norwegian", "nb": "norwegian", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip


_CHANGED = (
    "'", "s", "e", "y", "ed", "ing", "er", "al", "ion", "ic", "ant", "ent", "ism", "ator", "ful", "ll", "li",
    "iti", "anci", "enci", "ogi", "ogist",
)  # fmt: skip
"""Every ending at which a step of Snowball's English stemmer changes something; it goes by endings alone."""
CACHED_STEMS = 50_000
"""Words. A new one takes 20 µs; an article brings some 40 of them, once hundreds went before."""


@cache
def stopwords(language: str | None) -> frozenset[str]:
    """The stop words of an ISO 639-1 language, case folded; none for one that is not known."""
    if not language or not stopwordsiso.has_lang(language):
        return frozenset()
    return frozenset(word.casefold() for word in stopwordsiso.stopwords(language))


@lru_cache(maxsize=CACHED_STEMS)
def stem(word: str, language: str | None) -> str:
    """The stem of a case-folded word; the word itself where the language has no stemmer here."""
    if language == "en" and not word.endswith(_CHANGED) and word[:1] != "'":
        return word
    stemmer = _stemmer(language)
    return str(stemmer.stemWord(word)) if stemmer else word


@cache
def _stemmer(language: str | None) -> Any | None:
    name = _STEMMERS.get(language or "")
    return snowballstemmer.stemmer(name) if name else None
