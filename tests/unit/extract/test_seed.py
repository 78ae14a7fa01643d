"""The article this project is named after, on a page with all the ordinary mess."""

from __future__ import annotations

import pytest

from jobs.extract import extract
from tests.unit.extract.seed_page import CREDITS, HEADLINE, PARAGRAPHS, URL, seed_page


@pytest.mark.parametrize("credit", CREDITS)
def test_text_is_the_seventeen_paragraphs(credit: str) -> None:
    """Headline, adverts, photo credit and lists of other articles are no part of the text; all else is."""
    draft = extract(seed_page(credit), url=URL)
    assert draft.text.split("\n\n") == list(PARAGRAPHS)
    assert draft.headline == HEADLINE


def test_nothing_is_invented() -> None:
    """The page's clock is not a date, “Uncategorized” is no section, and nobody signed the report."""
    draft = extract(seed_page(), url=URL)
    assert (draft.published, draft.modified, draft.section, draft.authors) == (None, None, None, ())
    assert {"published", "modified", "section", "authors"}.isdisjoint(draft.provenance)


def test_what_the_page_says_is_found() -> None:
    """Language, site, canonical URL and the agency that its sources told it; nothing is found odd."""
    draft = extract(seed_page(), url=URL)
    assert (draft.agency, draft.provenance["agency"]) == ("AFP", "text")
    assert (draft.language, draft.site_name, draft.canonical) == ("en", "Example Times", URL)
    assert (draft.issues, draft.skip) == ((), None)
    assert draft.score > 0.7
