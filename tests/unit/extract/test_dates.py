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


UTC_META = '<meta property="article:published_time" content="2024-03-01T18:30:00+00:00">'


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("March 2, 2024 — 5.30am", "2024-03-02T05:30:00+11:00"),
        ("1 March 2024, 19:30 Uhr", "2024-03-01T19:30:00+01:00"),
        ("March 1, 2024 1:30 p.m. ET", "2024-03-01T13:30:00-05:00"),
        ('<time datetime="2024-03-01T13:30:00-05:00">Friday</time>', "2024-03-01T13:30:00-05:00"),
        ("March 1, 2024", "2024-03-01T18:30:00+00:00"),
        ("March 1, 2024 18:30", "2024-03-01T18:30:00+00:00"),
        ("March 1, 2024 11:17", "2024-03-01T18:30:00+00:00"),  # of something else
        ("March 1, 2024 6:30", "2024-03-01T18:30:00+00:00"),  # half a day off: a clock without “pm”
        ("March 1, 2024 at 8:30 PM GMT+2", "2024-03-01T18:30:00+00:00"),  # the clock of who fetched it
    ],
)
def test_the_publishers_offset(line: str, expected: str) -> None:
    """A moment that is given in UTC gets the offset at which readers see it, or other evidence has it."""
    draft = extracted(UTC_META, f"<article><h1>A bridge</h1><p>{line}</p>{BODY}</article>")
    assert draft.published == expected


@pytest.mark.parametrize(
    ("line", "published", "modified"),
    [
        ("<p>Updated May 3, 2024</p>", None, "2024-05-03"),
        ('<p>Updated <time datetime="2024-05-03">3 May</time></p>', None, "2024-05-03"),
        ('<time itemprop="dateModified" datetime="2024-05-03">3 May</time>', None, "2024-05-03"),
        ('<time class="updated" datetime="2024-05-03">Aktualisiert am 3. Mai</time>', None, "2024-05-03"),
        ('<time class="entry-date published updated" datetime="2024-05-03">x</time>', "2024-05-03", None),
        ("<p>Published on 05/23/24</p>", "2024-05-23", None),
        ("<p>Published on 05/04/24</p>", None, None),
    ],
)
def test_the_date_of_a_change_is_not_that_of_publication(
    line: str, published: str | None, modified: str | None
) -> None:
    """A page that only says when it was updated has no date of publication: they differ too often."""
    draft = extracted("", f"<article><h1>A bridge</h1>{line}{BODY}</article>")
    assert (draft.published, draft.modified) == (published, modified)


@pytest.mark.parametrize(
    ("body", "published"),
    [
        ('<h3>Published</h3><p><time datetime="2024-05-03">x</time></p>', "2024-05-03"),
        ('<aside class="post-meta"><time datetime="2024-05-03">x</time></aside>', "2024-05-03"),
        ('<p><time datetime="2024-05-03">x</time></p>', None),  # nothing says whose it is
        ('<header class="blog"><time datetime="2024-05-03">x</time></header>', None),  # the page's clock
        (
            '<p class="post"><time datetime="2024-05-03">x</time><time datetime="2024-05-04">x</time></p>',
            None,
        ),
        ('<div id="comment-7"><p class="post"><time datetime="2024-05-03">x</time></p></div>', None),
        ('<ul class="posts"><li><time datetime="2024-05-03">x</time></li></ul>', None),
    ],
)
def test_the_only_time_of_a_page(body: str, published: str | None) -> None:
    """Where nothing else tells, and it is marked as an article's: not the clock, a comment's, a list's."""
    assert extracted("", f"<h2>A bridge</h2><div>{BODY}</div>{body}").published == published


def test_no_evidence_from_the_future() -> None:
    """Whoever says it: a date after now is no date, and the next evidence is asked."""
    ahead = '<meta property="article:published_time" content="2031-03-01T08:00:00+01:00">'
    assert extracted(ahead, TIME).published == "2024-03-01"
    late = f"<article><h1>A</h1><p>May 3, 2031</p>{BODY}</article>"
    assert extracted(ahead, late, Entry("", published="2030-01-01")).published is None


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
        ("https://e.org/2024/mar/01/bridge", "2024-03-01"),
        ("https://e.org/2024/foo/01/bridge", None),
        ("https://e.org/2024/03/16-new-bridges", None),
        ("https://e.org/2024-03-16-new-bridges", "2024-03-16"),
        ("https://e.org/1234202403011234", None),
        ("https://e.org/2024/13/01/bridge", None),
        (None, None),
    ],
)
def test_date_in_url(url: str | None, expected: str | None) -> None:
    """The day that a site files an article under; not any eight digits."""
    assert date_in_url(url) == expected
