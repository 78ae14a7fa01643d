"""The written articles and the desks that publish them."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from worker.demo import article, desk
from worker.demo.article import Article

ARTICLES = article.load()
SEED = next(a for a in ARTICLES if a.template == "classic.html")
# Of the seventeen paragraphs of the report, as its site served them, joined by blank lines.
SEED_SHA256 = "44c5e4dc398979ee7eaaeb9a69df5655fe721a70b67b62aec570c1340fa416eb"


def test_about_twenty_articles_in_three_languages() -> None:
    """A run shows all three feeds alive, and does not repeat itself too soon."""
    assert len(ARTICLES) == 20
    assert Counter(a.language for a in ARTICLES) == {"en": 8, "de": 6, "fr": 6}
    assert {a.language for a in ARTICLES[:3]} == {"en", "de", "fr"}
    assert len({a.slug for a in ARTICLES}) == len(ARTICLES)


@pytest.mark.parametrize("written", ARTICLES, ids=lambda a: a.slug)
def test_an_article_is_long_enough_to_extract_and_named_in_its_desk(written: Article) -> None:
    """Every article has 150 to 410 words in paragraphs, and a section that its desk's menu has."""
    words = sum(len(paragraph.split()) for paragraph in written.paragraphs)
    assert 150 <= words <= 410
    assert not any("\n" in paragraph for paragraph in written.paragraphs)
    assert written.section in (*desk.load()[written.language].sections, "Uncategorized")
    assert written.summary not in written.paragraphs


def test_the_seed_article_is_complete_and_exact() -> None:
    """Its seventeen paragraphs are those of the original, to the byte."""
    text = "\n\n".join(SEED.paragraphs)
    assert len(SEED.paragraphs) == 17
    assert hashlib.sha256(text.encode()).hexdigest() == SEED_SHA256


def test_a_data_file_with_a_wrong_field_is_refused() -> None:
    """A typing error in a data file is an error, not an article without its summary."""
    good = 'headline = "H"\nsection = "S"\nsummary = "M"\ntext = """\nOne.\n\nTwo.\n"""\n'
    assert article.parse("01-en-a-slug.toml", good).paragraphs == ("One.", "Two.")
    with pytest.raises(TypeError, match="sumary"):
        article.parse("01-en-a-slug.toml", good.replace("summary", "sumary"))
    with pytest.raises(ValueError, match="no text"):
        article.parse("01-en-a-slug.toml", good.replace("One.\n\nTwo.", ""))
