"""Articles with what enrichers should find in them, written for that: see docs/enrichment.md."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from jobs.errors import PalmyraError

SETS = ("development", "held_out")
LANGUAGES = ("en", "de", "fr", "es")


class BadEnrichGold(PalmyraError):
    """A gold file can't be read."""


@dataclass(frozen=True, slots=True)
class Gold:
    """One article and what is in it."""

    id: str
    set_name: str
    language: str
    headline: str
    text: str
    """Paragraphs separated by a blank line."""
    people: tuple[str, ...]
    organisations: tuple[str, ...]
    places: tuple[tuple[str, str], ...]
    """Name and ISO 3166-1 alpha-2 code."""
    topics: tuple[str, ...]
    """Short words of `jobs.enrich.topics.TOPICS`."""
    keyphrases: tuple[str, ...]
    """Phrases that a person would accept; more than anybody would give."""
    speakers: tuple[str | None, ...]
    """Who says each quote of four words or more, in order; None: the text does not say plainly."""


def read() -> list[Gold]:
    """All articles, set by set and language by language.

    Raises:
        BadEnrichGold: a file is not as it should be; the message says where.
    """
    return [gold for name in SETS for language in LANGUAGES for gold in _file(name, language)]


def _file(set_name: str, language: str) -> list[Gold]:
    path = files("worker.bench.enrich_gold") / set_name / f"{language}.txt"
    blocks = path.read_text("utf-8").split("\n---\n")
    return [parse(block.strip(), set_name, language) for block in blocks if block.strip()]


def parse(block: str, set_name: str, language: str) -> Gold:
    """One article: ``= id``, lines ``name: value; value``, a blank line, the text.

    Raises:
        BadEnrichGold: a line is missing, or is none of these.
    """
    head, _, text = block.partition("\n\n")
    first, *lines = head.splitlines()
    said = {name: value for name, _, value in (line.partition(": ") for line in lines)}
    try:
        return Gold(
            id=first.removeprefix("= "),
            set_name=set_name,
            language=language,
            headline=said["headline"],
            text=text,
            people=_listed(said.get("people", "")),
            organisations=_listed(said.get("organisations", "")),
            places=tuple(
                (name, code) for name, _, code in (p.partition("=") for p in _listed(said["places"]))
            ),
            topics=_listed(said["topics"]),
            keyphrases=_listed(said["keyphrases"]),
            speakers=tuple(None if name == "-" else name for name in _listed(said.get("speakers", ""))),
        )
    except KeyError as missing:
        raise BadEnrichGold(f"{set_name}/{language}.txt, {first}: the line {missing} is missing.") from None


def _listed(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(";") if part.strip())
