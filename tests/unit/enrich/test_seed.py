"""The article this project is named after, enriched."""

from __future__ import annotations

import pytest

from jobs.article import Article
from tests.unit.enrich.subjects import choice
from tests.unit.extract.seed_page import URL, seed_page
from worker.commands.extract_one import article_of


@pytest.fixture(scope="module")
def article() -> Article:
    return article_of(seed_page(), url=URL, final_url=URL, choice=choice())


def test_its_places(article: Article) -> None:
    """Each with its country, and where it is: the Palmyra of the text, of four of that name."""
    found = {(place.name, place.country) for place in article.places}
    assert found == {
        ("Palmyra", "SY"), ("Syria", "SY"), ("Kobane", "SY"), ("Iraq", "IQ"), ("Mosul", "IQ"),
        ("Brussels", "BE"), ("Deir Ezzor", "SY"),
    }  # fmt: skip
    palmyra = article.places[0]
    assert (palmyra.name, palmyra.latitude, palmyra.longitude) == ("Palmyra", 34.5624, 38.284)
    assert all(place.latitude is not None for place in article.places)


def test_its_people_and_organisations(article: Article) -> None:
    """Whole names, each once, however the text shortens them."""
    named = {(e.text, e.type): e.count for e in article.entities if e.type != "place"}
    assert {name for name, kind in named if kind == "person"} == {"Rami Abdel Rahman", "Irina Bokova"}
    assert {"UNESCO", "Syrian Observatory for Human Rights", "ISIS"} <= {
        n for n, k in named if k == "organisation"
    }
    assert named["Rami Abdel Rahman", "person"] == 2
    assert named["Syrian Observatory for Human Rights", "organisation"] == 2


def test_its_topic_agency_and_summary(article: Article) -> None:
    """What it is about, who sent it, and its own first sentences, since the publisher gives no summary."""
    assert [(t.code, t.name) for t in article.topics] == [("medtop:16000000", "conflict, war and peace")]
    assert article.agency == "AFP"
    assert article.summary
    assert article.summary.startswith("Syrian troops backed by Russian forces")
    assert article.provenance["summary"] == "text"
    assert {"Palmyra", "ISIS"} <= set(article.keyphrases[:3])


def test_who_says_what(article: Article) -> None:
    """Where it is plain; a military source has no name."""
    speakers = {quote.text[:20]: quote.speaker for quote in article.quotes}
    assert speakers["That’s the heaviest "] == "Rami Abdel Rahman"
    assert speakers["After heavy fighting"] is None
    assert speakers["A handful of ISIS fi"] == "Rami Abdel Rahman"
    assert article.quality.issues == ()
