"""What people are quoted with: the words between quotation marks, and who said them where that is plain."""

from __future__ import annotations

import re

from jobs.article import Quote
from jobs.enrich.cues import cues
from jobs.enrich.enricher import Enricher, Findings, Subject
from jobs.enrich.gazetteer import gazetteer
from jobs.enrich.loading import Choice
from jobs.enrich.named import Named, named

MOST = 12
MIN_WORDS = 4
"""Shorter ones are terms (self-proclaimed “caliphate”), not speech."""
MAX_CHARS = 600
NEAR_CHARS = 110
"""So far from the marks the speaker is looked for, in the same paragraph."""
_QUOTED = re.compile(
    r"[“„]([^“”„\n]{10,600})[”“]|«\s?([^«»\n]{10,600}?)\s?»|»([^«»\n]{10,600})«|\"([^\"\n]{10,600})\""
)
_WORD = re.compile(r"[^\W\d_][\w’'-]*")
_SENTENCE_END = re.compile(r"[.!?…](?:\s|$)")
_PRONOUNS = {
    "en": ("he", "she"), "de": ("er", "sie"), "fr": ("il", "elle", "-il", "-elle"), "pt": ("ele", "ela"),
}  # fmt: skip


def enricher(choice: Choice) -> Enricher:
    """The enricher; speakers are people and organisations that the entities' enricher finds."""

    def quotes(subject: Subject) -> Findings:
        found = in_text(subject.text, subject.language, named(subject, gazetteer(choice.folders)))
        return {"quotes": ("text", found)} if found else {}

    return Enricher(
        "quotes", ("quotes",), 0.3, quotes, summary="what people are quoted with, and by whom said"
    )


def in_text(text: str, language: str | None, names: Named) -> tuple[Quote, ...]:
    """The quotes, in order."""
    found: list[Quote] = []
    for match in _QUOTED.finditer(text):
        said = next(group for group in match.groups() if group).strip().rstrip(",")
        if len(_WORD.findall(said)) >= MIN_WORDS:
            found.append(Quote(text=said, speaker=_speaker(text, match, language, names)))
    return tuple(found[:MOST])


def _speaker(text: str, quoted: re.Match[str], language: str | None, names: Named) -> str | None:
    """Who is named beside the quote, with a verb of saying: after it first, then before."""
    after = text[quoted.end() : quoted.end() + NEAR_CHARS].partition("\n")[0]
    after = _until_sentence_end(after)
    before = text[max(0, quoted.start() - NEAR_CHARS) : quoted.start()].rpartition("\n")[2]
    before = before if before.rstrip().endswith((":", ",")) or _says(before, language) else ""
    for beside in (after, _last_sentence(before)):
        if beside and _says(beside, language):
            return _named_in(beside, names) or _pronoun(beside, text[: quoted.start()], language, names)
    return None


def _until_sentence_end(text: str) -> str:
    end = _SENTENCE_END.search(text, 2)
    return text[: end.start()] if end and not text[end.start() - 2 : end.start() - 1].isspace() else text


def _last_sentence(text: str) -> str:
    return _SENTENCE_END.split(text)[-1] or text


def _says(text: str, language: str | None) -> bool:
    return any(word.casefold() in cues(language).said for word in _WORD.findall(text))


def _named_in(text: str, names: Named) -> str | None:
    """The person, else the organisation, that is named first."""
    for kind in ("person", "organisation"):
        places = [
            (at, thing.text)
            for thing in names.things
            if thing.kind == kind and (at := _find(thing.text, text)) >= 0
        ]
        if places:
            return min(places)[1]
    return None


def _find(name: str, text: str) -> int:
    """Where a name, or a person's surname, stands; -1: nowhere."""
    whole = text.find(name)
    if whole >= 0 or " " not in name:
        return whole
    found = re.search(rf"\b{re.escape(name.split()[-1])}\b", text)
    return found.start() if found else -1


def _pronoun(beside: str, before: str, language: str | None, names: Named) -> str | None:
    """“he added”: the only person named in this paragraph or the one before."""
    pronouns = _PRONOUNS.get(language or "", ())
    if not any(word.casefold() in pronouns for word in re.findall(r"-?\w+", beside)):
        return None
    near = "\n".join([part for part in before.split("\n") if part.strip()][-2:])
    people = {thing.text for thing in names.things if thing.kind == "person" and _find(thing.text, near) >= 0}
    return people.pop() if len(people) == 1 else None
