"""What a copy is: found however an outlet reworks it, and never seen where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.copies.likeness import Kind, likeness
from jobs.copies.sketch import BAND_BYTES, LEAD_BANDS, LEAST_WORDS, WHOLE_BANDS, sketch
from worker.bench import copies
from worker.bench.copies import INTRO, WAYS
from worker.bench.quality_gold import read

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus"

OWN = copies.own_texts()
KINDS = {
    "as it is": {Kind.EXACT},
    "another intro": {Kind.WIRE_COPY},
    "a tail": {Kind.WIRE_COPY},
    "5 % edited": {Kind.WIRE_COPY, Kind.EXACT},
    "cut to 60 %": {Kind.WIRE_COPY},
    "the lead only": {Kind.EXCERPT, Kind.WIRE_COPY},
    "intro, tail, edited": {Kind.WIRE_COPY},
    "intro, cut, edited": {Kind.WIRE_COPY, Kind.EXCERPT},
    "lead and tail": {Kind.EXCERPT, Kind.WIRE_COPY},
}


@pytest.fixture(scope="module")
def result() -> copies.Result:
    """A run over the demo newsroom's own articles."""
    return copies.run(OWN)


@pytest.mark.parametrize("way", WAYS)
def test_copies_are_found_however_they_are_made(result: copies.Result, way: str) -> None:
    """Every article of ours, in five languages, is recognised in each rework, and as what it is."""
    (told,) = (one for one in result.ways if one.name == way)
    assert told.copies >= 20
    assert told.found == told.copies
    assert set(told.kinds) <= KINDS[way]


def test_different_articles_are_no_copies(result: copies.Result) -> None:
    """Not one pair of them."""
    assert result.pairs >= 190
    assert result.copies == ()


@pytest.mark.proof
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_the_aims_are_met_on_real_articles() -> None:
    """Recall 0.97 for each way of copying, no false pair in 100,000: what is found is one page twice."""
    golds = [gold for gold in read(CORPUS) if gold.text]
    told = copies.run(copies.gold_texts(CORPUS))
    assert told.pairs > 100_000
    for way in told.ways:
        assert way.found / way.copies >= 0.97, way
    urls = {f"{gold.set_name}/{gold.id}": (gold.url or "").partition("?")[0] for gold in golds}
    assert [(a, b) for a, b, _ in told.copies if urls[a] != urls[b]] == []


def test_a_short_text_has_no_sketch() -> None:
    """Captions and scores are alike by chance."""
    assert sketch(" ".join(f"word{n}" for n in range(LEAST_WORDS - 1))) == ()
    bands = sketch(" ".join(f"word{n}" for n in range(LEAST_WORDS)))
    assert len(bands) == WHOLE_BANDS + LEAD_BANDS
    assert {len(band) for band in bands} == {BAND_BYTES}


def test_letters_are_compared_not_their_forms() -> None:
    """Case, punctuation, kinds of quotation mark and of composed letters make no difference."""
    text = "“Café” owners said – on Monday – that prices rise. " + next(iter(OWN.values()))
    other = text.upper().replace("“", '"').replace("”", '"').replace("–", "-").replace("É", "E\u0301")
    assert sketch(text) == sketch(other)
    found = likeness(text, other)
    assert found is not None
    assert (found.kind, found.similarity, found.added_words, found.cut_words) == (Kind.EXACT, 1.0, 0, 0)


def test_what_was_added_and_cut_is_counted() -> None:
    """An outlet's paragraph is added; what it dropped is cut."""
    text = next(iter(OWN.values()))
    added = likeness(text, f"{INTRO}\n\n{text}")
    assert added is not None
    assert (added.cut_words, 15 <= added.added_words <= 25) == (0, True)
    cut = likeness(f"{INTRO}\n\n{text}", text)
    assert cut is not None
    assert (cut.added_words, 15 <= cut.cut_words <= 25) == (0, True)


def test_a_site_repeats_its_own_forms() -> None:
    """Half the words in common make a copy between sites; on one site they make the weather of two days."""
    text = next(iter(OWN.values()))
    half = (
        " ".join(text.split()[: len(text.split()) * 6 // 10])
        + " "
        + " ".join(next(reversed(OWN.values())).split()[:40])
    )
    assert likeness(text, half) is not None
    assert likeness(text, half, same_site=True) is None
    assert likeness(text, text, same_site=True) is not None


def test_an_article_that_quotes_a_brief_is_no_copy_of_it() -> None:
    """It says much more than the flash that came first."""
    text = max(OWN.values(), key=len)
    flash = " ".join(text.split()[:45])
    assert likeness(flash, text) is None


def test_texts_without_spaces_are_compared_by_character() -> None:
    """Chinese, Japanese and Thai have their copies too."""
    text = "巴尔米拉是叙利亚沙漠中的一座古城，位于大马士革东北。考古学家说，这里的神庙两千年来吸引着旅行者。"
    assert sketch(text)
    found = likeness(text, text + "记者报道。")
    assert found is not None
    assert (found.kind, found.added_words) == (Kind.WIRE_COPY, 4)
