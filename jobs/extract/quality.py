"""How far an extraction is to be trusted. The weights are a first estimate, not yet calibrated on gold."""

from __future__ import annotations

import re
from math import prod

SHORT_WORDS = 80
WALL_WORDS = 200
"""A paid article with fewer words than this was most likely cut at the wall."""

NO_TEXT, SHORT, TRUNCATED, PAYWALL = "no_text", "short", "truncated", "paywall"
ENCODING, DATE_CONFLICT, LANGUAGE_CONFLICT = "encoding", "date_conflict", "language_conflict"

WEIGHTS = {
    NO_TEXT: 0.0,
    SHORT: 0.6,
    TRUNCATED: 0.6,
    PAYWALL: 0.6,
    ENCODING: 0.4,
    DATE_CONFLICT: 0.95,
    LANGUAGE_CONFLICT: 0.9,
}
"""Issue → what it leaves of the score."""

_CUT = re.compile(r"(?:…|\.\.\.)[\])\s]*$")
# UTF-8 read as Windows-1252, or what could not be decoded at all.
_MOJIBAKE = re.compile("\ufffd|Ã[\u0080-\u00bf]|â€[\u0099\u009c\u009d™œ\u0153]")
MOJIBAKE_PER_CHAR = 1 / 500


def issues(text: str, word_count: int, access: str | None) -> list[str]:
    """What is odd about a text."""
    if not text:
        return [NO_TEXT]
    found = {
        SHORT: word_count < SHORT_WORDS,
        TRUNCATED: bool(_CUT.search(text)),
        PAYWALL: access == "paywall" and word_count < WALL_WORDS,
        ENCODING: len(_MOJIBAKE.findall(text)) > len(text) * MOJIBAKE_PER_CHAR,
    }
    return [issue for issue, there in found.items() if there]


def score(found: list[str]) -> float:
    """0 (worthless) to 1 (nothing odd)."""
    return round(prod(WEIGHTS[issue] for issue in found), 3)
