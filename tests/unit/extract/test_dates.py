"""When it was published: from evidence, exactly as precise as given, never from the page's clock."""

from __future__ import annotations

import pytest

from jobs.entry import Entry
from jobs.extract import Draft, extract
from jobs.extract.dates import date_in_url, normalise

NOW_MS = 1_717_200_000_000  # 2024-06-01T00:00:00Z
BODY = "<p>The council met on Monday to talk about the bridge, as it did on 3 March 2021 and before.</p>" * 4


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-03-01", "2024-03-01"),
        ("2024-03-01T10:20:30+02:00", "2024-03-01T10:20:30+02:00"),
        ("2024-03-01T10:20:30.123456Z", "2024-03-01T10:20:30Z"),
        ("2024-03-01T10:20-0500", "2024-03-01T10:20:00-05:00"),
        ("2024-03-01 10:20:30 +0530", "2024-03-01T10:20:30+05:30"),
        ("2024-03-01 10:20:30 UTC", "2024-03-01T10:20:30Z"),
        ("20240301T102030Z", "2024-03-01T10:20:30Z"),
        ("2024/3/1", "2024-03-01"),
        ("Fri, 01 Mar 2024 10:20:30 +0100", "2024-03-01T10:20:30+01:00"),
        ("2024-03-01T10:20:30", "2024-03-01"),  # a time without its offset could be any
        ("2024-03-01T10:20:30+99:00", "2024-03-01"),
        ("2024-06-01", "2024-06-01"),
        ("2024-06-04", None),  # in the future
        ("2024-13-01", None),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (20240301, None),
    ],
)
def test_normalised(written: object, expected: str | None) -> None:
    """A date in our form with the publisher's offset; None for what is no date or can't be true."""
    assert normalise(written, NOW_MS) == expected


def extracted(
    head: str = "", body: str = "", entry: Entry | None = None, url: str = "https://e.org/x"
) -> Draft:
    page = f"<html><head>{head}</head><body>{body}</body></html>"
    return extract(page.encode(), url=url, entry=entry, now_ms=NOW_MS)


META = '<meta property="article:published_time" content="2024-03-01T08:00:00+01:00">'
LD = """<script type="application/ld+json">
{"@type": "NewsArticle", "datePublished": "2024-03-01T09:00:00+01:00"}</script>"""
TIME = '<article><h1>A bridge</h1><time datetime="2024-03-01">1 March</time>' + BODY + "</article>"


@pytest.mark.parametrize(
    ("head", "body", "entry", "origin"),
    [
        (META + LD, TIME, Entry("", published="2024-03-01T10:00:00+01:00"), "feed"),
        (META + LD, TIME, None, "json-ld"),
        (META, TIME, None, "meta"),
        ("", TIME, None, "html"),
    ],
)
def test_most_trusted_first(head: str, body: str, entry: Entry | None, origin: str) -> None:
    """Feed, JSON-LD, meta tags, the article's own time element: the first that has a date is believed."""
    draft = extracted(head, body, entry)
    assert draft.published is not None
    assert (draft.published[:10], draft.provenance["published"]) == ("2024-03-01", origin)


def test_time_of_day_comes_from_who_has_it() -> None:
    """A feed that gives the day only does not hide the time that the page gives for the same day."""
    draft = extracted(META, TIME, Entry("", published="2024-03-01"))
    assert (draft.published, draft.provenance["published"]) == ("2024-03-01T08:00:00+01:00", "meta")


@pytest.mark.parametrize(
    "body",
    [
        f'<header><time datetime="2024-05-31">Friday</time></header><article><h1>A</h1>{BODY}</article>',
        f'<div class="date">Friday, May 31, 2024</div><article><h1>A bridge</h1>{BODY}</article>',
        f'<article><h1>A bridge</h1>{BODY}<aside><time datetime="2024-05-30">x</time></aside></article>',
        f'<article><h1>A</h1>{BODY}<ul><li><time datetime="2024-05-30">x</time></li></ul></article>',
        f'<main><h1>A</h1>{BODY}<article><h3>B</h3><time datetime="2024-05-30">x</time></article></main>',
    ],
)
def test_clocks_and_other_articles_have_no_say(body: str) -> None:
    """The page's clock, dates in the text and the times of teasers are not the article's."""
    assert extracted("", body).published is None


def test_modified_before_published_is_none() -> None:
    """A change before the publication is a mistake of the page."""
    modified = '<meta property="article:modified_time" content="2024-02-01T08:00:00+01:00">'
    assert extracted(META + modified, TIME).modified is None


def test_conflict_is_named() -> None:
    """Evidence that is days apart is not hidden."""
    assert "date_conflict" in extracted(META, TIME, Entry("", published="2024-05-01")).issues
    assert "date_conflict" not in extracted(META + LD, TIME).issues


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://e.org/2024/03/01/bridge", "2024-03-01"),
        ("https://e.org/bridge-20240301.html", "2024-03-01"),
        ("https://e.org/bridge?d=2024-03-01", None),
        ("https://e.org/1234202403011234", None),
        ("https://e.org/2024/13/01/bridge", None),
        (None, None),
    ],
)
def test_date_in_url(url: str | None, expected: str | None) -> None:
    """The day that a site files an article under; not any eight digits."""
    assert date_in_url(url) == expected
