"""Articles with gold: what is found of it, as a floor under what `palmyra bench enrich` measures."""

from __future__ import annotations

import pytest

from jobs.enrich.topics import TOPICS
from tests.unit.enrich.subjects import choice
from worker.bench import enrich as bench
from worker.bench.enrich_gold import LANGUAGES, Gold, read
from worker.bench.enrich_score import Score

MAX_COST_MS = 30.0
GOLD = read()


@pytest.fixture(scope="module")
def results() -> bench.Results:
    return bench.run(choice())


@pytest.mark.parametrize(
    ("what", "development", "held_out"),
    [
        ("people", 0.97, 0.90), ("organisations", 0.88, 0.72), ("places", 0.93, 0.88), ("topics", 0.88, 0.79),
        ("keyphrases", 0.54, 0.49), ("quotes", 0.98, 0.98), ("speakers", 0.98, 0.85), ("summary", 0.92, 0.84),
    ],
)  # fmt: skip
def test_f1_over_all_languages(
    results: bench.Results, what: str, development: float, held_out: float
) -> None:
    """Slightly under what is measured, so that a change for the worse shows."""
    got = [bench.overall(results, name, what).f1 for name in ("development", "held_out")]
    assert got[0] >= development
    assert got[1] >= held_out


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_language_is_left_behind(results: bench.Results, language: str) -> None:
    """In each the people, places and topics are found that most articles are about."""
    table = bench.tally(results)
    for what in ("people", "places", "topics"):
        total = table["development", what, language] + table["held_out", what, language]
        assert total.f1 > 0.8, what


def test_all_together_are_cheap() -> None:
    """CPU time of this process, with every enricher of ours, on articles of the usual length."""
    assert sum(ms for _, _, ms in bench.costs(choice(), rounds=1)) < MAX_COST_MS


def test_the_gold_is_whole() -> None:
    """Sixty articles in four languages, a third of them held out; each of its names is in its text."""
    assert len(GOLD) == len({gold.id for gold in GOLD}) == 60
    assert sum(gold.set_name == "held_out" for gold in GOLD) == 20
    assert {language: sum(g.language == language for g in GOLD) for language in LANGUAGES} == dict.fromkeys(
        LANGUAGES, 15
    )


@pytest.mark.parametrize("gold", GOLD, ids=lambda gold: gold.id)
def test_gold_fits_its_text(gold: Gold) -> None:
    """People are named in full, speakers are among them, topics exist, texts are as long as dispatches."""
    assert all(name in f"{gold.headline}\n{gold.text}" for name in gold.people)
    assert set(gold.topics) <= set(TOPICS)
    assert {speaker for speaker in gold.speakers if speaker} <= set(gold.people)
    assert 70 <= len(gold.text.split()) <= 160


def test_scores_are_what_they_are_called() -> None:
    """Right of found, found of gold; nothing found is not wrong, and finds nothing."""
    assert (Score(3, 4, 6, 3).precision, Score(3, 4, 6, 3).recall) == (0.75, 0.5)
    assert (Score(0, 0, 5, 0).precision, Score(0, 0, 5, 0).recall, Score(0, 0, 5, 0).f1) == (1.0, 0.0, 0.0)
