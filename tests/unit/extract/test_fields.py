"""Headline, authors, agency, summary, section, tags, images, canonical URL, language: clean, with origin."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.entry import Entry, Image
from jobs.extract import Draft, extract
from jobs.extract.agency import credited_in, in_dateline
from jobs.extract.authors import byline
from jobs.extract.headline import without_site
from jobs.extract.plain import plain

BODY = (
    "<p>The council met on Monday evening to talk about the new bridge over the river.</p>"
    "<p>The engineers said that it would be ready by the end of the year, in spite of the rain.</p>"
)
URL = "https://www.example.org/news/bridge"


def extracted(head: str = "", body: str = BODY, entry: Entry | None = None, **ld: Any) -> Draft:
    if ld:
        described = json.dumps({"@graph": [{"@type": "WebPage"}, {"@type": ["NewsArticle"], **ld}]})
        head += f'<script type="application/ld+json">{described}</script>'
    page = f'<html lang="en-GB"><head>{head}</head><body><article>{body}</article></body></html>'
    return extract(page.encode(), url=URL, entry=entry)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("A bridge for all | Example News", "A bridge for all"),
        ("A bridge for all - example.org", "A bridge for all"),
        ("Example News: A bridge", "Example News: A bridge"),
        ("Example News » A bridge", "A bridge"),
        ("A bridge – too far", "A bridge – too far"),
        ("A bridge - World | Example News", "A bridge - World"),
        ("Example News", "Example News"),
        ("A-bridge-too-far", "A-bridge-too-far"),
    ],
)
def test_headline_without_the_sites_name(title: str, expected: str) -> None:
    """The site's name goes where a separator sets it off; what else a headline holds stays."""
    assert without_site(title, "Example News", "example.org") == expected


def test_headline_is_what_most_agree_on() -> None:
    """One source that shouts something else does not win against the others."""
    head = '<meta property="og:title" content="A bridge for all"><title>A bridge for all - Example</title>'
    draft = extracted(head, f"<h1>SPECIAL REPORT</h1>{BODY}", Entry(URL, title="A bridge for all"))
    assert (draft.headline, draft.provenance["headline"]) == ("A bridge for all", "feed")


@pytest.mark.parametrize(
    ("values", "authors", "agency"),
    [
        (["By Staffan Example and Maria Muster"], ("Staffan Example", "Maria Muster"), None),
        (["Von Maria Muster, Korrespondentin"], ("Maria Muster",), None),
        (["maria@example.org Maria Muster", "MARIA MUSTER"], ("Maria Muster",), None),
        (["Agence France-Presse"], (), "AFP"),
        (["Maria Muster, dpa"], ("Maria Muster",), "dpa"),
        (["The Associated Press in London"], (), "AP"),
        (["Example News"], (), None),
        (["https://www.facebook.com/example", "admin", "@example", "1234", None, {"a": 1}], (), None),
    ],
)
def test_byline(values: list[Any], authors: tuple[str, ...], agency: str | None) -> None:
    """One clean name each: no “By”, roles, addresses, accounts or site names; agencies apart."""
    found = byline(values, "Example News")
    assert (found.authors, found.agency) == (authors, agency)


def test_authors_from_json_ld_in_all_its_shapes() -> None:
    """An object, a list, a string, several names in one object."""
    author = [
        {"@type": "Person", "name": "Maria Muster"},
        "Staffan Example",
        {"name": ["Ada Beispiel"]},
        None,
    ]
    draft = extracted(author=author)
    assert draft.authors == ("Maria Muster", "Staffan Example", "Ada Beispiel")
    assert draft.provenance["authors"] == "json-ld"


@pytest.mark.parametrize(
    ("text", "agency"),
    [
        ("PARIS (AFP) – The council met.", "AFP"),
        ("LONDON, March 3 (Reuters) - The council met.", "Reuters"),
        ("Berlin/Mainz (dpa/lrs) Der Rat tagte.", "dpa"),
        ("(AP) — The council met.", "AP"),
        ("The council (of elders) - met.", None),
        ("The council met. It agreed with the press (AFP) - or so it said.", None),
    ],
)
def test_agency_in_the_dateline(text: str, agency: str | None) -> None:
    """A dateline names the agency; a bracket in a sentence does not."""
    assert in_dateline(text) == agency


@pytest.mark.parametrize(
    ("text", "agency"),
    [
        ("The bridge is open.\n\nIt cost two million, the council said. (AFP)", "AFP"),
        ("Die Brücke ist offen.\n\ndpa/mm", "dpa"),
        ("The bridge is open.\n\nSource: Reuters", "Reuters"),
        ("“It is open,” she told AFP.\n\n“It held,” an engineer told Agence France-Presse.", "AFP"),
        ("“It is open,” she told AFP.\n\nNobody else spoke.", None),
        ("“It is open,” she told AFP.\n\n“It held,” an engineer told Reuters.", None),
        ("The bridge is open, as Reuters said and AFP denied.\n\nIt cost two million (2.1).", None),
        ("The bridge is open.\n\nThe end.", None),
    ],
)
def test_agency_that_the_text_credits(text: str, agency: str | None) -> None:
    """The end of the text, or that its sources speak to one agency again and again; a quotation is none."""
    assert credited_in(text) == agency


def test_summary_is_whole_and_not_the_headline() -> None:
    """A summary that was cut, or repeats the headline, gives way to one that is whole."""
    head = '<meta name="description" content="The council wants a bridge &amp; a road.">'
    entry = Entry(URL, title="A bridge", summary="The council wants a bridge and …")
    draft = extracted(head, f"<h1>A bridge</h1>{BODY}", entry)
    assert (draft.summary, draft.provenance["summary"]) == ("The council wants a bridge & a road.", "meta")


@pytest.mark.parametrize(
    "name",
    [
        "Uncategorized", "Allgemein", "Nicht kategorisiert", "Non classé", "Sin categoría", "Senza categoria",
        "Sem categoria", "Geen categorie", "Okategoriserad", "Bez kategorii", "Без рубрики", "未分类", "Home",
        "Latest news", "Example News",
    ],
)  # fmt: skip
def test_section_that_says_nothing_is_none(name: str) -> None:
    """“Uncategorized” in any language, “Home” and the site's own name are no sections, nor tags."""
    site = '<meta property="og:site_name" content="Example News">'
    assert extracted(site, articleSection=[name, "Home"]).section is None
    world = extracted(f'{site}<meta property="article:section" content="World">', articleSection=name)
    assert world.section == "World"
    if name != "Example News":
        assert extracted(site, keywords=[name, "Bridges"]).tags == ("Bridges",)


def test_tags() -> None:
    """A list of keywords, or one string of them; each once, whatever its case."""
    assert extracted(keywords="Bridges, rivers; bridges").tags == ("Bridges", "rivers")
    assert extracted(entry=Entry(URL, tags=("Smith, John", "Rivers"))).tags == ("Smith, John", "Rivers")


def test_images_are_absolute_and_the_leading_one_first() -> None:
    """JSON-LD, meta tags and feed name the leading picture; figures bring captions; data: URLs are none."""
    figure = (
        '<h1>A</h1><figure><img src="/b.jpg"><figcaption>The <b>bridge</b></figcaption></figure>'
        '<figure><img src="data:image/gif;base64,R0lGOD"></figure>'
    )
    draft = extracted(body=figure + BODY, image={"@type": "ImageObject", "url": "//img.example.org/a.jpg"})
    lead, second = (
        Image("https://img.example.org/a.jpg"),
        Image("https://www.example.org/b.jpg", "The bridge"),
    )
    assert draft.images == (lead, second)


@pytest.mark.parametrize(
    ("href", "believed"),
    [
        ("/news/the-bridge", "https://www.example.org/news/the-bridge"),
        ("https://m.example.org/news/bridge", "https://m.example.org/news/bridge"),
        ("https://evil.example/news/bridge", None),
        ("https://www.example.org/", None),
        ("https://www.example.org/news/", None),  # a directory, which all its articles would share
        ("https://www.example.org/news?id=7", "https://www.example.org/news?id=7"),
        ("https://other.example.org/home/p-1", None),  # another host, another name
        ("https://www.example.org/amp/news/bridge", None),
        ("https://www.example.org/news/bridge/amp", None),
        ("javascript:alert(1)", None),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_canonical_is_believed_on_its_own_site_only(href: str, believed: str | None) -> None:
    """A page can't pass itself off as another site's, nor as the front page."""
    assert extracted(f'<link rel="canonical" href="{href}">').canonical == believed


def test_canonical_of_amp_and_printed_pages() -> None:
    """The whole page stands for its AMP form, its print form and its second page."""
    for url in ("https://www.example.org/news/bridge/amp", "https://www.example.org/news/bridge/2"):
        page = f'<html><head><link rel="canonical" href="{URL}"></head><body>{BODY}</body></html>'
        assert extract(page.encode(), url=url).canonical == URL


def test_canonical_on_its_own_host_first() -> None:
    """Where two are given, the one on the host that answered is believed."""
    head = '<link rel="canonical" href="https://m.example.org/news/bridge">'
    assert extracted(f'{head}<meta property="og:url" content="{URL}">').canonical == URL


@pytest.mark.parametrize(
    ("value", "access"),
    [(True, "free"), ("False", "paywall"), ("http://schema.org/False", "paywall"), (None, None)],
)
def test_access(value: object, access: str | None) -> None:
    """What the publisher says about paying, in any of the ways it is written."""
    assert extracted(isAccessibleForFree=value).access == access


def test_language_is_the_texts() -> None:
    """The text tells, against what is declared, and the conflict is named; a short text can't tell."""
    german = (
        "<p>Der Rat tagte am Montagabend, um über die neue Brücke über den Fluss zu sprechen.</p>"
        "<p>Die Ingenieure sagten, dass sie trotz des Regens noch in diesem Jahr fertig werde.</p>"
    )
    draft = extracted(body=german)
    assert (draft.language, draft.provenance["language"]) == ("de", "text")
    assert "language_conflict" in draft.issues
    short = extracted(body="<p>Der Rat tagte am Montagabend und sprach über die Brücke.</p>")
    assert (short.language, short.provenance.get("language")) == ("en", "html")


def test_what_a_page_says_is_plain() -> None:
    """No markup, character references, controls, bidirectional overrides or lone surrogates get through."""
    assert (
        plain("A <b>bridge</b> &amp;amp; a\x1b[31m \u202eroad\ud83d \n\n too") == "A bridge & a [31m road too"
    )
    assert plain("1 < 2 and 3 > 2") == "1 < 2 and 3 > 2"
    assert (plain("   "), plain(5), plain(None)) == (None, None, None)
    draft = extracted(headline="Bridge \ud83d\u0000 & <b onclick=x()>a</b> road")
    assert draft.headline == "Bridge & a road"


def test_the_same_page_gives_the_same_draft() -> None:
    """Extraction has no memory: a second time, all but the duration is the same."""
    first, second = extracted(keywords="a, b"), extracted(keywords="a, b")
    assert first.text == second.text
    assert (first.tags, first.provenance, first.score) == (second.tags, second.provenance, second.score)
