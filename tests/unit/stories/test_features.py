"""What articles are told apart by: the same thing gives the same feature, in every language where it can."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.article import Article, Entity, Place, Topic, build_article
from jobs.extract.draft import Draft
from jobs.stories.features import FEATURE_BYTES, MOST_NAMES, MOST_TERMS, feature, features, names_of, words_of
from jobs.stories.index import published_ms
from jobs.stories.told import MOST_LABELS, in_short, labels

SEEN_MS = 1_760_000_000_000


def article(
    text: str = "", headline: str | None = None, language: str | None = "en", **fields: object
) -> Article:
    built = build_article(
        Draft(headline=headline, text=text, language=language),
        link_id="a" * 16,
        revision=1,
        url_found="https://one.test/a",
        final_url="https://one.test/a",
        feeds=(),
        first_seen_ms=SEEN_MS,
        fetched_ms=SEEN_MS,
        emitted_ms=SEEN_MS,
    )
    return built.model_copy(update=fields)


def test_forms_of_a_word_are_one_and_stop_words_none() -> None:
    """Stems count; more for more often and in the headline, but never without bounds."""
    words = words_of("Floods", "The flood flooded the valley. The river was flooding.", "en")
    assert set(words) == {"flood", "valley", "river"}
    assert words["flood"] > words["river"]
    assert words_of("", "flood " * 150, "en")["flood"] < 7


def test_only_the_lead_counts() -> None:
    """Background at the end of a long text is not what it is on."""
    assert "volcano" not in words_of("", "river " * 300 + "volcano", "en")


def test_names_are_the_same_in_all_languages() -> None:
    """A city by its number, a country by its code, a person by the surname, organisations by their words."""
    german = article(
        language="de",
        entities=(
            Entity(text="Anna Berg", type="person", count=2),
            Entity(text="Airbus", type="organisation", count=1),
        ),
        places=(
            Place(name="Mailand", country="IT", latitude=None, longitude=None, kind="city", geoname_id=1),
        ),
        topics=(Topic(code="medtop:15000000", name="sport", confidence=0.9),),
    )
    english = article(
        entities=(
            Entity(text="Berg", type="person", count=1),
            Entity(text="AIRBUS", type="organisation", count=3),
        ),
        places=(Place(name="Milan", country="IT", latitude=None, longitude=None, kind="city", geoname_id=1),),
        topics=(Topic(code="medtop:15000000", name="sport", confidence=0.7),),
    )
    assert (
        set(names_of(german))
        == set(names_of(english))
        == {"n:berg", "n:airbus", "g:1", "c:IT", "t:medtop:15000000"}
    )


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("a quake of 7.1", {"#7.1"}),
        ("ein Beben der Stärke 7,1", {"#7.1"}),
        ("18,000 people", {"#18000"}),
        ("18.000 Menschen", {"#18000"}),
        ("18 000 personnes", {"#18000"}),
        ("in 2026, at 14:30, 3 of 12", set()),
        ("62 hurt, 1.2.3.4", {"#62"}),
    ],
)
def test_numbers_are_read_as_their_language_writes_them(text: str, figures: set[str]) -> None:
    """Small ones, years and times of day are everywhere, and no sign of an event."""
    assert {name for name in names_of(article(text)) if name.startswith("#")} == figures


def test_acronyms_are_names() -> None:
    """Enrichers may be off."""
    assert "n:unesco" in names_of(article("A report by UNESCO says so."))


def test_what_is_sent_is_bounded() -> None:
    """However long a text is."""
    dice = random.Random(1)
    text = " ".join("".join(dice.choices("abcdefghij", k=9)) + f" {n + 20}" for n in range(5000))
    found = features(article(text))
    assert len(found.terms) <= MOST_TERMS * (FEATURE_BYTES + 1)
    assert len(found.names) <= MOST_NAMES * (FEATURE_BYTES + 1)


@given(st.text(max_size=400), st.text(max_size=100), st.sampled_from(["en", "de", "ja", "xx", None]))
def test_any_text_has_features(text: str, headline: str, language: str | None) -> None:
    """Whole ones, each with a count, and the same again for the same text."""
    one = article(text, headline, language)
    found = features(one)
    assert found == features(one)
    for packed in (found.terms, found.names):
        assert len(packed) % (FEATURE_BYTES + 1) == 0
        assert all(count > 0 for count in packed[FEATURE_BYTES :: FEATURE_BYTES + 1])
    in_short(one).encode()


def test_a_feature_is_always_the_same() -> None:
    """Workers on all machines, of all versions, must agree."""
    assert feature("en:flood").hex() == feature("en:flood").hex()
    assert len(feature("x")) == FEATURE_BYTES


@pytest.mark.parametrize(
    ("published", "hours_before"),
    [
        (None, 0),
        ("2025-10-09T06:53:20Z", 2),
        ("2035-01-01T00:00:00Z", 0),
        ("2025-10-09", 0),
        ("2025-10-07", 20.9),
        ("nonsense", 0),
    ],
)
def test_when_an_article_was_published(published: str | None, hours_before: float) -> None:
    """What the publisher says, if that is before we saw it; of a date alone, when that day was over."""
    ms = published_ms(article(published=published))
    assert (SEEN_MS - ms) / 3_600_000 == pytest.approx(hours_before, abs=0.1)


def test_labels_name_a_place_once_in_all_languages() -> None:
    """What is counted together is what is the same; there are few."""
    place = Place(name="Mailand", country="IT", latitude=None, longitude=None, kind="city", geoname_id=1)
    german = article(entities=(Entity(text="Mailand", type="place", count=2),), places=(place,))
    english = article(
        entities=(Entity(text="Milan", type="place", count=1),),
        places=(place.model_copy(update={"name": "Milan"}),),
    )
    ((one, text),) = labels(german)
    ((other, _),) = labels(english)
    assert one == other
    assert text == '{"text":"Mailand","type":"place"}'
    many = article(entities=tuple(Entity(text=f"N{n}", type="other", count=1) for n in range(30)))
    assert len(labels(many)) == MOST_LABELS
