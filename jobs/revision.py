"""When a re-fetched article is a new revision, and what changed in it (pure)."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from jobs.article import Change
from jobs.enrich.sentences import sentences

_FIELDS = ("headline", "text")

SLIPPED_WORDS = 2
"""Words that differ in a sentence of which a slip was corrected, at the most."""
MISSPELLED, LONGEST_WORD = 0.75, 60
"""Likeness of a word to itself misspelled (share of characters in common, in order), and most characters."""
SLIPPED = 5
"""Such sentences in one revision, at the most: more is an edit."""
MOST_TOLD, MOST_CHARS = 20, 500
"""Sentences of a change that its event carries, and characters of each."""
MOST_COMPARED = 400
"""Sentences of each revision that `difference` compares."""
COUNTER_WORDS = 14
"""A longer sentence with a number in it is news."""

# “12 comments”, “updated 5 minutes ago”, “Lesezeit: 3 Minuten”: what a page counts or says of itself.
_COUNTER = re.compile(
    r"\b(?:views?|comments?|shares?|likes?|reads?|readers|viewers|votes|ago|(?:last )?updated|last modified"
    r"|min read"
    r"|kommentare?|aufrufe|leser|aktualisiert|lesezeit|stand|vor \d+ (?:minuten?|stunden?|tag(?:en)?)"
    r"|commentaires?|vues?|partages?|mis à jour|il y a|lecture"
    r"|comentarios?|visitas|lecturas|actualizado|hace \d+|visualizaç(?:ão|ões)|atualizado|há \d+"
    r"|commenti|visualizzazioni|aggiornato|\d+ (?:minuti|ore) fa|reacties|bijgewerkt|geleden)\b",
    re.IGNORECASE,
)
_CORRECTION = re.compile(
    r"^\W*(?:corrections?|clarification|editor[’']s note"
    r"|this (?:article|story|report) (?:has been|was) (?:amended|corrected|updated to correct)"
    r"|an earlier version of this|a previous version of this"
    r"|korrektur|richtigstellung|anmerkung der redaktion|in einer (?:früheren|vorherigen) version"
    r"|correctif|rectificatif|précision|une version précédente|une première version"
    r"|corrección|rectificación|fe de errores|una versión anterior"
    r"|errata corrige|rettifica|una versione precedente|correção|errata|uma versão anterior"
    r"|correctie|rectificatie|rättelse|rettelse|oikaisu|sprostowanie)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NO_WORD = re.compile(r"[\W_]")
_VARIANTS = re.compile("[\ufe00-\ufe0f]")


@dataclass(frozen=True, slots=True)
class Said:
    """What a revision says."""

    headline: str | None
    sentences: tuple[str, ...]

    @classmethod
    def of(cls, headline: str | None, text: str, language: str | None) -> Said:
        """A text by its sentences, as they end in this language (ISO 639-1)."""
        return cls(headline, tuple(one.text for one in sentences(text, language)))


def digests(headline: str | None, text: str | None) -> str:
    """What an article says, in 17 characters: a digest of its headline, ``:``, one of its text."""
    return ":".join(_digest(part or "") for part in (headline, text))


def _digest(text: str) -> str:
    # White space is layout, not news.
    return hashlib.blake2b(" ".join(text.split()).encode(), digest_size=4).hexdigest()


def change(before: str, after: str) -> Change | None:
    """What differs between two `digests`, where no more is known; None for a first revision (``""``)."""
    if not before:
        return None
    pairs = zip(_FIELDS, before.split(":"), after.split(":"), strict=True)
    fields = tuple(name for name, old, new in pairs if old != new)
    return Change(kind="headline" if fields == ("headline",) else "substantive", fields=fields)


def revised(before: Said, after: Said, page: Iterable[str] = (), titles: Iterable[str] = ()) -> Change | None:
    """What an update changed; None when it says the same.

    Letters' case, marks, the order of paragraphs, a counter and the page's own dates are no news.

    Args:
        before: the newest revision that consumers know.
        after: the article now.
        page: sentences that are on the page still, though no longer in the article: nobody removed them.
        titles: what the page calls itself: nobody shortened a headline that is still among these.
    """
    removed, added = _differing(before.sentences, after.sentences)
    still = {_key(sentence) for sentence in page}
    removed = tuple(sentence for sentence in removed if _key(sentence) not in still)
    removed, added = _without_counters(removed, added)
    headline = _retitled(_key(before.headline or ""), _key(after.headline or ""), set(map(_key, titles)))
    if not (headline or removed or added):
        return None
    kind = _kind(before.headline or "", after.headline or "", removed, added)
    fields = tuple(
        name for name, differs in zip(_FIELDS, (headline, removed or added), strict=True) if differs
    )
    return Change(kind=kind, fields=fields, added=_told(added), removed=_told(removed))


def _retitled(old: str, new: str, titles: set[str]) -> bool:
    return old != new and not (old in titles and (new in old or old in new))


def difference(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Both texts' sentences in one order, each with ``=``, ``-`` (only before) or ``+`` (only after).

    Of each the first `MOST_COMPARED`: what takes longest grows with the third power.
    """
    before, after = before[:MOST_COMPARED], after[:MOST_COMPARED]
    old, new = [_key(s) for s in before], [_key(s) for s in after]
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (("=", sentence) for sentence in after[k:m])
        else:
            yield from (("-", sentence) for sentence in before[i:j])
            yield from (("+", sentence) for sentence in after[k:m])


def _differing(before: Sequence[str], after: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sentences that only one of them has, wherever they stand: a paragraph that moved is no news."""
    old, new = Counter(_key(s) for s in before), Counter(_key(s) for s in after)
    return _only(before, old - new), _only(after, new - old)


def _only(sentences: Sequence[str], wanted: Counter[str]) -> tuple[str, ...]:
    left = wanted.copy()
    found = []
    for sentence in sentences:
        key = _key(sentence)
        if key and left[key] > 0:
            left[key] -= 1
            found.append(sentence)
    return tuple(found)


def _key(sentence: str) -> str:
    """Its words: what two sentences have in common that say the same."""
    plain = _VARIANTS.sub("", unicodedata.normalize("NFKC", sentence))
    return " ".join(_NO_WORD.sub(_of_word, plain.casefold()).split())


def _of_word(match: re.Match[str]) -> str:
    """What becomes of a character that is no letter or digit."""
    category = unicodedata.category(match[0])
    if category == "Cf":  # a soft hyphen stands inside a word
        return ""
    # Vowels of Hindi or Arabic are marks; and five dollars are not five euros, nor five per cent.
    return match[0] if category in ("Mn", "Mc", "Sc") or match[0] == "%" else " "


def _without_counters(
    removed: tuple[str, ...], added: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Without the lines in which a page counts or dates itself, on either side."""
    return tuple(s for s in removed if not _counts(s)), tuple(s for s in added if not _counts(s))


def _counts(sentence: str) -> bool:
    if _CORRECTION.search(sentence) or len(sentence.split()) > COUNTER_WORDS:
        return False
    return bool(
        _NUMBER.search(sentence) and _COUNTER.search(sentence) and not sentence.rstrip().endswith(".")
    )


def _kind(old: str, new: str, removed: tuple[str, ...], added: tuple[str, ...]) -> str:
    if any(_CORRECTION.search(sentence) for sentence in added):
        return "correction"
    if not (removed or added):
        return "typo" if _slipped(old, new) else "headline"
    slipped = len(removed) == len(added) <= SLIPPED and all(map(_slipped, removed, added))
    if slipped and (_key(old) == _key(new) or _slipped(old, new)):
        return "typo"
    return "substantive"


def _slipped(one: str, other: str) -> bool:
    """Do they differ in a slip only: a word spelled right or a comma set, no number and no other word?"""
    old, new = _key(one).split(), _key(other).split()
    if len(old) != len(new) or _NUMBER.findall(one) != _NUMBER.findall(other):
        return False
    # Word by word: “dog bites man” is no slip of “man bites dog”.
    pairs = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
    return len(pairs) <= SLIPPED_WORDS and all(_misspelled(*pair) for pair in pairs)


def _misspelled(one: str, other: str) -> bool:
    # A word for another is no slip, however short: “not guilty” and “now guilty” say different things.
    if not 3 < min(len(one), len(other)) <= max(len(one), len(other)) <= LONGEST_WORD:
        return False
    return SequenceMatcher(None, one, other).ratio() >= MISSPELLED


def _told(sentences: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sentence[:MOST_CHARS] for sentence in sentences[:MOST_TOLD])
