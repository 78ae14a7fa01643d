"""Who wrote it: persons by their full names; groups and a person's own site only where no person signs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.entry import Entry
from jobs.extract import Draft, extract
from jobs.extract.authors import byline

BODY = "<p>The council met on Monday evening to talk about the new bridge over the river.</p>" * 3
# A hundred different words: with fewer a page does not tell whether a name is made of words.
LONG = (
    "<p>"
    + " ".join(f"{a}{b}" for a in ("ba", "de", "fi", "go", "lu") * 5 for b in "kmnprstvxyz"[:5])
    + "</p>"
)
LONG += (
    "<p>"
    + " ".join(f"{a}{b}o" for a in ("ba", "de", "fi", "go", "lu", "mi") for b in "cdfghjklmnpqrstvw")
    + "</p>"
)
SENTENCE = (
    "It says in a sentence or two what the whole of the article is about, and it says no less than that."
)
ADA = "<a href='/staff/ada'>Ada Beispiel</a>"
SITE = '<meta property="og:site_name" content="Example News">'


def extracted(head: str = SITE, body: str = BODY, entry: Entry | None = None, **ld: Any) -> Draft:
    if ld:
        head += f'<script type="application/ld+json">{json.dumps(ld)}</script>'
    page = f"<html><head>{head}</head><body><article><h1>A bridge</h1>{body}</article></body></html>"
    return extract(page.encode(), url="https://www.example.org/news/bridge", entry=entry)


def signed(author: Any, head: str = SITE, body: str = BODY) -> tuple[str, ...]:
    described: dict[str, Any] = {"@type": "NewsArticle", "author": author}
    return extracted(head, body, **described).authors


def labelled(label: str, value: str) -> str:
    return f'<meta name="twitter:label1" content="{label}"><meta name="twitter:data1" content="{value}">'


@pytest.mark.parametrize(
    ("value", "authors"),
    [
        ("By Maria Muster and Ada Beispiel", ("Maria Muster", "Ada Beispiel")),
        ("Von Maria Muster und Ada Beispiel", ("Maria Muster", "Ada Beispiel")),
        ("Par Marie Modèle et Jean Exemple", ("Marie Modèle", "Jean Exemple")),
        ("Por María Ejemplo y Juan Muestra", ("María Ejemplo", "Juan Muestra")),
        ("Di Maria Esempio e Carlo Prova", ("Maria Esempio", "Carlo Prova")),
        ("Escrito por María Ejemplo", ("María Ejemplo",)),
        ("Door Jan Voorbeeld en Eva van der Proef", ("Jan Voorbeeld", "Eva van der Proef")),
        ("Автор: Мария Образцова", ("Мария Образцова",)),
        ("牛镛、岳弘彬", ("牛镛", "岳弘彬")),
        ("Maria Muster, Senior Political Correspondent", ("Maria Muster",)),
        ("Maria Muster, Frankfurt", ("Maria Muster",)),
        ("Maria Muster, Financial Times", ("Maria Muster",)),
        ("Maria Muster, CEPF®", ("Maria Muster",)),
        ("Maria Muster (maria@example.org)", ("Maria Muster",)),
        ("Tom May", ("Tom May",)),
        ("Maria Muster Dec 20, 2023", ("Maria Muster",)),
        ("Maria Muster Jr.", ("Maria Muster Jr",)),
        ("George T. Muster III", ("George T. Muster III",)),
        ("Maria Muster, Head of Bridges", ("Maria Muster",)),
    ],
)
def test_names_in_one_string(value: str, authors: tuple[str, ...]) -> None:
    """One clean name each, in many languages: no “By”, role, place, paper, credential, e-mail or date."""
    assert byline([value], "Example News").authors == authors


def test_one_word_only_where_no_name_is_whole() -> None:
    """An account's name is little; the byline that readers see says more."""
    line = '<p class="byline">By <a rel="author" href="/authors/mm">Maria Muster</a></p>'
    assert signed("mmuster") == ("mmuster",)
    assert signed("mmuster", body=line + BODY) == ("Maria Muster",)


def test_authors_that_are_only_referred_to() -> None:
    """JSON-LD may give an ``@id`` and the person elsewhere in its graph."""
    person = {"@type": "Person", "@id": "#mm", "name": "Maria Muster"}
    graph: dict[str, Any] = {"@graph": [{"@type": "NewsArticle", "author": [{"@id": "#mm"}]}, person]}
    draft = extracted(**graph)
    assert draft.authors == ("Maria Muster",)


@pytest.mark.parametrize(
    ("author", "authors"),
    [
        ("Gear Team", ("Gear Team",)),
        ("Example News Staff", ("Example News Staff",)),
        ({"@type": "Organization", "name": "Council Newsroom"}, ("Council Newsroom",)),
        ([{"@type": "Person", "name": "Maria Muster"}, {"name": "Gear Team"}], ("Maria Muster",)),
        ("The Council Telegram", ("The Council Telegram",)),
        (["The Council Telegram", "Maria Muster"], ("Maria Muster",)),
        ("Editorial Team", ()),
        ("Staff Writer", ()),
        ("admin", ()),
        ("Example News", ()),
        ({"@type": "Organization", "name": "Example News"}, ()),
        ("example.org", ()),
        ("EXAMPLE", ()),
    ],
)
def test_groups_only_where_no_person_signs(author: Any, authors: tuple[str, ...]) -> None:
    """And never the publisher itself, nor a role that anybody may have."""
    assert signed(author) == authors


@pytest.mark.parametrize(
    ("site", "author", "text", "authors"),
    [
        ("Maria Muster", "Maria Muster", LONG, ("Maria Muster",)),
        ("Quiet Bako", "Quiet Bako", LONG, ()),  # “bako” is a word of its pages
        ("Maria Muster", "Maria Muster", BODY, ()),  # too little text to tell
        ("Daily News", "Daily News", LONG, ()),
        ("Muster", "Muster", LONG, ()),
    ],
)
def test_a_site_that_is_called_like_a_person(
    site: str, author: str, text: str, authors: tuple[str, ...]
) -> None:
    """A person's own site has a person's name; a company's name has words that its pages use."""
    assert signed(author, f'<meta property="og:site_name" content="{site}">', text) == authors


@pytest.mark.parametrize(
    ("head", "authors"),
    [
        (labelled("Written by", "Maria Muster"), ("Maria Muster",)),
        (labelled("Verfasst von", "Maria Muster"), ("Maria Muster",)),
        (labelled("Filed under", "Best Bridges"), ()),
        ('<meta name="author" content="Maria Muster, Ada Beispiel">', ("Maria Muster", "Ada Beispiel")),
        ('<meta property="article:author" content="https://www.facebook.com/example">', ()),
    ],
)  # fmt: skip
def test_meta_tags(head: str, authors: tuple[str, ...]) -> None:
    """Meta tags of many systems, and label and value beside a shared link; an address is no name."""
    assert extracted(head).authors == authors


@pytest.mark.parametrize(
    ("line", "authors"),
    [
        (f"<b>Updated by</b> <a href='/staff/muster'>M. Muster</a> <b>By</b> {ADA}", ("Ada Beispiel",)),
        ("<p>Maria Muster | Senior Writer | July 2, 2025</p>", ("Maria Muster",)),
        ("<p>New York | July 2, 2025</p>", ()),
        (f"<p>{SENTENCE}</p><figcaption><p>{SENTENCE}</p></figcaption><p>By Maria Muster</p>",
         ("Maria Muster",)),
    ],
)  # fmt: skip
def test_bylines_that_readers_see(line: str, authors: tuple[str, ...]) -> None:
    """Behind standfirst and picture, too; who changed it did not write it, and a place is no name."""
    assert extracted(body=line + BODY).authors == authors
