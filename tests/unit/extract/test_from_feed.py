"""The article from the feed's own content: where there is no page, and where the page says less."""

from __future__ import annotations

import json

import pytest

from jobs.entry import Entry, Image
from jobs.errors import Permanent, Reason
from jobs.extract import Draft
from jobs.extract.from_feed import drafted
from jobs.extract.limits import MAX_TAGS
from jobs.extract.quality import FROM_FEED
from jobs.page import Page

URL = "https://www.one.test/2026/11/ferry"
PARAGRAPHS = [
    "The ferry left the harbour at dawn with forty passengers and a cargo of salt, two hours late.",
    "Its captain had waited for the fog to lift, which it did not do before the church bells rang for seven.",
    "On the island the market could not begin, since half of its traders were on board.",
    "The harbour master said that a second boat was to be had, if the council found the money.",
    "Nobody was hurt, he added, and the salt stayed dry, which is more than could be said of the passengers.",
    "The next crossing is on Tuesday, and those who were left behind may travel for nothing.",
]
WHOLE = "".join(f"<p>{text}</p>" for text in PARAGRAPHS)
ENTRY = Entry(
    URL,
    title="Fog holds up the ferry",
    summary="The ferry left two hours late.",
    content=WHOLE,
    authors=("Ines Hold",),
    published="2026-11-20T08:00:00+01:00",
    images=(Image("https://www.one.test/fog.jpg"),),
)


def refused(entry: Entry | None = ENTRY, reason: Reason = Reason.FORBIDDEN) -> Page:
    return Page(URL, URL, 0, b"", "", 1, refused=reason, entry=entry)


def served(*paragraphs: str, entry: Entry | None = ENTRY, head: str = "", title: str = "Fog") -> Page:
    text = "".join(f"<p>{one}</p>" for one in paragraphs)
    top = f"<html><head><title>{title}</title>{head}</head>"
    html = f"{top}<body><article><h1>{title}</h1>{text}</article></body></html>"
    return Page(URL, URL, 200, html.encode(), "text/html", 1, entry=entry)


def is_feeds(draft: Draft) -> bool:
    """Is its text the feed's, and said to be?"""
    said = draft.provenance.get("text") == "feed" and FROM_FEED in draft.issues
    assert said == (draft.text == "\n\n".join(PARAGRAPHS))
    return said


def test_without_a_page_the_feed_speaks() -> None:
    """Text, headline, authors, date and pictures are the feed's, and provenance says so throughout."""
    draft = drafted(refused())
    assert is_feeds(draft)
    assert (draft.headline, draft.authors) == ("Fog holds up the ferry", ("Ines Hold",))
    assert draft.published == "2026-11-20T08:00:00+01:00"
    assert [image.url for image in draft.images] == ["https://www.one.test/fog.jpg"]
    assert not {"html", "json-ld", "meta"} & set(draft.provenance.values())
    assert draft.skip is None
    assert 0 < draft.score < 1


@pytest.mark.parametrize(
    "entry", [None, Entry(URL, content="<img src='/a.png'>")], ids=["no entry", "no text"]
)
def test_nothing_to_say(entry: Entry | None) -> None:
    """Then the link ends for the reason for which there is no page."""
    with pytest.raises(Permanent) as error:
        drafted(refused(entry, Reason.PAYWALL))
    assert error.value.reason is Reason.PAYWALL


def test_a_page_that_is_only_the_beginning() -> None:
    """The feed's text, the page's metadata; what was odd about the page's text is forgotten."""
    said = json.dumps({"@type": "NewsArticle", "isAccessibleForFree": False})
    head = f"<script type='application/ld+json'>{said}</script>"
    draft = drafted(served(*PARAGRAPHS[:2], head=head))
    assert is_feeds(draft)
    assert draft.access == "paywall"
    assert not {"paywall", "short", "truncated"} & set(draft.issues)


def test_a_page_that_says_as_much() -> None:
    """It is the page's text then."""
    assert not is_feeds(drafted(served(*PARAGRAPHS[:5])))


def test_a_page_that_says_something_else() -> None:
    """A short text that is not in the feed's is another text: the page's own, newer perhaps."""
    other = (
        "The crossing was cancelled after all, because the storm that had been forecast came a day early. "
        * 2
    )
    draft = drafted(served(other))
    assert not is_feeds(draft)
    assert draft.text.startswith("The crossing was cancelled")


@pytest.mark.parametrize(
    "content", [None, WHOLE[:-5] + "…</p>", "<p>Short.</p>"], ids=["none", "cut", "short"]
)
def test_a_feed_that_is_not_whole(content: str | None) -> None:
    """It never speaks for a page."""
    draft = drafted(served(PARAGRAPHS[0], entry=Entry(URL, content=content)))
    assert draft.text == PARAGRAPHS[0]


def test_a_page_without_text() -> None:
    """It needs a script to show its text, or pay: the feed has it."""
    assert is_feeds(drafted(served()))
    assert drafted(served(entry=None)).skip is Reason.NO_TEXT


def test_an_error_page_stays_one() -> None:
    """The publisher took it down, or never put it up: what the feed had is not published."""
    assert drafted(served("Sorry.", title="Page not found")).skip is Reason.SOFT_NOT_FOUND


def test_a_page_that_is_too_complex() -> None:
    """The feed's content may be had all the same."""
    page = served(*["<i>x</i>"] * (MAX_TAGS // 2 + 1))
    assert is_feeds(drafted(page))
    with pytest.raises(Permanent) as error:
        drafted(Page(URL, URL, 200, page.body, "text/html", 1))
    assert error.value.reason is Reason.TOO_COMPLEX


HOSTILE = {
    "closing tags": f"</article></body></html>{WHOLE}",
    "scripts": f"<script>alert(1)</script>{WHOLE}<img src=x onerror=alert(1)>",
    "metadata of another": f"<base href='https://evil.test/'><link rel=canonical href='https://evil.test/'>{WHOLE}",
    "WordPress": f"{WHOLE}<p>The post <a href='/a'>Fog</a> appeared first on <a href='/'>One</a>.</p>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_content(name: str) -> None:
    """It goes through the extraction as a page does: nothing of markup is left, no other site's address."""
    draft = drafted(refused(Entry(URL, title="Fog", content=HOSTILE[name])))
    assert is_feeds(draft)
    assert draft.canonical is None


@pytest.mark.parametrize(
    "bomb",
    ["<i>" * (MAX_TAGS + 1), "<div>" * 20_000, f"<p {'a=1 ' * 3000}>"],
    ids=["tags", "depth", "attributes"],
)
def test_complex_content(bomb: str) -> None:
    """Its limits are those of pages."""
    with pytest.raises(Permanent) as error:
        drafted(refused(Entry(URL, content=WHOLE + bomb)))
    assert error.value.reason is Reason.TOO_COMPLEX
