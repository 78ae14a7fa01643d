"""The interface: any enricher can be added, left out or fail, and the article comes out all the same."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from rq.timeouts import JobTimeoutException

from jobs.article import build_article
from jobs.enrich import loading, names
from jobs.enrich.enricher import EXTRA, FILLABLE, Enricher, Findings, Subject
from jobs.enrich.loading import Choice
from jobs.enrich.run import enrich
from jobs.errors import Reason, Skip
from jobs.extract.draft import Draft
from tests.unit.enrich.subjects import choice, subject

TEXT = subject("The bridge opened on Monday.")


def giving(name: str, *fields: str, **values: Any) -> Enricher:
    found: Findings = {field.replace("__", "."): ("text", value) for field, value in values.items()}
    return Enricher(name, fields, 0.1, lambda subject: found)


def raising(error: BaseException, name: str = "bad") -> Enricher:
    def fail(subject: Subject) -> NoReturn:
        raise error

    return Enricher(name, ("topics",), 0.1, fail)


@pytest.mark.parametrize("error", [ValueError("no"), RecursionError(), KeyError("x"), SystemError()])
def test_one_that_fails_leaves_an_issue_and_the_others_alone(error: Exception) -> None:
    """Whatever it raises: its fields stay empty, the rest of the article is as it would be."""
    got = enrich(
        TEXT,
        [
            giving("one", "reading_s", reading_s=5),
            raising(error),
            giving("two", "keyphrases", keyphrases=("x",)),
        ],
    )
    assert dict(got.values) == {"reading_s": 5, "keyphrases": ("x",)}
    assert got.issues == ("enricher_failed:bad",)


@pytest.mark.parametrize(
    "error", [JobTimeoutException(), MemoryError(), KeyboardInterrupt(), Skip(Reason.NO_TEXT)]
)
def test_what_is_the_jobs_own_passes_through(error: BaseException) -> None:
    """RQ's timeout is an Exception; swallowed, the job would read finished."""
    with pytest.raises(type(error)):
        enrich(TEXT, [raising(error)])


@pytest.mark.parametrize(
    "wrong",
    [
        giving("bad", "topics", reading_s=5),
        giving("bad", "reading_s", reading_s="soon"),
        giving("bad", "reading_s", reading_s=-1),
        giving("bad", "places", places=[{"name": "X", "latitude": 99}]),
    ],
    ids=["undeclared field", "wrong type", "out of range", "not a place"],
)
def test_what_does_not_fit_the_article_is_a_failure(wrong: Enricher) -> None:
    """The article's model would refuse it later, and the whole article with it."""
    got = enrich(TEXT, [wrong])
    assert (dict(got.values), got.issues) == ({}, ("enricher_failed:bad",))


def test_later_ones_see_what_earlier_ones_found() -> None:
    """So one can build on another."""
    later = Enricher(
        "later", ("keyphrases",), 0.1, lambda s: {"keyphrases": ("text", (str(s.so_far["reading_s"]),))}
    )
    assert enrich(TEXT, [giving("one", "reading_s", reading_s=5), later]).values["keyphrases"] == ("5",)


def test_none_is_begun_after_the_budget() -> None:
    """A slow one costs those after it, not the article; and it says so."""

    def slow(subject: Subject) -> Findings:
        time.sleep(0.02)
        return {}

    got = enrich(
        TEXT, [Enricher("slow", (), 0.1, slow), giving("late", "reading_s", reading_s=5)], budget_ms=10
    )
    assert (dict(got.values), got.issues) == ({}, ("enricher_skipped:late",))


def test_fields_of_ones_own() -> None:
    """What the article has no field for goes into `extra`, any JSON; with where it came from."""
    made = giving("mood", "extra.mood", extra__mood={"score": 0.5})
    got = enrich(TEXT, [made, giving("other", "extra.other", extra__other=1)])
    article = build_article(
        Draft(), link_id="a" * 16, revision=1, url_found=None, final_url=None, feeds=(), first_seen_ms=0,
        fetched_ms=0, emitted_ms=0, enriched=got,
    )  # fmt: skip
    assert article.extra == {"mood": {"score": 0.5}, "other": 1}
    assert article.provenance["extra.mood"] == "text"


def test_all_of_ours_load_and_say_what_they_are() -> None:
    """Name, fields, cost and what it does; the order is that of use."""
    loaded = loading.load_all(choice())
    assert [one.name for one in loaded][: len(names.BUILT_IN)] == list(names.BUILT_IN)
    assert all(one.fields and one.cost_ms > 0 and one.summary for one in loaded)
    assert {field for one in loaded for field in one.fields} == FILLABLE


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ((), ("rights", "summary", "topics")),
        (("topics", "rights"), ("rights", "topics")),
        (("-summary",), ("rights", "topics")),
        (("summary", "topics", "-topics"), ("summary",)),
    ],
)
def test_choosing(wanted: tuple[str, ...], left: tuple[str, ...]) -> None:
    """Names choose, a minus leaves out, nothing means all; the order stays that of use."""
    assert names.chosen(wanted, ("rights", "summary", "topics")) == left


def test_an_unknown_name_is_told_with_those_that_exist() -> None:
    """A typing mistake must not silently switch one off."""
    with pytest.raises(ValueError, match=r"no enricher is called sumary; there are rights, summary"):
        names.chosen(["-sumary"], ["rights", "summary"])


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Installs a package of one module with an entry point of our group."""

    def install(point: str, source: str) -> None:
        (tmp_path / "mood_of_text.py").write_text(source)
        info = tmp_path / "mood_of_text-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mood-of-text\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{names.GROUP}]\n{point}\n")

    monkeypatch.syspath_prepend(str(tmp_path))
    loading.load.cache_clear()
    yield install
    sys.modules.pop("mood_of_text", None)
    loading.load.cache_clear()


SOURCE = f"""
from jobs.enrich.enricher import Enricher
ENRICHER = Enricher("mood", ("{EXTRA}mood",), 0.1, lambda s: {{"{EXTRA}mood": ("text", len(s.text))}})
"""


def test_another_package_adds_one(installed: Callable[[str, str], None]) -> None:
    """An entry point is all it takes, and PALMYRA_ENRICHERS knows it."""
    installed("mood = mood_of_text:ENRICHER", SOURCE)
    got = enrich(TEXT, loading.load(Choice(("mood",))))
    assert got.values["extra"] == {"mood": len(TEXT.text)}


@pytest.mark.parametrize(
    ("point", "source"),
    [
        ("mood = mood_of_text:ENRICHER", "raise ImportError('libmood.so is missing')"),
        ("mood = mood_of_text:NOTHING", SOURCE),
        ("other = mood_of_text:ENRICHER", SOURCE),
        ("mood = mood_of_text:ENRICHER", SOURCE.replace(f'("{EXTRA}mood",)', '("headline",)')),
    ],
    ids=["raises", "missing", "another name", "a field that is not an enricher's"],
)
def test_one_that_can_not_be_loaded_says_so_on_each_article(
    installed: Callable[[str, str], None], point: str, source: str
) -> None:
    """It is not silently missing, and all others run."""
    installed(point, source)
    name = point.partition(" ")[0]
    got = enrich(TEXT, loading.load(Choice(("reading_time", name))))
    assert (dict(got.values), got.issues) == ({"reading_s": 1}, (f"enricher_failed:{name}",))
