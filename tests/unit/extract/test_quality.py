"""The score: how likely a text is the article's, and what is odd about it."""

from __future__ import annotations

from dataclasses import replace

from jobs.extract import extract
from jobs.extract.quality import confidence, issues, score
from jobs.extract.text import ArticleText

GOOD = ArticleText("The council met on Monday. " * 60, agreement=0.95, certainty=0.97, says_article=True)


def test_confidence_follows_what_was_found() -> None:
    """Sure is near one; unsure is less, and so is leaving out much in disagreement; no text is nothing."""
    assert confidence(GOOD) > 0.9
    assert confidence(replace(GOOD, certainty=0.55, says_article=False)) < 0.5
    assert confidence(replace(GOOD, agreement=0.2, taken=0.1, says_article=False)) < 0.5
    assert confidence(replace(GOOD, says_article=False)) < confidence(GOOD)
    assert confidence(replace(GOOD, taken=0.1)) < confidence(GOOD)
    doubtful = replace(GOOD, certainty=0.55)
    assert confidence(replace(doubtful, confirmed=True)) > confidence(doubtful)
    assert confidence(replace(GOOD, text="")) == 0.0


def test_issues_are_named() -> None:
    """Each oddity has its name, and a sound text has none."""
    assert issues(GOOD, 300, "free") == []
    assert issues(replace(GOOD, text=""), 0, None) == ["no_text"]
    assert issues(replace(GOOD, text="And so on …"), 3, "paywall") == ["short", "truncated", "paywall"]
    assert issues(replace(GOOD, text="CafÃ© " * 100), 100, None) == ["encoding"]
    assert issues(replace(GOOD, certainty=0.3), 300, None) == ["uncertain"]
    assert issues(replace(GOOD, linked=0.8), 300, None) == ["listing_page"]
    assert issues(GOOD, 300, None, is_live=True) == ["live_blog"]


def test_issues_lower_the_score() -> None:
    """A score is the confidence and what issues leave of it."""
    assert score([], 0.9) == 0.9
    assert score(["encoding", "short"], 1.0) < score(["short"], 1.0) < 1.0


def test_a_live_blog_says_so() -> None:
    """Told by its own description."""
    entries = "".join(
        f"<h3>1{i}:00</h3><p>The council of the town voted for part {i} of the plan.</p>" for i in range(9)
    )
    head = '<script type="application/ld+json">{"@type": "LiveBlogPosting", "headline": "The vote"}</script>'
    draft = extract(
        f"<html><head>{head}</head><body><main><h1>The vote</h1>{entries}</main></body></html>".encode(),
        url=None,
    )
    assert "live_blog" in draft.issues
    places = [draft.text.index(f"part {i} of") for i in range(9)]
    assert places == sorted(places)
