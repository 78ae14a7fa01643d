"""Names as keys: without case, accents, spaces and punctuation, so that “Deir ez-Zor” meets “Deir Ezzor”."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from hashlib import blake2b

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ß": "ss"})


@lru_cache(maxsize=20_000)
def fold(name: str) -> str:
    """The letters and digits of a name, case folded, without accents."""
    lowered = name.casefold()
    if lowered.isascii():
        return lowered if lowered.isalnum() else "".join(filter(str.isalnum, lowered))
    lowered = lowered.translate(_LETTERS)
    if not lowered.isascii():
        # Marks of Indic scripts are vowels; combining accents go.
        parts = unicodedata.normalize("NFKD", lowered)
        lowered = unicodedata.normalize("NFC", "".join(c for c in parts if not "\u0300" <= c <= "\u036f"))
    return lowered if lowered.isalnum() else "".join(filter(_kept, lowered))


def _kept(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character) in ("Mn", "Mc")


def key(folded: str) -> int:
    """64 bits that stand for a folded name."""
    return int.from_bytes(blake2b(folded.encode("utf-8", "replace"), digest_size=8).digest(), "little")
