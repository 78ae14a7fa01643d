"""Summaries, quotes, keyphrases, reading time, topics: the rules one by one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import snowballstemmer  # type: ignore[import-untyped]  # it has no stubs
import spacy

from jobs.enrich.cues import cues, raw_word_list
from jobs.enrich.enricher import MAX_CHARS, Subject
from jobs.enrich.loading import Choice, load
from jobs.enrich.run import enrich
from jobs.enrich.sentences import sentences
from jobs.enrich.words import stem
from jobs.extract.draft import Draft
from tests.unit.enrich.subjects import PATIENT_MS, choice, enriched, names, subject

NEWS = (
    "The harbour of the old town was closed on Monday after a crane fell into the water. Nobody was hurt.\n\n"
    "“We heard it break and ran to the harbour wall,” said Laura Benson, a crane driver. The port authority "
    "said the crane had been inspected in May. He would not say more.\n\nDivers will lift the crane from the "
    "harbour basin this week, the port authority said."
)


def test_the_publishers_summary_is_kept() -> None:
    """Ours stands in only where there is none; the origin tells which it is."""
    given = Subject(Draft(summary="A crane fell.", text=NEWS, language="en"))
    assert "summary" not in enrich(given, load(choice()), PATIENT_MS).values
    got = enriched(NEWS, headline="Crane falls into harbour")
    assert got.provenance["summary"] == "text"
    assert str(got.values["summary"]).startswith("The harbour of the old town was closed on Monday")
    assert len(got.values["summary"]) <= 300


@pytest.mark.parametrize(
    ("text", "language", "count"),
    [
        ("Mr. Smith met Dr. J. R. Brown in the U.S. Senate. They left at 5 p.m. on Jan. 3.", "en", 2),
        ("Am 3. Mai kam z.B. Prof. Meier. Danach ging er.", "de", 2),
        ("« Oui. » M. Dupont est parti. Et puis ?", "fr", 3),
        ("地震が発生した。けが人はいない。", "ja", 2),
        ("No end", "en", 1),
        ("", "en", 0),
    ],
)
def test_sentences(text: str, language: str, count: int) -> None:
    """Abbreviations, initials and ordinals end none."""
    assert len(sentences(text, language)) == count


@pytest.mark.parametrize(
    ("text", "language", "speaker"),
    [
        ("“It will take a whole year to mend,” said Laura Benson.", "en", "Laura Benson"),
        ("Laura Benson said: “It will take a whole year to mend.”", "en", "Laura Benson"),
        (
            "Laura Benson runs the port.\n\n“It will take a whole year to mend,” she said.",
            "en",
            "Laura Benson",
        ),
        ("Laura Benson met Peter Mills.\n\n“It will take a whole year to mend,” she said.", "en", None),
        ("“It will take a whole year to mend,” an engineer said.", "en", None),
        ("„Das dauert noch ein ganzes Jahr“, sagte Hafenmeisterin Petra Sommer.", "de", "Petra Sommer"),
        ("« Il faudra une année entière », a déclaré Claire Fontenoy.", "fr", "Claire Fontenoy"),
        ("«Tardará un año entero en arreglarse», dijo Marta Olmedo.", "es", "Marta Olmedo"),
    ],
)
def test_who_is_quoted(text: str, language: str, speaker: str | None) -> None:
    """Where the text says it plainly; else nobody."""
    (quote,) = enriched(text, language).values["quotes"]
    assert quote.speaker == speaker
    assert quote.text[0].isalpha()


def test_terms_in_quotation_marks_are_no_quotes() -> None:
    """Under four words nobody is quoted."""
    assert "quotes" not in enriched("The self-proclaimed “caliphate” and its “holy war” ended.").values


def test_people_and_organisations_are_told_by_their_signs() -> None:
    """Offices, appositions, acronyms with their long form, surnames alone."""
    found = names(
        "President Ana Kovac met the head of the World Food Programme (WFP). The WFP thanked Kovac. "
        "Kovac, 52, also saw the director of the museum, Omid Farahani, and the company Brightwell."
    )
    things = {thing.text: (thing.kind, thing.count) for thing in found.things}
    assert things["Ana Kovac"] == ("person", 3)
    assert things["World Food Programme"] == ("organisation", 3)
    assert things["Omid Farahani"][0] == "person"
    assert things["Brightwell"][0] == "organisation"


def test_german_nouns_are_no_names() -> None:
    """Every noun has a capital there; a name needs a sign."""
    found = names("Der Hund der Familie bellte am Montag, als die Post kam. Das Haus blieb leer.", "de")
    assert (found.things, found.places) == ((), ())


def test_keyphrases_say_each_thing_once() -> None:
    """No two with the same words, the headline's first, no stop words at their ends."""
    phrases = enriched(NEWS, headline="Crane falls into harbour").values["keyphrases"]
    assert {"harbour", "crane"} <= {p.casefold() for p in phrases[:4]}
    assert len({p.casefold() for p in phrases}) == len(phrases) <= 10


def test_reading_time_goes_by_language() -> None:
    """Seconds for the words of the text at the speed of its language."""
    words = "word " * 456
    assert enriched(words, "en").values["reading_s"] == 120
    assert enriched(words, "de").values["reading_s"] == 153
    assert "reading_s" not in enriched("", "en").values


def test_topics_are_null_when_unsure() -> None:
    """No lexicon, too few words, or as many topics as words: none."""
    for text, language in ((NEWS * 2, "ja"), ("Hello there.", "en"), ("", "en")):
        assert "topics" not in enriched(text, language).values


def test_the_publishers_section_is_evidence() -> None:
    """A short text with few words of a topic is told by its section or address."""
    text = "The team won the game before 9,000 fans."
    plain = Subject(Draft(text="They met again before 9,000 people.", language="en", section="Football"))
    assert "topics" not in enrich(plain, load(choice()), PATIENT_MS).values
    told = Subject(Draft(text=text, language="en", section="Football"), url="https://x.example/football/1")
    (topic,) = enrich(told, load(choice()), PATIENT_MS).values["topics"]
    assert (topic.name, topic.confidence > 0.4) == ("sport", True)


ODD = {
    "capitals": "A Bc " * 4000,
    "acronyms": "ABC-DEF & " * 3000,
    "quotes": "“" * 9000 + "”" * 9000,
    "guillemets": "« a b c d e » " * 2000,
    "dots": ". " * 9000 + "…" * 9000,
    "connectors": "Ministry of the " * 2000,
    "elisions": "l’d’" * 4000,
    "one line": "x" * 20_000,
    "newlines": "\n" * 20_000,
    "controls": "\x00\u202e\ud800 Paris \x1b[31m" * 800,
    "numbers": "1,234.56 " * 3000,
    "titles": "President " * 3000,
    "repeated": "Berlin Berlin, Berlin (Berlin) " * 800,
}


LONG_S = 3.0
"""CPU seconds; the slowest takes a tenth of one."""


@pytest.mark.parametrize("kind", ODD)
def test_odd_texts_neither_fail_nor_take_long(kind: str) -> None:
    """No text makes an enricher raise, or passes the budget of all."""
    text, language = ODD[kind], {"elisions": "fr", "connectors": "fr", "titles": "de"}.get(kind, "en")
    started = time.process_time()
    got = enriched(text, language, headline=text[:200])
    assert got.issues == ()
    assert time.process_time() - started < LONG_S
    assert len(subject(text).text) <= MAX_CHARS


def test_a_spacy_model_that_the_operator_names_finds_the_entities(tmp_path: Path) -> None:
    """For its language; the origin says so. The others keep the lighter way."""
    model = spacy.blank("en")
    ruler = model.add_pipe("entity_ruler")
    ruler.add_patterns(  # type: ignore[attr-defined]  # a ruler has it
        [
            {"label": "PERSON", "pattern": "Grace Holloway"},
            {"label": "PERSON", "pattern": "Holloway"},
            {"label": "ORG", "pattern": "the harbour board"},
            {"label": "GPE", "pattern": "Larkwater"},
            {"label": "DATE", "pattern": "Monday"},
        ]
    )
    model.to_disk(tmp_path / "model")
    chosen = Choice(("entities",), (("en", str(tmp_path / "model")),), choice().folders)
    text = "Grace Holloway told the harbour board of Larkwater on Monday what Holloway knew."
    got = enrich(subject(text), load(chosen), PATIENT_MS)
    assert [(e.text, e.type, e.count) for e in got.values["entities"]] == [
        ("Grace Holloway", "person", 2), ("the harbour board", "organisation", 1), ("Larkwater", "place", 1),
    ]  # fmt: skip
    assert got.provenance["entities"] == "model"
    lighter = enrich(subject("Das sagte Petra Sommer in Berlin.", "de"), load(chosen), PATIENT_MS)
    assert lighter.provenance["entities"] == "text"


def test_a_model_that_is_missing_costs_the_entities_only() -> None:
    """With an issue in the article; other languages are not concerned."""
    chosen = Choice(("entities", "reading_time"), (("en", "no_such_model"),), choice().folders)
    got = enrich(subject("Grace Holloway spoke."), load(chosen), PATIENT_MS)
    assert (dict(got.values), got.issues) == ({"reading_s": 1}, ("enricher_failed:entities",))


def test_a_short_way_to_an_english_stem_is_none_to_another() -> None:
    """What is not given to Snowball's stemmer it would not have changed: words with every ending it knows."""
    stemmer = snowballstemmer.stemmer("english")
    words = {word for word in raw_word_list("not_keyphrases.txt") | cues("en").said if word.isalpha()}
    endings = (
        "'s s ies sses ss y eed ing edly ingly bl iz anci enci ogi bli alli fulli lessli ousli biliti "
        "tional alism ization izer ator ogist icate ative iciti ful ness ic ance able iti al er ous ant "
        "ement e l ll n t m c d r"
    )
    made = {word + ending for word in sorted(words)[:300] for ending in ["", *endings.split()]}
    assert {word: stem(word, "en") for word in made} == {word: stemmer.stemWord(word) for word in made}
