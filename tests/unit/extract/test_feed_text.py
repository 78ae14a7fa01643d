"""The feed as evidence: its content says which paragraphs belong, and never makes a text worse."""

# ruff: noqa: E501 - pages, and sentences of them, are easier to read in one piece each

from __future__ import annotations

import json
from pathlib import Path

import lxml.html
import pytest

from jobs.entry import Entry
from jobs.extract import extract
from jobs.extract.blocks import Block, blocks
from jobs.extract.choice import Chosen, Read
from jobs.extract.feed_text import BELONGS, FeedText, feed_text, supported
from jobs.extract.text import weighed
from worker.commands.extract_batch import work

URL = "https://www.one.test/2026/11/ferry"
PARAGRAPHS = (
    "The ferry left the harbour at dawn with forty passengers and a cargo of salt, two hours late.",
    "Its captain had waited for the fog to lift, which it did not do before the church bells rang for seven.",
    "On the island the market could not begin, since half of its traders were on board.",
    "The harbour master said that a second boat was to be had, if the council found the money.",
    "Nobody was hurt, he added, and the salt stayed dry, which is more than could be said of the passengers.",
    "The next crossing is on Tuesday, and those who were left behind may travel for nothing at all this week.",
)
ASIDE = "What the salt is for: the island cures its herring with it, as it has since there were boats to carry it over."
OTHERS = (
    "The museum lends three of its oldest statues to the capital, where they will be shown until the spring.",
    "River levels fall again after a week without rain, and the mills along the lower valley may start to grind.",
    "A new baker has opened in the market street, and sells what he has baked before most of the town is awake.",
    "The choir looks for voices, low ones above all, and promises supper to whoever comes to sing on Thursdays.",
    "Snow closed the road to the pass on Sunday night, and the plough can't be sent before its driver is well.",
    "The school's roof is mended at last, and the third form moves back from the hall to where it used to be.",
)


def html(*paragraphs: str) -> str:
    return "".join(f"<p>{text}</p>" for text in paragraphs)


def page_of(inner: str) -> bytes:
    """A page with the article, and teasers of others beside it."""
    teasers = "".join(
        f"<li><a href='/{n}'><h3>More</h3><p>{t[:60]} …</p></a></li>" for n, t in enumerate(OTHERS)
    )
    return (
        f"<html><head><title>Ferry</title></head><body><main><h1>Ferry</h1><div class='story'>{inner}</div>"
        f"</main><aside class='more'><ul>{teasers}</ul></aside></body></html>"
    ).encode()


BOXED = page_of(
    f"{html(*PARAGRAPHS[:3])}<aside class='box teaser'><p>{ASIDE}</p></aside>{html(*PARAGRAPHS[3:])}"
)
"""With a box that is part of the article."""


def text_of(entry: Entry | None) -> str:
    return extract(BOXED, url=URL, entry=entry).text


def fed(*paragraphs: str, end: str = "") -> Entry:
    return Entry(URL, title="Ferry", content=html(*paragraphs) + end)


def test_a_paragraph_that_the_feed_has_belongs() -> None:
    """What stands in a box beside the article, and in the feed's content, is the article's: at its place."""
    whole = (*PARAGRAPHS[:3], ASIDE, *PARAGRAPHS[3:])
    assert ASIDE not in text_of(None)
    assert text_of(fed(*whole)).split("\n\n") == list(whole)


NO_HELP = {
    "a teaser": fed(PARAGRAPHS[0], PARAGRAPHS[1][:40] + " […]"),
    "a beginning that does not say so": fed(*PARAGRAPHS[:3]),
    "another article": fed(*OTHERS),
    "another article, of which a part is on the page": fed(
        *OTHERS[:1], *(one.replace("the", "a") * 3 for one in OTHERS[1:])
    ),
    "words in disorder": fed(" ".join(sorted(" ".join(PARAGRAPHS).split()))),
    "an advert": fed(
        "Buy salt now, the best there is, at half of what it costs elsewhere, while there is any left."
    ),
    "nothing": Entry(URL, content="<p></p>"),
    "markup": Entry(URL, content="<p" * 500 + "&#x0;<script>" + "</" * 500),
    "a summary": Entry(URL, summary=PARAGRAPHS[0]),
    "a summary of another article": Entry(URL, summary=OTHERS[0]),
    "the article, then what is read beside it": fed(
        *PARAGRAPHS, end="<p><a href='/1'>The museum lends three of its oldest statues to the capital</a></p>"
    ),
    "the article with the footer of WordPress": fed(*PARAGRAPHS, "The post Ferry appeared first on One."),
}


@pytest.mark.parametrize("name", NO_HELP)
def test_a_feed_that_is_no_help_does_no_harm(name: str) -> None:
    """Teasers, other articles, adverts and rubbish leave the text as it is without them."""
    assert text_of(NO_HELP[name]) == text_of(None)
    assert all(one in text_of(None) for one in PARAGRAPHS)


def page_blocks(*paragraphs: str) -> list[Block]:
    return blocks(lxml.html.document_fromstring(f"<html><body>{html(*paragraphs)}</body></html>"))


def test_a_whole_content_speaks_against_what_it_lacks() -> None:
    """Blocks in doubt that the feed's whole content does not have go; clear ones stay, whatever the feed says."""
    found, feed = page_blocks(*PARAGRAPHS, *OTHERS[:2]), feed_text(fed(*PARAGRAPHS))
    assert feed.is_whole
    odds = [0.6] * len(PARAGRAPHS) + [0.6, 1.0]
    heard = supported(found, odds, feed.content, is_whole=True)
    assert heard[: len(PARAGRAPHS)] == [BELONGS] * len(PARAGRAPHS)
    assert heard[-2] < 0.5 < heard[-1]
    assert supported(found, odds, feed.content)[-2:] == [0.6, 1.0], "a beginning says nothing of what follows"


def test_a_quote_set_off_from_its_paragraph_stays_off() -> None:
    """What a chosen paragraph says already is not lifted by the feed that has that paragraph."""
    quote = "Nobody was hurt, he added, and the salt stayed dry"
    found = page_blocks(*PARAGRAPHS, quote)
    heard = supported(
        found, [1.0] * len(PARAGRAPHS) + [0.1], feed_text(fed(*PARAGRAPHS)).content, is_whole=True
    )
    assert heard[-1] <= 0.1


def test_links_are_not_lifted() -> None:
    """A pointer to another article is none of this one's paragraphs, though the feed has it, too."""
    found = blocks(
        lxml.html.document_fromstring(f"<body>{html(*PARAGRAPHS)}<p><a href=/>{OTHERS[0]}</a></p></body>")
    )
    content = feed_text(fed(*PARAGRAPHS, OTHERS[0])).content
    assert supported(found, [0.9] * len(PARAGRAPHS) + [0.2], content, is_whole=True)[-1] == 0.2


def test_agreement() -> None:
    """Of a whole content both ways; of a beginning or a summary how much of it the text has; else nothing."""
    whole, text = feed_text(fed(*PARAGRAPHS)), "\n\n".join(PARAGRAPHS)
    assert whole.agreement(text) == pytest.approx(1.0)
    assert (whole.agreement("\n".join((*PARAGRAPHS, *OTHERS))) or 0) < 0.8
    assert feed_text(fed(PARAGRAPHS[0])).agreement(text) == 1.0
    assert FeedText(summary=PARAGRAPHS[0]).agreement(text) == 1.0
    assert FeedText(summary="Fog.").agreement(text) is None
    assert feed_text(None).agreement(text) is None


@pytest.mark.parametrize(
    ("feed", "ours"),
    [
        (FeedText(), False),
        (FeedText(summary=PARAGRAPHS[0]), True),
        (FeedText(summary=OTHERS[0]), False),
        (feed_text(fed(*PARAGRAPHS)), True),
        (feed_text(fed(*OTHERS)), False),
    ],
    ids=["nothing", "a summary", "another summary", "the content", "another content"],
)
def test_the_candidate_that_has_what_the_feed_says_is_taken(feed: FeedText, ours: bool) -> None:
    """Where the blocks are unsure an extractor's text stands in, unless theirs has what the feed says, and it not."""
    found = page_blocks(*PARAGRAPHS)
    page = Read(found, [None] * len(found), ("\n".join(OTHERS), ""), 0.0, feed=feed)
    text, from_blocks = weighed(page, Chosen(found, certainty=0.2), None)
    assert from_blocks is ours
    assert text == "\n\n".join(PARAGRAPHS if ours else OTHERS)


def test_a_text_that_the_feed_confirms_scores_higher() -> None:
    """The feed's whole content as the page's text: both say the same, so it is that."""
    page = f"<html><body><div>{html(*PARAGRAPHS)}</div></body></html>".encode()
    scores = [extract(page, url=URL, entry=entry).score for entry in (None, fed(*OTHERS), fed(*PARAGRAPHS))]
    assert scores[0] == scores[1] < scores[2]


def test_the_page_speaks_to_machines() -> None:
    """A live blog's entries that JSON-LD has belong to the text, in the page's order, wherever they stand."""
    entries = ",".join(f'{{"@type":"BlogPosting","articleBody":"{one}"}}' for one in PARAGRAPHS)
    script = f'<script type="application/ld+json">{{"@type":"LiveBlogPosting","headline":"Ferry","liveBlogUpdate":[{entries}]}}</script>'
    stream = "".join(
        f"<div class='widget teaser'><div><span>1{i}:00</span></div><div>{one}</div></div>"
        for i, one in enumerate(PARAGRAPHS)
    )
    page = f"<html><head><title>Ferry</title></head><body><h1>Ferry</h1><p>{OTHERS[0]}</p><footer>{stream}</footer>{script}</body></html>"
    draft = extract(page.encode(), url=URL)
    places = [draft.text.find(one) for one in PARAGRAPHS]
    assert places == sorted(places)
    assert places[0] >= 0
    assert "live_blog" in draft.issues


def test_a_batch_gives_the_feed_along(tmp_path: Path) -> None:
    """`palmyra extract --batch` takes what the feed has beside each page, its content, too."""
    (tmp_path / "page.html").write_bytes(BOXED)
    whole = html(*PARAGRAPHS[:3], ASIDE, *PARAGRAPHS[3:])
    line = json.dumps({"id": 1, "url": URL, "html_file": "page.html", "feed": {"content": whole}})
    assert ASIDE in json.loads(work(line.encode(), str(tmp_path)))["article"]["text"]
