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


@cache
def stopwords(language: str | None) -> frozenset[str]:
    """The stop words of an ISO 639-1 language, case folded; none for one that is not known."""
    if not language or not stopwordsiso.has_lang(language):
        return frozenset()
    return frozenset(word.casefold() for word in stopwordsiso.stopwords(language))


@lru_cache(maxsize=50_000)
def stem(word: str, language: str | None) -> str:
    """The stem of a case-folded word; the word itself where the language has no stemmer here."""
    stemmer = _stemmer(language)
    return str(stemmer.stemWord(word)) if stemmer else word


@cache
def _stemmer(language: str | None) -> Any | None:
    name = _STEMMERS.get(language or "")
    return snowballstemmer.stemmer(name) if name else None
