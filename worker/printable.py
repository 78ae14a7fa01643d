"""Third-party text on terminals and in logs: never a control character."""

from __future__ import annotations

import unicodedata

# Besides the C0 and C1 controls: marks that reorder what a reader sees (bidirectional overrides, isolates).
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def printable(text: str, *, newlines: bool = False) -> str:
    """`text` with each control character shown as an escape such as ``\\x1b``; line ends kept on request."""
    if text.isprintable() and not _REORDERING.intersection(text):
        return text
    return "".join(_shown(c, newlines) for c in text)


def _shown(character: str, newlines: bool) -> str:
    if newlines and character in "\n\t":
        return character
    if character in _REORDERING or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character
