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
    ],
)
def test_what_looks_like_a_name(text: str, so: bool) -> None:
    """A few capitalised words without digits."""
    assert is_name(text) is so


@pytest.mark.parametrize(
    ("body", "headline"),
    [
        ("<h1>Example News</h1><h1>A bridge for all of us</h1>", "A bridge for all of us"),
        ("<h1>Opinion A bridge for all of us</h1>", "A bridge for all of us"),
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
