"""When a re-fetched article is a new revision, and what it changed."""

from __future__ import annotations

import time

import pytest

from jobs.revision import MOST_CHARS, MOST_TOLD, Said, change, difference, digests, revised

STORY = (
    "The council of Palmyra voted on Monday to reopen the museum.",
    "Twelve statues will return from abroad.",
    "“We have waited ten years for this,” the director said.",
    "Visitors can come from 3 May.",
)


def said(*sentences: str, headline: str = "Museum of Palmyra to reopen") -> Said:
    return Said(headline, sentences or STORY)


def replaced(number: int, sentence: str) -> tuple[str, ...]:
    return (*STORY[:number], sentence, *STORY[number + 1 :])


def test_white_space_is_not_news() -> None:
    """A page that is laid out anew says the same."""
    assert digests("A  headline", "One.\n\nTwo.") == digests("A headline", "One. Two.")


def test_a_first_revision_changes_nothing() -> None:
    """Only a later one says what changed."""
    assert change("", digests("a", "b")) is None


def test_a_change_names_its_fields() -> None:
    """A new headline alone is told apart from a new text, even where only digests are left."""
    before = digests("a", "b")
    headline, both = change(before, digests("x", "b")), change(before, digests("x", "y"))
    assert headline is not None
    assert both is not None
    assert (headline.kind, headline.fields) == ("headline", ("headline",))
    assert (both.kind, both.fields) == ("substantive", ("headline", "text"))


@pytest.mark.parametrize(
    "after",
    [
        said(),
        said(headline="Museum of Palmyra to reopen!"),
        said(headline="MUSEUM OF PALMYRA TO REOPEN"),
        said(*STORY[2:], *STORY[:2]),
        said(*replaced(1, "Twelve statues will return, from abroad.")),
        said(*STORY, "12 comments"),
        said(*STORY, "Updated 5 minutes ago"),
        said(*STORY, "Zuletzt aktualisiert: 3. Mai, 14:05 Uhr"),
        said(*STORY, "Lesezeit: 3 Minuten"),
        said(*STORY, "Mis à jour le 3 mai à 14 h 05"),
    ],
)
def test_noise_is_no_revision(after: Said) -> None:
    """Case, punctuation, paragraphs that moved, and what a page counts or dates about itself."""
    assert revised(said(), after) is None
    assert revised(after, said()) is None


@pytest.mark.parametrize(
    ("after", "kind", "fields"),
    [
        (said(headline="Statues return to Palmyra"), "headline", ("headline",)),
        (said(headline="Musuem of Palmyra to reopen"), "typo", ("headline",)),
        (said(*replaced(0, STORY[0].replace("council", "counsil"))), "typo", ("text",)),
        (said(*replaced(1, "Fourteen statues will return from abroad.")), "substantive", ("text",)),
        (said(*replaced(3, "Visitors can come from 5 May.")), "substantive", ("text",)),
        (said(*replaced(3, "Visitors can now come from 3 May.")), "substantive", ("text",)),
        (said(*STORY, "Three people died."), "substantive", ("text",)),
        (said(*STORY[:3]), "substantive", ("text",)),
        (said(*STORY, "Three people died.", headline="Blast at museum"), "substantive", ("headline", "text")),
        (said(*STORY, "Correction: the museum reopens on 3 May."), "correction", ("text",)),
        (
            said(*STORY, "An earlier version of this article gave a wrong number of statues."),
            "correction",
            ("text",),
        ),
        (said(*STORY, "Anmerkung der Redaktion: Die Zahl wurde berichtigt."), "correction", ("text",)),
        (said(*STORY, "Rectificatif : le musée rouvre le 3 mai."), "correction", ("text",)),
        (said(*STORY, "Fe de errores: el museo abre el 3 de mayo."), "correction", ("text",)),
    ],
)
def test_kinds_of_change(after: Said, kind: str, fields: tuple[str, ...]) -> None:
    """A slip, another headline, a correction that says so, and news."""
    told = revised(said(), after)
    assert told is not None
    assert (told.kind, told.fields) == (kind, fields)


def test_a_number_is_never_a_slip() -> None:
    """Twelve dead or thirteen: the sentence is nearly the same, and the news is not."""
    told = revised(
        said("The storm killed 12 people on the coast."), said("The storm killed 13 people on the coast.")
    )
    assert told is not None
    assert told.kind == "substantive"


def test_one_word_can_turn_the_sense() -> None:
    """“Not” is no misspelling of “now”."""
    told = revised(
        said("The court found him not guilty of fraud."), said("The court found him now guilty of fraud.")
    )
    assert told is not None
    assert told.kind == "substantive"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("The ticket costs $5.", "The ticket costs €5."),
        ("It fell by 5 %.", "It fell by 5."),
        ("किताब की कीमत", "किताब का कीमत"),
    ],
)
def test_signs_that_mean_something_count(before: str, after: str) -> None:
    """A currency, per cent, a vowel that is written as a mark."""
    assert revised(said(before), said(after)) is not None


def test_how_letters_are_encoded_is_no_news() -> None:
    """Composed or not, with soft hyphens or without, as a ligature."""
    before, after = (
        "Le café de la ville est fermé, dit l’office.",
        "Le cafe\u0301 de la ville est fermé, dit l'office.",
    )
    assert revised(said(before), said(after)) is None
    assert revised(said("Soft\u00adware ﬁrms"), said("Software firms")) is None


def test_a_slip_in_a_long_sentence_is_a_slip() -> None:
    """Of 40 words, one was misspelled; two words that changed places are no slip."""
    long = "The committee of the museum, which had met on Friday, " * 8 + "agreed with the director."
    told = revised(said(long), said(long.replace("director", "directer")))
    assert told is not None
    assert told.kind == "typo"
    told = revised(said("Ferrari overtook Mercedes there."), said("Mercedes overtook Ferrari there."))
    assert told is not None
    assert told.kind == "substantive"


def test_hostile_texts_are_compared_in_time() -> None:
    """Endless words, and thousands of sentences that are alike."""
    word, same, other = "x" * 100_000, ["A a."] * 3000, ["A a.", "B b."] * 1500
    started = time.monotonic()
    assert revised(said(word + "y"), said(word + "z")) is not None
    assert revised(said(*same), said(*other)) is not None
    assert len(list(difference(same, other))) < 3000
    assert time.monotonic() - started < 5


def test_what_was_added_and_removed_is_told() -> None:
    """The sentences themselves, so that consumers need not compare."""
    told = revised(said(), said(*replaced(1, "Fourteen statues will return from abroad."), "Entry is free."))
    assert told is not None
    assert told.removed == ("Twelve statues will return from abroad.",)
    assert told.added == ("Fourteen statues will return from abroad.", "Entry is free.")


def test_what_is_still_on_the_page_was_not_removed() -> None:
    """A site's boilerplate that was learned since is left out now; the publisher changed nothing."""
    boilerplate = "Follow us for more news of the region."
    assert revised(said(*STORY, boilerplate), said(), page=(*STORY, boilerplate)) is None


def test_a_headline_that_we_read_otherwise_is_no_news() -> None:
    """What recurs in a site's titles is left out once that is learned; the page calls itself as before."""
    whole = "Museum of Palmyra to reopen – The Palmyra Post"
    assert revised(said(headline=whole), said(), titles=(whole,)) is None
    assert revised(said(headline=whole), said(), titles=("Museum of Palmyra to reopen",)) is not None
    assert revised(said(headline=whole), said(headline="Statues return"), titles=(whole,)) is not None


def test_a_change_is_bounded() -> None:
    """An article written anew does not double its event."""
    told = revised(said(), said(*(f"{'x' * 2000} {n} and more." for n in range(100))))
    assert told is not None
    assert len(told.added) == MOST_TOLD
    assert max(map(len, told.added)) == MOST_CHARS


def test_the_difference_is_in_reading_order() -> None:
    """What both have stands once; what was cut stands before what came for it."""
    after = replaced(1, "Fourteen statues will return from abroad.")
    assert list(difference(STORY, after)) == [
        ("=", STORY[0]),
        ("-", STORY[1]),
        ("+", after[1]),
        ("=", STORY[2]),
        ("=", STORY[3]),
    ]
