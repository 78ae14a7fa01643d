"""Running the enrichers on one article: none of them can take it down, and all together end in time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Annotated, Any

import structlog
from pydantic import JsonValue, TypeAdapter
from rq.timeouts import BaseTimeoutException

from jobs.article import Article, Enriched
from jobs.enrich.enricher import EXTRA, Enricher, Findings, Subject
from jobs.errors import Outcome

log = structlog.get_logger(__name__)

BUDGET_MS = 500.0
"""No enricher is begun later than this after the first: fifty times what they usually take together."""
FAILED, SKIPPED = "enricher_failed", "enricher_skipped"


def enrich(subject: Subject, enrichers: Iterable[Enricher], budget_ms: float = BUDGET_MS) -> Enriched:
    """What the enrichers find, in their order; each sees what those before it found.

    One that raises, or gives what does not fit its field, leaves its fields empty and the issue
    ``enricher_failed:<name>``. RQ's timeouts, lack of memory and outcomes are the job's and pass through.
    """
    deadline = time.perf_counter() + budget_ms / 1000
    found = _Found()
    for enricher in enrichers:
        if time.perf_counter() > deadline:
            found.issues.append(f"{SKIPPED}:{enricher.name}")
            continue
        with Contained() as outcome:
            subject = subject.knowing(found.values)
            findings = enricher.enrich(subject)
            found.add(enricher, _checked(enricher, findings))
        if outcome.error:
            found.issues.append(f"{FAILED}:{enricher.name}")
            error = f"{type(outcome.error).__name__}: {outcome.error}"[:300]
            log.warning("enricher_failed", enricher=enricher.name, url=subject.url, error=error)
    return Enriched(found.values, found.provenance, tuple(found.issues))


class Contained:
    """Holds back the errors of the block inside it, as `error`: those of an enricher, not the job's own.

    A context manager, since ``except Exception`` would catch RQ's timeout too: what passes is decided here.
    """

    error: BaseException | None = None

    def __enter__(self) -> Contained:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        ours = isinstance(error, Exception) and not isinstance(
            error, BaseTimeoutException | MemoryError | Outcome
        )
        self.error = error if ours else None
        return ours


@dataclass(slots=True)
class _Found:
    values: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
    issues: list[str] = field(default_factory=list)

    def add(self, enricher: Enricher, findings: Findings) -> None:
        for name, (origin, value) in findings.items():
            self.provenance[name] = origin
            if name.startswith(EXTRA):
                extra = self.values.get("extra", {})
                self.values["extra"] = {**extra, name.removeprefix(EXTRA): value}
            elif "." not in name:
                self.values[name] = value


def _checked(enricher: Enricher, findings: Findings) -> Findings:
    """The findings, each as the article's model takes it.

    Raises:
        ValueError: a field that the enricher did not declare, or a value that does not fit its field.
    """
    checked = {}
    for name, (origin, value) in findings.items():
        whole = name if name.startswith(EXTRA) else name.partition(".")[0]
        if whole not in enricher.fields:
            raise ValueError(f"it fills {name}, which it does not declare")
        # A dotted name says where a part of a field came from; it has no value of its own.
        fits = value if whole != name else _adapter(name).validate_python(value)
        checked[name] = (origin, fits)
    return checked


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    if name.startswith(EXTRA):
        return TypeAdapter(JsonValue)
    field = Article.model_fields[name]
    # With the field's own bounds, which its annotation alone does not have.
    annotation: Any = field.annotation
    return TypeAdapter(Annotated[(annotation, *field.metadata)] if field.metadata else annotation)


def in_part(origins: Mapping[str, str], name: str) -> dict[str, tuple[str, None]]:
    """Findings that tell where the parts of a field came from: ``{"license": "meta"}`` of ``rights``."""
    return {f"{name}.{part}": (origin, None) for part, origin in origins.items()}
