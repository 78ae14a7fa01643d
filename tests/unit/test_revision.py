"""When a re-fetched article is a new revision."""

from __future__ import annotations

from jobs.revision import change, digests


def test_white_space_is_not_news() -> None:
    """A page that is laid out anew says the same."""
    assert digests("A  headline", "One.\n\nTwo.") == digests("A headline", "One. Two.")


def test_a_first_revision_changes_nothing() -> None:
    """Only a later one says what changed."""
    assert change("", digests("a", "b")) is None


def test_a_change_names_its_fields() -> None:
    """A new headline alone is told apart from a new text."""
    before = digests("a", "b")
    headline, both = change(before, digests("x", "b")), change(before, digests("x", "y"))
    assert headline is not None
    assert both is not None
    assert (headline.kind, headline.fields) == ("headline", ("headline",))
    assert (both.kind, both.fields) == ("substantive", ("headline", "text"))
