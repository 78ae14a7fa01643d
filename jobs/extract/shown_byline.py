"""The byline as readers see it: names at the headline that are marked as the author's, or follow a “By”."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from jobs.extract.near_heading import Piece, after, before, is_line

MAX_ABOVE = 3
"""How far above a name its mark may stand."""
MAX_NAMES = 6
MAX_JOINING_CHARS = 5
"""“and”, a comma: such a piece joins two names."""
MAX_NAME_WORDS = 4
"""Of a name that only its role beside it marks."""

_INTRODUCED = re.compile(
    r"^\W*(?:(?:words|story|text|article|report(?:ing)?|review|photos? and text)\s+)?"
    r"(?:(?:written|posted|published|reported|authored|reviewed|compiled)\s+by|by|von|par|por|di|door|af|av"
    r"|przez|autor(?:in|es)?|authors?|auteur|autore|författare|skribent)\s*:?(?:\s+|$)",
    re.IGNORECASE,
)
_NOT_THE_AUTHOR = re.compile(
    r"(?:updat|edit|review|check|verif|approv|photo|foto|image|illustrat|graphic|translat|record|video)\w*"
    r"(?:\s+\w+)?\s+(?:by|von|par|por|da)\s*:?$",
    re.IGNORECASE,
)
_ROLE_BESIDE = re.compile(
    r"^(?:(?:senior|chief|staff|deputy|contributing|associate|managing|political|foreign)\s+)*"
    r"(?:\w+\s+)?(?:writer|reporter|editor|correspondent|journalist|columnist|contributor|redakteur(?:in)?"
    r"|korrespondent(?:in)?|journaliste|periodista|redactor(?:a)?|giornalista|journalist|jornalista|repórter)$",
    re.IGNORECASE,
)
_PROFILE = re.compile(
    r"/(?:authors?|autor(?:en|es|i)?|auteurs?|by|staff|people|person|profiles?|contributors?|columnists?|journalists?"
    r"|reporters?|writers?|redakt(?:ion|eure?)|team|user|about-us)/[^/?#]{3,}",
    re.IGNORECASE,
)
_MARK = re.compile(r"(?:^|[\s_-])(?:author|byline|writer|autor|auteur)s?(?:$|[\s_-])", re.IGNORECASE)
_NAME_PART = re.compile(r"[^\W\d_](?:[\w'’.-]*[^\W_])?\.?")
_PARTICLES = frozenset((
    "de", "del", "van", "von", "der", "den", "ter", "ten", "la", "le", "du", "di", "da", "dos", "bin", "al",
    "el", "zu",
))  # fmt: skip
_JOINING = frozenset(("and", "und", "et", "y", "e", "og", "och", "en", "with", "mit"))


def shown_names(heading: Any) -> list[str]:
    """What a heading's byline says (an lxml element's; a value may hold several names), or nothing.

    Names that markup calls the author's come before those that only follow a “By”, and those before one with
    its role beside it.
    """
    pieces = [*after(heading), *before(heading)]
    return _marked(pieces) or _introduced(pieces) or _with_role(pieces)


def _marked(pieces: Iterable[Piece]) -> list[str]:
    """The names of the first group that is marked: what comes after other text is of editors and the like."""
    found: dict[str, None] = {}
    label = ""
    for piece in pieces:
        text = _INTRODUCED.sub("", piece.text)
        is_author = is_line(text) and is_name(text) and _is_author_mark(piece)
        if is_author and not _NOT_THE_AUTHOR.search(label):
            found[text] = None
        elif found and len(text) > MAX_JOINING_CHARS:
            break
        label = piece.text
    return list(found)[:MAX_NAMES]


def _is_author_mark(piece: Piece) -> bool:
    element = piece.element
    for _ in range(MAX_ABOVE):
        if element is None or element.tag in ("body", "article", "main"):
            return False
        if "author" in (element.get("rel") or "").split() or element.get("itemprop") == "author":
            return True
        if element.tag == "a" and _PROFILE.search(element.get("href") or ""):
            return True
        if _MARK.search(f"{element.get('class') or ''} {element.get('id') or ''}"):
            return True
        element = element.getparent()
    return False


def _introduced(pieces: list[Piece]) -> list[str]:
    for number, piece in enumerate(pieces):
        match = _INTRODUCED.match(piece.text)
        if not match or not is_line(piece.text):
            continue
        said = piece.text[match.end() :] or (pieces[number + 1].text if number + 1 < len(pieces) else "")
        if is_name(said):
            return [said]
    return []


def _with_role(pieces: list[Piece]) -> list[str]:
    """“Maria Muster | Senior Writer | 3 May 2024”: the name before a role, in a line of its own."""
    for piece in pieces:
        name, *rest = (part.strip() for part in re.split(r"[|•·,]|\s[–—-]\s", piece.text))
        short = rest and len(name.split()) <= MAX_NAME_WORDS and is_line(piece.text)
        if short and is_name(name) and _ROLE_BESIDE.match(rest[0]):
            return [name]
    return []


def is_name(text: str) -> bool:
    """Does it look like names: a few words, most with a capital (or of a script without them)?

    One word and a particle (“Publié le”, “Von der”) are none.
    """
    words = [w for w in re.split(r"[\s,;&|·•/]+", text) if w and w.casefold() not in _JOINING]
    own = [w for w in words if w.casefold() not in _PARTICLES]
    capital = [w for w in own if not w[0].islower()]
    shaped = all(_NAME_PART.fullmatch(w) for w in words)
    return 2 <= len(own) <= len(words) <= 12 and shaped and len(capital) * 3 >= len(own) * 2
