"""The text: paragraphs, lists, quotes and tables in order, without what stands around."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jobs.extract import extract
from jobs.extract.clean import clean, paragraphs
from jobs.words import count_words

LONG = "The council met on Monday evening to talk about the new bridge over the river, number {}."


def test_structure_is_kept_in_order() -> None:
    """Headings, lists, quotes and tables stay where they were, a blank line between paragraphs."""
    body = "".join(f"<p>{LONG.format(i)}</p>" for i in range(3))
    page = f"""<html><body><article><h1>A bridge</h1>{body}<h2>What comes</h2><ul><li>a road to the north</li>
    <li>a road to the south</li></ul><blockquote><p>“We need it.”</p></blockquote>
    <table><tr><th>Year</th><th>Cost</th></tr><tr><td>2024</td><td>5</td></tr></table><p>{LONG.format(9)}</p>
    </article></body></html>"""
    parts = extract(page.encode(), url=None).text.split("\n\n")
    assert parts[:3] == [LONG.format(i) for i in range(3)]
    assert parts[3:6] == ["What comes", "- a road to the north\n- a road to the south", "“We need it.”"]
    assert parts[-1] == LONG.format(9)
    assert "2024 | 5" in parts


@pytest.mark.parametrize(
    "line",
    ["- Advertisement -", "ADVERTISEMENT", "Anzeige", "Story continues below advertisement",
     "Skip to content", "Share this article", "Read more", "— Publicité —"],
)  # fmt: skip
def test_lines_that_are_not_the_article_go(line: str) -> None:
    """Adverts and furniture, in several languages, wherever they stand."""
    assert clean(["One.", line, "Two."], None) == ["One.", "Two."]


@pytest.mark.parametrize(
    "line",
    ["Read more: Museum lends statues", "RELATED: River levels fall again", "Lire aussi : Le pont",
     "Lees ook: De brug", "Sign up for our free daily newsletter!",
     "Get the news in your inbox. Subscribe to the Times’s newsletters.",
     "For more of the town, please sign up for our newsletter.", "Jetzt abonnieren: den täglichen Newsletter",
     "- Inscrivez-vous à notre newsletter", "Читайте также: мост"],
)  # fmt: skip
def test_pointers_and_invitations_go(line: str) -> None:
    """“Read more: …” and what asks readers to take the newsletter, in several languages."""
    assert clean(["One.", line, "Two."], None) == ["One.", "Two."]


@pytest.mark.parametrize(
    "line",
    ["Read more about it in the report.", "Our newsletter was read by 1,000 people.",
     "More: that is what he asked for, and what he was not given by the council, or the mayor, or by anybody "
     "else in the town.", "Twelve people signed up for my newsletter in the past week.",
     "He asked them to subscribe to the plan.",
     "You could find this in your inbox, the ministry said.", "Related crimes: the police counted three."],
)  # fmt: skip
def test_sentences_about_them_stay(line: str) -> None:
    """A sentence that only speaks of newsletters, of reading or of more stays."""
    assert clean(["One.", line, "Two."], None) == ["One.", line, "Two."]


def test_readings_stay_in_their_line() -> None:
    """How a name is read, set above it (ruby), is a part of its sentence, as its brackets are."""
    name = "<ruby><rb>尹錫悦</rb><rp>（</rp><rt>ユンソンニョル</rt><rp>）</rp></ruby>"
    text = f"韓国の{name}大統領は三日夜、緊急談話を出し、野党が国政をまひさせているとして非常戒厳を宣言した。"
    page = f"<html lang=ja><body><article><h1>韓国</h1>{f'<p>{text}</p>' * 1}<p>{'市議会は月曜日に橋の話をした。' * 3}</p></article></body></html>"  # noqa: E501 - a page
    assert "韓国の尹錫悦（ユンソンニョル）大統領は" in extract(page.encode(), url=None).text


def test_captions_are_apart() -> None:
    """A picture's caption goes with the picture, not into the text between its paragraphs."""
    caption = "The old bridge in spring, seen from the mill. Photo: Ines Hold"
    figure = f"<figure><img src='/b.jpg' alt=''><figcaption>{caption}</figcaption></figure>"
    body = LONG.format(1), LONG.format(2), LONG.format(3)
    page = f"<html><body><article><h1>A bridge</h1><p>{body[0]}</p>{figure}<p>{body[1]}</p><p>{body[2]}</p></article></body></html>"  # noqa: E501 - a page
    draft = extract(page.encode(), url="https://www.one.test/2026/11/a-bridge")
    assert draft.text.split("\n\n") == list(body)
    assert [(image.url, image.caption) for image in draft.images] == [("https://www.one.test/b.jpg", caption)]


@pytest.mark.parametrize(
    "line",
    [
        "Advertisement spending rose by 5 percent.",
        "He told the court to read more.",
        "Share prices fell.",
        "Related crimes rose, the police said.",
        "US-China talks resume",
        "UN and EU officials met.",
        "The AFC-UEFA Cup was cancelled.",
        "COVID-19 cases rose.",
        "McDonald said so.",
    ],
)
def test_sentences_stay(line: str) -> None:
    """A line goes for what it says as a whole: a sentence with one of the words stays as it is."""
    assert clean(["One.", line, "Two."], "Headline") == ["One.", line, "Two."]


def test_headline_is_not_repeated() -> None:
    """The headline at the start of the text goes, once; the same words later stay."""
    assert clean(["A bridge!", "One.", "A bridge"], "A bridge") == ["One.", "A bridge"]
    assert clean([], "A bridge") == []


def test_lists_of_other_articles_at_the_end_go() -> None:
    """From their title on, if only teasers follow; a long paragraph after it shows that the text goes on."""
    assert clean(["One.", "Related News", "Museum lends statues", "River falls"], None) == ["One."]
    assert clean(["One.", "Must Read", "A teaser", "x" * 200], None) == ["One.", "A teaser", "x" * 200]


@pytest.mark.parametrize(
    "glued", ["ISIS-AVArmy sappers", "AFP/GETTYArmy sappers", "REUTERS/AP-TNArmy sappers"]
)
def test_credit_run_into_a_paragraph(glued: str) -> None:
    """A photo's credit in capitals, run into the first word, goes."""
    assert clean([glued], None) == ["Army sappers"]


def test_paragraphs() -> None:
    """A blank line between paragraphs, one line end between the items of a list."""
    assert paragraphs(["a", "- b", "- c", "d"]) == "a\n\n- b\n- c\n\nd"
    assert paragraphs([]) == ""


@pytest.mark.parametrize(
    ("text", "words"), [("", 0), ("It's a well-known U.S. bridge.", 5), ("橋の話", 3), ("été 2024 — fin", 3)]
)
def test_words(text: str, words: int) -> None:
    """Words as a reader counts them; an ideograph is one."""
    assert count_words(text) == words


def test_importing_jobs_is_cheap() -> None:
    """Reading an article or building one does not load the extractor: the poller and the CLI rely on it."""
    code = "import sys, jobs.article, jobs.event; sys.exit(bool({'lxml', 'trafilatura'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
