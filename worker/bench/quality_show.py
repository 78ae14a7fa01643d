"""The figures of `palmyra bench quality` as rows of tables."""

from __future__ import annotations

from worker.bench.quality import BAD_F1, BAD_SCORE, Results, Row, calibration
from worker.bench.quality_extractors import OURS

COLUMNS = (
    "set",
    "extractor",
    "pages",
    "text F1",
    "precision",
    "recall",
    "title",
    "date",
    "authors",
    "CPU ms",
)
WORST_COLUMNS = ("set", "page", "text F1", "precision", "recall", "score", "issues", "others' F1")


def quality_rows(rows: list[Row]) -> list[list[str]]:
    """A row for each set and extractor."""
    return [
        [
            row.set_name,
            row.extractor,
            str(row.pages),
            *(_share(v) for v in _text(row)),
            _share(row.title),
            _share(row.date),
            _share(row.authors),
            f"{row.cpu_ms:.1f}",
        ]
        for row in rows
    ]


def worst_rows(results: Results) -> list[list[str]]:
    """A row for each page; `results` come from `worker.bench.quality.worst`."""
    return [
        [
            gold.set_name,
            gold.id,
            *([f"{t.f1:.3f}", f"{t.precision:.3f}", f"{t.recall:.3f}"] if (t := m[OURS].text) else ["–"] * 3),
            _share(m[OURS].found.score),
            ", ".join(m[OURS].found.issues) or "–",
            ", ".join(f"{n} {o.text.f1:.2f}" for n, o in m.items() if n != OURS and o.text),
        ]
        for gold, m in results
    ]


def calibration_line(results: Results) -> str:
    """How well our own score tells bad texts."""
    c = calibration(results)
    right = f"{c['both'] / c['called_bad']:.0%} of them rightly" if c["called_bad"] else "none"
    told = f"{c['both'] / c['bad']:.0%} of the bad ones" if c["bad"] else "there is no bad one"
    return (
        f"quality.score: of {c['pages']} pages, {c['bad']} have a text F1 under {BAD_F1:g}; "
        f"{c['called_bad']} are scored under {BAD_SCORE:g}, {right}, {told}."
    )


def _text(row: Row) -> tuple[float | None, float | None, float | None]:
    return (row.text.f1, row.text.precision, row.text.recall) if row.text else (None, None, None)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
