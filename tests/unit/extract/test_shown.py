"""What readers see at the headline: dates in words, bylines, and which heading is the headline."""

from __future__ import annotations

import lxml.html
import pytest

from jobs.entry import Entry
from jobs.extract import extract
from jobs.extract.shown_byline import is_name, shown_names
from jobs.extract.shown_date import Shown, in_words, month, shown

TEXT = (
    "<p>The council voted on the new bridge after a long night of talks with people who live there.</p>" * 4
)


def heading(page: str):  # type: ignore[no-untyped-def]  # lxml has no types
    return lxml.html.document_fromstring(page).find(".//h1")


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("Published on Oct 21, 2025", None, "2025-10-21"),
        ("By Maria Muster • March 3rd, 2024", None, "2024-03-03"),
        ("3. März 2024, 10:15 Uhr", "de", "2024-03-03"),
        ("le 1er août 2023 à 10h", "fr", "2023-08-01"),
        ("21 de diciembre de 2023", "es", "2023-12-21"),
        ("17.05.2021", None, "2021-05-17"),
        ("2025/12/19 8:00", "ja", "2025-12-19"),
        ("2024年3月1日 10時", "ja", "2024-03-01"),
        ("12 listopada 2023", "pl", "2023-11-12"),
        ("12. listopada 2023.", "hr", "2023-10-12"),
        ("31/12/2023", None, "2023-12-31"),
        ("12/31/2023", "en-US", "2023-12-31"),
        ("12/31/23", None, "2023-12-31"),
        ("12/11/23", None, None),
        ("2023 Dec 31", None, "2023-12-31"),
        ("Do 31.12.23 | 14:07 Uhr", None, "2023-12-31"),
        ("Version 31.12.23.4", None, None),
        ("05/04/2023", "fr", "2023-04-05"),
        ("05/04/2023", "en", None),
        ("May 40, 2023", None, None),
        ("Room 2023, floor 12", None, None),
        (
            "As she told us on 3 March 2021 the council had never talked about the bridge in public",
            None,
            None,
        ),
    ],
)
def test_dates_in_words(text: str, language: str | None, day: str | None) -> None:
    """Many languages and orders are read; where day and month may be mixed up, no date is better."""
    assert in_words(text, language) == day


def test_months_that_mean_another_elsewhere() -> None:
    """Without the page's language such a name is no evidence."""
    assert (month("listopad", "cs"), month("listopad", "hr"), month("listopad")) == (11, 10, None)
    assert month("Sept.") == month("septembre") == 9


@pytest.mark.parametrize(
    ("page", "dates"),
    [
        (f"<h1>A bridge</h1><p>By Maria Muster</p><p>May 3, 2024</p>{TEXT}", Shown("2024-05-03")),
        (f"<h1>A bridge</h1><span>Updated:</span> <b>May 4, 2024</b>{TEXT}", Shown(None, "2024-05-04")),
        (
            f"<h1>A bridge</h1><p>Published May 3, 2024</p><p>Updated May 4, 2024</p>{TEXT}",
            Shown("2024-05-03", "2024-05-04"),
        ),
        (f"<main><div><p>May 3, 2024</p><h1>A bridge</h1></div>{TEXT}</main>", Shown("2024-05-03")),
        (f"<main><div><p>Friday, May 3, 2024</p><h1>A bridge</h1></div>{TEXT}</main>", Shown()),
        (f"<p>May 3, 2024</p><h1>A bridge</h1>{TEXT}", Shown()),
        (f"<h1>A bridge</h1><p>The old bridge of the town in fog, May 3, 2023</p>{TEXT}", Shown()),
        (
            f"<h1>A bridge</h1><p>By Maria Muster and Ada Beispiel, our writers, May 3, 2024</p>{TEXT}",
            Shown("2024-05-03"),
        ),
        (f"<h1>A bridge</h1>{TEXT * 9}<p>May 3, 2024</p>", Shown()),
        (f"<h1>A bridge</h1><aside>May 3, 2024</aside><script>May 3, 2024</script>{TEXT}", Shown()),
    ],
)
def test_dates_at_the_headline(page: str, dates: Shown) -> None:
    """The line at the headline counts; the page's clock, the text, what stands aside or after it do not."""
    assert shown(heading(page), "en") == dates


def test_a_page_nested_deeper_than_python_goes() -> None:
    """Deep markup costs no recursion."""
    deep = f"{'<div>' * 2000}<p>May 3, 2024</p>{'</div>' * 2000}"
    parser = lxml.html.HTMLParser(huge_tree=True)
    page = lxml.html.document_fromstring(f"<main><h1>A bridge</h1>{deep}</main>", parser=parser)
    assert shown(page.find(".//h1"), None) == Shown("2024-05-03")


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ('<a rel="author" href="/x">Maria Muster</a>', ["Maria Muster"]),
        ('By <a href="/staff/mm-12">Maria Muster</a>', ["Maria Muster"]),
        ('<a href="/author/ada">Ada Beispiel</a> and <a href="/author/mm-1">Maria Muster</a>',
         ["Ada Beispiel", "Maria Muster"]),
        ('<a href="/author/ada">Ada Beispiel</a> <p>Our senior editor has looked at it</p>'
         '<a href="/author/mm-1">Maria Muster</a>', ["Ada Beispiel"]),
        ("<p>Written by Maria Muster</p>", ["Maria Muster"]),
        ("<p>By</p><p>Maria van der Muster</p>", ["Maria van der Muster"]),
        ('<div class="post-author">Maria Muster</div>', ["Maria Muster"]),
        ("<p>By the way, nobody asked</p>", []),
        ('<div class="author">Read all about the bridge</div>', []),
        ("<p>Maria Muster</p>", []),
    ],
)  # fmt: skip
def test_bylines(line: str, names: list[str]) -> None:
    """Names that are marked as the author's, else those after a “By”; a name alone may be anybody's."""
    assert shown_names(heading(f"<main><h1>A bridge</h1>{line}{TEXT}</main>")) == names


@pytest.mark.parametrize(
    ("text", "so"),
    [
        ("Maria Muster", True),
        ("J. R. Muster", True),
        ("Maria van der Muster", True),
        ("牛镛 岳弘彬", True),
        ("Share this", False),
        ("Muster", False),
        ("Room 12", False),
        ("Publié le", False),
        ("Von der", False),
    ],
)
def test_what_looks_like_a_name(text: str, so: bool) -> None:
    """A few capitalised words without digits."""
    assert is_name(text) is so


@pytest.mark.parametrize(
    ("head", "body", "headline"),
    [
        # Readers see it in other words than search engines.
        ("Get a bridge for all of us today", "<h1>A bridge for all of us</h1>", "A bridge for all of us"),
        # What heads the page's lists comes after it.
        ("Where to cross the river in town",
         "<h1>The best ways to cross the river in town</h1><h1>Where to swim in the river in town</h1>",
         "The best ways to cross the river in town"),
        # The h1 is the site's, a section's, or of something else altogether.
        ("A bridge for all of us", "<h1>Our Blog</h1><h3>A bridge for all of us, at last</h3>",
         "A bridge for all of us, at last"),
        ("A bridge for all of us",
         "<h3>A bridge for all of us!</h3><h1>A word from our founder, Ms Muster:</h1>",
         "A bridge for all of us!"),
        ("Example! A bridge for all of us", "<h1>Pulse!</h1><h2>A bridge for all of us</h2>",
         "A bridge for all of us"),
        ("The lean bridge", "<h1>Lessons of Example</h1>", "The lean bridge"),
        # No h1 at all.
        ("7 ways to cross a river safely", "<h2>7 ways to help you cross a river safely</h2>",
         "7 ways to help you cross a river safely"),
        ("A bridge for all of us", "<h2>Another story of another day</h2>", "A bridge for all of us"),
        # Two words are a headline, too.
        ("Bridges: what they cost low-income families", "<h1>Affordable bridges</h1>", "Affordable bridges"),
    ],
)  # fmt: skip
def test_which_heading_it_is(head: str, body: str, headline: str) -> None:
    """The headline is what readers see over the text, wherever the markup has it."""
    meta = f'<meta property="og:title" content="{head}"><meta name="twitter:title" content="{head}">'
    title = f"Lessons of Example: {head}"
    page = f"<html><head>{meta}<title>{title}</title></head><body>{body}{TEXT}</body></html>"
    assert extract(page.encode(), url="https://example.org/blog/a/b").headline == headline


def test_a_kicker_goes_by_most() -> None:
    """“Kenya:” before the headline stays where feed, meta tags and title all have it, and else goes."""
    title = "Kenya: A bridge for all of us"
    head = f'<meta property="og:title" content="{title}"><title>{title}</title>'
    page = f"<html><head>{head}</head><body><h1>A bridge for all of us</h1>{TEXT}</body></html>".encode()
    assert extract(page, url="https://e.org/a", entry=Entry("", title=title)).headline == title
    assert extract(page, url="https://e.org/a", entry=Entry("", title=title[7:])).headline == title[7:]


@pytest.mark.parametrize(
    ("title", "headline"),
    [
        ("A bridge for all of us | District", "A bridge for all of us"),
        ("A bridge for all of us | City Life | Example News", "A bridge for all of us"),
        ("District | A bridge for all of us", "A bridge for all of us"),
        ("A bridge for all of us - District - Example News", "A bridge for all of us"),
        ("Example News: A bridge for all of us", "Example News: A bridge for all of us"),
        ("District – a bridge for all of us", "District – a bridge for all of us"),
        ("A bridge for all of us | Analysis", "A bridge for all of us | Analysis"),
        ("A bridge | District", "A bridge | District"),
    ],
)
def test_headline_without_its_section(title: str, headline: str) -> None:
    """What the page's URL or markup files it under goes after a separator; a topic before a dash stays."""
    head = (
        f'<title>{title}</title><meta property="og:site_name" content="Example News">'
        '<meta property="article:section" content="City Life">'
    )
    page = f"<html><head>{head}</head><body>{TEXT}</body></html>"
    assert extract(page.encode(), url="https://example.org/district/343604").headline == headline


@pytest.mark.parametrize(
    ("body", "headline"),
    [
        ("<h1>Example News</h1><h1>A bridge for all of us</h1>", "A bridge for all of us"),
        ("<h1><span>Opinion</span> A bridge for all of us</h1>", "A bridge for all of us"),
        ("<h1>Now A bridge for all of us</h1>", "Now A bridge for all of us"),
        ("<h1>The bridge</h1><h2>A bridge for all of us, they say</h2>", "The bridge"),
        ("<h1>All of us may have a bridge</h1>", "All of us may have a bridge"),
        ("<h1>World</h1><h1>Most read</h1>", "A bridge for all of us"),
    ],
)
def test_the_headline_is_the_one_that_readers_see(body: str, headline: str) -> None:
    """Among several headings the one that resembles what else may be the headline, without its kicker."""
    head = (
        '<meta property="og:title" content="A bridge for all of us"><title>A bridge for all of us</title>'
        '<meta property="og:site_name" content="Example News">'
    )
    page = f"<html><head>{head}</head><body>{body}{TEXT}</body></html>"
    assert extract(page.encode(), url="https://example.org/a", entry=Entry("")).headline == headline
