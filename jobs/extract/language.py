"""Which language it is in: told from the text; from what is declared where the text is too short to tell."""

from __future__ import annotations

import re

import py3langid

MIN_LETTERS = 120
"""Under this the identifier guesses; declarations are right more often."""
MAX_CHARS, FEW_CHARS = 1_500, 400
"""The beginning tells; the rest would cost twice the time."""

_OLD_CODES = {"iw": "he", "in": "id", "ji": "yi"}
_NORWEGIAN = frozenset({"no", "nb", "nn"})

_CODE = re.compile(r"\s*([a-zA-Z]{2})(?![a-zA-Z])")


def declared(value: str | None) -> str | None:
    """``de-AT``, ``de_DE.UTF-8`` → ``de``; None for what is not a two-letter code."""
    match = _CODE.match(value or "")
    code = match[1].lower() if match else None
    return _OLD_CODES.get(code, code) if code else None


def agree(one: str, other: str) -> bool:
    """Do two codes mean one language, for all that an identifier can tell?"""
    return one == other or (one in _NORWEGIAN and other in _NORWEGIAN)


def identified(text: str, declared: str | None = None) -> str | None:
    """ISO 639-1 code of a text's language, None for a text too short to tell.

    Where the first sentences are in the language that is declared, they are enough.
    """
    sample = text[:MAX_CHARS]
    if sum(map(str.isalpha, sample)) < MIN_LETTERS:
        return None
    code: str = py3langid.classify(sample[:FEW_CHARS] if declared else sample)[0]
    return code if declared in (code, None) else str(py3langid.classify(sample)[0])
