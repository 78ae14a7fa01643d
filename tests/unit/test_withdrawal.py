"""What a withdrawal is made of."""

from __future__ import annotations

from dataclasses import fields

from jobs.extract.draft import Draft
from jobs.withdrawal import NOTHING, OPERATOR, PUBLISHER, withdrawn_article


def test_a_draft_that_says_nothing_is_a_draft() -> None:
    """As far as an article is made of it: without importing the extraction into a fetch worker."""
    empty, ours = Draft(), vars(NOTHING)
    assert set(ours) <= {one.name for one in fields(Draft)}
    assert ours == {name: getattr(empty, name) for name in ours}


def test_a_withdrawal_says_who_withdrew_and_nothing_else() -> None:
    """The publisher, or an operator."""
    for by in (PUBLISHER, OPERATOR):
        article = withdrawn_article("a" * 16, None, "https://one.test/1", 2, [], 1_700_000_000_000, by=by)
        assert article.change is not None
        assert (article.change.kind, article.change.fields) == (by, ())
        assert (article.text, article.headline, article.authors, article.images) == ("", None, (), ())
        assert article.urls.found == "https://one.test/1"
