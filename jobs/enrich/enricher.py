"""The interface of an enricher: what it is told, what it gives, what it costs.

An enricher is an `Enricher` object in a module, named by an entry point of the group ``palmyra.enrichers``.
It is a pure function of its `Subject`: no network, no Redis, no clock, so that the same article gives the
same values wherever it runs. docs/enrichment.md has an example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jobs.extract.draft import Draft

if TYPE_CHECKING:
    from jobs.enrich.runs import Token
    from jobs.enrich.sentences import Sentence

ELIDING = frozenset({"fr", "it", "ca"})
"""Languages in which l’ and d’ are words."""
MAX_CHARS = 10_000
"""So much of a text is looked at: 1,600 words say what it is about, and a hostile one can't take long."""

Findings = Mapping[str, tuple[str, Any]]
"""Field of the article → (origin of the value, see `jobs.article.ORIGINS`; value)."""


@dataclass(frozen=True)
class Subject:
    """An article on its way: what was extracted, and what page, server and site said."""

    draft: Draft
    """The extraction, with `Draft.evidence` of the page's head."""
    url: str | None = None
    """The URL that answered."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the answer, names in lower case."""
    barred_agents: tuple[str, ...] = ()
    """AI crawlers that the site's robots.txt kept out altogether, where that is known."""
    so_far: Mapping[str, Any] = field(default_factory=dict)
    """What the enrichers before this one found, by field."""

    def knowing(self, values: Mapping[str, Any]) -> Subject:
        """The same subject after other enrichers; what was computed for all of them stays computed."""
        known = replace(self, so_far=values)
        known.__dict__.update({k: v for k, v in self.__dict__.items() if k not in _FIELDS})
        return known

    @cached_property
    def text(self) -> str:
        """The article's text, as far as enrichers look."""
        return self.draft.text[:MAX_CHARS]

    @property
    def language(self) -> str | None:
        """ISO 639-1 code."""
        return self.draft.language

    @cached_property
    def tokens(self) -> list[list[Token]]:
        """The words of each of the `sentences`."""
        from jobs.enrich.runs import tokens

        return [tokens(one, split_elisions=self.language in ELIDING) for one in self.sentences]

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """The text's sentences: found once, for all enrichers."""
        from jobs.enrich.sentences import sentences

        return sentences(self.text, self.language)


_FIELDS = frozenset(one.name for one in fields(Subject))


def _nothing() -> None:
    """Nothing to load."""


@dataclass(frozen=True)
class Enricher:
    """One enricher."""

    name: str
    """What PALMYRA_ENRICHERS and `quality.issues` call it: lower-case letters and ``_``."""
    fields: tuple[str, ...]
    """The article's fields that it fills, of `FILLABLE` or ``extra.<name>``."""
    cost_ms: float
    """CPU milliseconds an article, measured (`palmyra bench enrich`)."""
    enrich: Callable[[Subject], Findings]
    """Pure; what it finds nothing for, it leaves out. It may raise: then its fields stay empty."""
    warm: Callable[[], None] = _nothing
    """Loads what it needs: called once before the workers are forked, so that they share it."""
    summary: str = ""
    """What it does, in a line for `palmyra config`."""


FILLABLE = frozenset(
    {"summary", "reading_s", "keyphrases", "entities", "places", "topics", "quotes", "rights"}
)  # fmt: skip
EXTRA = "extra."
