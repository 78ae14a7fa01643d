"""What an article's newest revision says that the one before did not, sentence by sentence (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.revision import Said, difference

AROUND = 1
"""Sentences that are shown before and after a change, though they stayed."""
_WORDS = {"+": "Added", "-": "Removed", "=": ""}


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence, or a row of them that is left out."""

    mark: str
    """``+``, ``-`` or ``=``; ``…`` for what is left out."""
    text: str
    """Third-party text as it came: escape it where it is shown."""
    label: str = ""
    """The mark in a word."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two revisions side by side."""

    before: int
    after: int
    """Their numbers."""
    kind: str
    """`jobs.article.Change.kind`."""
    headline: tuple[Line, ...]
    """Empty when it stayed."""
    lines: tuple[Line, ...]
    """Of the text; empty when it stayed."""


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference | None:
    """The difference of two events' data; None where nobody can see one."""
    old, new = _said(before), _said(after)
    headline = tuple(_lines(difference(*([one.headline or ""] for one in (old, new)))))
    lines = tuple(_shortened(list(_lines(difference(old.sentences, new.sentences)))))
    headline = headline if any(line.mark != "=" for line in headline) else ()
    if not headline and not lines:
        return None
    change = after.get("change")
    kind = str(change.get("kind") or "") if isinstance(change, dict) else ""
    return Difference(_number(before), _number(after), kind, headline, lines)


def _said(data: Mapping[str, Any]) -> Said:
    headline, text, language = (data.get(name) for name in ("headline", "text", "language"))
    return Said.of(str(headline or ""), str(text or ""), language if isinstance(language, str) else None)


def _number(data: Mapping[str, Any]) -> int:
    revision = data.get("revision")
    return revision if isinstance(revision, int) else 0


def _lines(pairs: Iterator[tuple[str, str]]) -> Iterator[Line]:
    return (Line(mark, text, _WORDS[mark]) for mark, text in pairs if text)


def _shortened(lines: Sequence[Line]) -> Iterator[Line]:
    """What changed, with a sentence around it; nothing when nothing changed."""
    changed = [place for place, line in enumerate(lines) if line.mark != "="]
    shown = {near for place in changed for near in range(place - AROUND, place + AROUND + 1)}
    left_out = 0
    for place, line in enumerate(lines):
        if place not in shown:
            left_out += 1
            continue
        if left_out:
            yield _gap(left_out)
        left_out = 0
        yield line
    if changed and left_out:
        yield _gap(left_out)


def _gap(sentences: int) -> Line:
    return Line("…", "one sentence" if sentences == 1 else f"{sentences} sentences")
