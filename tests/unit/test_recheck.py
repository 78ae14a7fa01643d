"""Which articles are looked at again, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jobs.article import Article
from jobs.errors import Reason
from jobs.page import Page
from jobs.recheck import worthwhile
from worker.golden.articles import events
from worker.recheck import times_s

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def article(**fields: Any) -> Article:
    return Article.model_validate(events()["published"]["data"]).model_copy(update=fields)


def page(refused: str = "") -> Page:
    return Page("https://a.test/", "https://a.test/", 200, b"", "text/html", 0, refused=refused)


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ("2026-03-04T13:00:00+01:00", True),
        ("2026-03-02", True),
        ("2026-02-28T08:00:00Z", False),
        ("2019-01-01", False),
        ("2026-03-05T00:00:00Z", True),
        ("2026-02-30", True),
        (None, True),
    ],
)
def test_news_is_looked_at_again(published: str | None, expected: bool) -> None:
    """By its own date, else by our first sight of it; a date that is none harms nobody."""
    assert worthwhile(article(published=published), page(), NOW) == expected


def test_what_its_feed_says_alone_is_not() -> None:
    """Its page can't be had, and would be asked for in vain."""
    assert not worthwhile(article(published="2026-03-04"), page(Reason.PAYWALL), NOW)


@pytest.mark.parametrize(
    ("setting", "seconds"),
    [("1h,6h,24h", [3600, 21_600, 86_400]), ("2d, 30m,30m", [1800, 172_800]), ("off", []), ("10s", [10])],
)
def test_times_are_written_as_people_write_them(setting: str, seconds: list[int]) -> None:
    """In any order, each once; off for none."""
    assert times_s(setting) == seconds
