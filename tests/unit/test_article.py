"""The article: what leaves the system about one page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from jobs.article import Article, build_article, rfc3339
from jobs.entry import FeedInfo, Image
from jobs.extract.draft import Draft
from jobs.schema import documents
from jobs.urls import link_id

DOCS = Path(__file__).parents[2] / "docs"
URL = "https://www.example.org/news/bridge?utm_source=rss"
CONTRACT = (
    "id revision url urls source feeds headline summary text word_count authors published modified "
    "first_seen fetched language section tags images agency keyphrases entities places topics duplicate "
    "story change access rights quality provenance timings quotes reading_s extra"
)


def built(draft: Draft | None = None, url: str | None = URL) -> Article:
    return build_article(
        draft or Draft(),
        link_id=link_id(URL),
        revision=2,
        url_found=url,
        final_url=url,
        feeds=[FeedInfo("f1", "https://user:pw@www.example.org/rss?token=s3cret", "News")],
        first_seen_ms=1_700_000_000_123,
        fetched_ms=1_700_000_001_000,
        emitted_ms=1_700_000_002_123,
        fetch_ms=80,
    )


def test_every_field_of_the_contract_exists_in_its_order() -> None:
    """Consumers find every field, whatever was found: null for a value, an empty list for a list."""
    data = built().model_dump(mode="json")
    assert " ".join(data) == CONTRACT
    lists = {k: v for k, v in data.items() if isinstance(v, list)}
    assert set(lists) == {
        "feeds",
        "authors",
        "tags",
        "images",
        "keyphrases",
        "entities",
        "places",
        "topics",
        "quotes",
    }
    assert data["headline"] is None


def test_built_from_a_draft() -> None:
    """What was found, and our own identity and times beside it."""
    draft = Draft(
        headline="A bridge",
        text="It stands.",
        word_count=2,
        authors=("Newsroom staff",),
        published="2023-11-14T08:00:00+01:00",
        images=(Image("https://www.example.org/b.jpg", "The bridge"),),
        canonical="https://www.example.org/news/bridge",
        site_name="Example",
        score=0.6,
        issues=("short",),
        provenance={"headline": "json-ld", "authors": "feed"},
        took_ms=40,
    )
    data = built(draft).model_dump(mode="json")
    assert data["id"] == link_id(URL)
    assert data["url"] == "https://www.example.org/news/bridge"
    assert data["urls"] == {"found": URL, "final": URL, "canonical": "https://www.example.org/news/bridge"}
    assert data["source"] == {"name": "Example", "domain": "example.org"}
    assert data["images"] == [{"url": "https://www.example.org/b.jpg", "caption": "The bridge"}]
    assert data["quality"] == {"score": 0.6, "issues": ["short"]}
    assert data["provenance"] == {"authors": "feed", "headline": "json-ld"}
    assert data["timings"] == {
        "published": "2023-11-14T08:00:00+01:00",
        "seen": "2023-11-14T22:13:20.123Z",
        "fetched": "2023-11-14T22:13:21.000Z",
        "emitted": "2023-11-14T22:13:22.123Z",
        "fetch_ms": 80,
        "extract_ms": 40,
        "total_ms": 2000,
    }


def test_feed_urls_leave_without_secrets() -> None:
    """User-info and tokens in a feed's URL are nobody's business but ours."""
    (feed,) = built().feeds
    assert "s3cret" not in feed.url
    assert "pw" not in feed.url
    assert feed.url.startswith("https://www.example.org/rss")


def test_an_article_without_a_url_has_none() -> None:
    """A file without a URL is extracted all the same."""
    article = built(url=None)
    assert (article.url, article.source.domain, article.urls.found) == (None, None, None)


@pytest.mark.parametrize(
    "published", ["2024-03-01", "2024-03-01T10:00:00+05:30", "2024-03-01T10:00:00Z", None]
)
def test_publishers_times_that_are_allowed(published: str | None) -> None:
    """A date, or RFC 3339 with the publisher's offset."""
    assert built(Draft(published=published)).published == published


@pytest.mark.parametrize("published", ["1 March 2024", "2024-03-01T10:00:00", "2024-03", ""])
def test_publishers_times_that_are_not(published: str) -> None:
    """A time without an offset could be any; what is not a date is none."""
    with pytest.raises(ValidationError, match="published"):
        built(Draft(published=published))


def test_our_times_are_utc_with_milliseconds() -> None:
    """RFC 3339, always in the same form, so that they sort as text."""
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"


def test_what_is_written_fits_the_schema() -> None:
    """The checked-in schema accepts what the model writes, and refuses an article that lacks a field."""
    validator = Draft202012Validator(json.loads((DOCS / "schema/article.v1.json").read_text()))
    data = built().model_dump(mode="json")
    validator.validate(data)
    del data["authors"]
    assert not validator.is_valid(data)


@pytest.mark.parametrize("name", documents())
def test_generated_documents_are_current(name: str) -> None:
    """Schema, AsyncAPI and the consumer's page say what the models say (`python -m jobs.schema docs`)."""
    assert (DOCS / name).read_text(encoding="utf-8") == documents()[name]
