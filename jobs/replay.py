"""Replay: what today's code makes of an article that was published before, and what differs (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from jobs.article import Article, Change, Enriched, rfc3339
from jobs.reopening import How

if TYPE_CHECKING:  # heavy: only article workers enrich
    from jobs.enrich.enricher import Enricher
    from jobs.extract.draft import Draft


class Stage(StrEnum):
    """From where on an article goes through the work again."""

    EXTRACT = "extract"
    """The kept page is extracted, and enriched."""
    ENRICH = "enrich"
    """What was published is enriched: no page is needed, and headline and text stay."""
    PUBLISH = "publish"
    """What was published is sent as it is, as a new revision: for consumers who lost it."""

    @property
    def how(self) -> How:
        """What its links are opened for."""
        return {Stage.EXTRACT: How.REPLAY, Stage.ENRICH: How.ENRICH, Stage.PUBLISH: How.PUBLISH}[self]


REPLAYED = "replayed"
"""`Change.kind` of a revision that a replay brought: the publisher changed nothing, or nothing we know of."""

NOT_COMPARED = frozenset(
    {"revision", "feeds", "first_seen", "fetched", "timings", "change", "provenance", "quality", "duplicate"}
    | {"story"}
)
"""Fields that are no reason for a new revision: our own book-keeping, and what depends on other articles."""


def differing(before: Article, after: Article) -> tuple[str, ...]:
    """The names of the fields that say something else, in the article's order."""
    compared = (name for name in Article.model_fields if name not in NOT_COMPARED)
    return tuple(name for name in compared if getattr(before, name) != getattr(after, name))


def as_revision(article: Article, revision: int, emitted_ms: int, fields: Iterable[str] = ()) -> Article:
    """The same article as another revision, of a replay that changed these fields."""
    timings = article.timings.model_copy(update={"emitted": rfc3339(emitted_ms)})
    change = Change(kind=REPLAYED, fields=tuple(fields))
    return article.model_copy(update={"revision": revision, "timings": timings, "change": change})


def article_of(event: str) -> Article | None:
    """The article of an event; None for one that another version wrote in a way that this one can't read."""
    with suppress(ValueError):
        return Article.model_validate(json.loads(event)["data"])
    return None


_AS_WRITTEN = (
    "headline", "text", "word_count", "authors", "agency", "published", "modified", "language", "section",
    "tags", "access",
)  # fmt: skip


def draft_of(article: Article) -> Draft:
    """An article as enrichers are shown it: what page and feed said, without what enrichers had found."""
    from jobs.entry import Image
    from jobs.extract.draft import Draft

    ours = article.provenance.get("summary") in ("text", "model")
    return Draft(
        **{name: getattr(article, name) for name in _AS_WRITTEN},
        summary=None if ours else article.summary,
        images=tuple(Image(url=one.url, caption=one.caption) for one in article.images),
        canonical=article.urls.canonical,
        site_name=article.source.name,
        provenance=article.provenance,
        score=article.quality.score,
    )


def enriched_again(article: Article, enrichers: Iterable[Enricher]) -> Article:
    """The article with what these enrichers find in it today, in the place of what they had found.

    Enrichers of rights are left out: those stand in the page, and stay as they were found.
    """
    from jobs.enrich.enricher import Subject
    from jobs.enrich.run import enrich

    of_text = [one for one in enrichers if "rights" not in one.fields]
    found = enrich(Subject(draft_of(article), url=article.urls.final), of_text)
    return _with(article, found, of_text)


def _with(article: Article, found: Enriched, enrichers: Iterable[Enricher]) -> Article:
    theirs = {name.partition(".")[0] for one in enrichers for name in one.fields} - {"summary"}
    values = {name: _nothing(name) for name in theirs} | dict(found.values)
    if "summary" not in values and article.provenance.get("summary") in ("text", "model"):
        values["summary"] = None
    origins = {name: origin for name, origin in article.provenance.items() if not _of(name, theirs)}
    if values.get("summary", article.summary) is None:
        origins.pop("summary", None)
    issues = (*(one for one in article.quality.issues if not one.startswith("enricher_")), *found.issues)
    updates: Mapping[str, Any] = values | {
        "provenance": dict(sorted({**origins, **found.provenance}.items())),
        "quality": article.quality.model_copy(update={"issues": issues}),
    }
    return article.model_copy(update=updates)


def _nothing(name: str) -> Any:
    return Article.model_fields[name].get_default(call_default_factory=True) if name in _OPTIONAL else ()


_OPTIONAL = frozenset(name for name, field in Article.model_fields.items() if not field.is_required())


def _of(name: str, fields: set[str]) -> bool:
    return name.partition(".")[0] in fields
