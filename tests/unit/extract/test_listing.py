"""Pages that are no article: lists of articles, videos and galleries are skipped, and no article is."""

# ruff: noqa: E501 - pages, and sentences of them, are easier to read in one piece each

from __future__ import annotations

import json

import pytest

from jobs.errors import Kind, Reason
from jobs.extract import Draft, extract
from worker.commands.extract_one import article_of

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
THINGS = ("the bridge", "the harbour", "the school", "a railway", "the river", "its budget")
HEADLINES = [f"The council votes on {thing} again on {day}" for day in DAYS for thing in THINGS][:24]
TEASER = (
    "What the members of the council said, what it costs the town, and why {} is not yet decided after all."
)
PROSE = (
    "The council met on {} evening to talk about {}, and heard for more than two hours what the people of the town "
    "think of it, before it put the matter off."
)
MENU = "<nav><a href='/news'>News</a> <a href='/sport'>Sport</a></nav>"
COOKIES = "<footer><p>We use cookies to make this site work and to know how it is used, as our notice about them tells.</p></footer>"


def items(form: str, count: int = 24) -> str:
    return "".join(
        form.format(i=i, title=t, teaser=TEASER.format(t)) for i, t in enumerate(HEADLINES[:count])
    )


LINKS = items("<li><a href='/2026/11/{i}'>{title}</a></li>")
CARDS = items(
    "<div class='card'><h3><a href='/2026/11/{i}'>{title}</a></h3><p>{teaser}</p><time>20 November</time></div>"
)
ENTRIES = items(
    "<article><h2><a href='/2026/11/{i}'>{title}</a></h2><p>By Ines Hold</p><p>{teaser} "
    "<a href='/2026/11/{i}'>Read on</a></p></article>",
    12,
)
BODY = "".join(f"<p>{PROSE.format(day, thing)}</p>" for day in DAYS[:2] for thing in THINGS[:3])


def ld(**fields: object) -> str:
    return f"<script type='application/ld+json'>{json.dumps(fields)}</script>"


ITEMS = [{"@type": "ListItem", "item": {"@type": "NewsArticle", "headline": title}} for title in HEADLINES]
OG_SITE = "<meta property='og:type' content='website'>"
OG_ARTICLE = "<meta property='og:type' content='article'>"


def read(path: str, body: str, head: str = "") -> Draft:
    html = f"<html lang=en><head><title>One</title>{head}</head><body>{MENU}<main>{body}</main>{COOKIES}</body></html>"
    return extract(html.encode(), url=f"https://www.one.test{path}")


LISTINGS = {
    "a front page": ("/", f"<h1>One</h1>{CARDS}", OG_SITE),
    "a front page of links": ("/index.html", f"<h2>Today</h2><ul>{LINKS}</ul>", ""),
    "a section": ("/news/world", f"<h1>World</h1>{CARDS}", ""),
    "a section with a lead": (
        "/politics/",
        f"<h1>Politics</h1><p>{TEASER.format('it')}</p>{ENTRIES}",
        OG_SITE,
    ),
    "a topic": ("/topics/the-new-bridge-over-the-river", f"<h1>The bridge</h1>{ENTRIES}", OG_SITE),
    "an author": ("/author/ines-hold", f"<h1>Ines Hold</h1><p>Writes of the town.</p>{CARDS}", OG_SITE),
    "a later page of an archive": ("/archive/2026/page/12", f"<h1>Archive</h1><ul>{LINKS}</ul>", ""),
    "one that says so": (
        "/a-long-name-for-what-is-a-list",
        f"<h1>Stories of the bridge</h1>{ENTRIES}",
        OG_ARTICLE + ld(**{"@graph": [{"@type": "CollectionPage", "name": "The bridge"}]}),
    ),
    "one that lists its articles": (
        "/dossier/2026/bridge-and-harbour-and-school-1234",
        f"<h1>The bridge</h1>{CARDS}",
        ld(**{"@type": "ItemList", "itemListElement": ITEMS}),
    ),
    "results of a search": (
        "/search?q=council",
        f"<h1>24 results</h1>{ENTRIES}",
        ld(**{"@type": "SearchResultsPage"}),
    ),
}


CARDS_AS_LINKS = items("<a class='card' href='/2026/11/{i}'><h3>{title}</h3><p>{teaser}</p></a>")
TEASERS_FIRST = items("<div><p>{teaser}</p><h3><a href='/2026/11/{i}'>{title}</a></h3></div>")
JAPANESE = "".join(
    f"<li><a href='/{n}'>市議会は{n}月の橋の予算についてまだ決めていない</a></li>" for n in range(20)
)
SPANS = items("<div><span><a href='/{i}'>{title}</a></span> <span>20 November</span></div>")
LISTINGS |= {
    "cards that are links": ("/sport", f"<h1>Sport</h1>{CARDS_AS_LINKS}", ""),
    "teasers above their titles": ("/culture", f"<h1>Culture</h1>{TEASERS_FIRST}", OG_SITE),
    "in Japanese": ("/politics", f"<h1>政治</h1><ul>{JAPANESE}</ul>", OG_SITE),
    "titles and dates": ("/news/latest", f"<h1>Latest</h1>{SPANS}", ""),
    "a front page with a note": (
        "/",
        f"<h1>One</h1>{CARDS}<p>{PROSE.format('Monday', 'it')} {PROSE.format('Friday', 'it')[:60]}</p>",
        "",
    ),
}


@pytest.mark.parametrize("name", LISTINGS)
def test_lists_of_articles(name: str) -> None:
    """Front pages, sections, topics, authors, archives: skipped as such, named as the first issue, worth nothing."""
    path, body, head = LISTINGS[name]
    draft = read(path, body, head)
    assert draft.skip is Reason.LISTING_PAGE
    assert draft.skip.kind is Kind.SKIP
    assert draft.issues[0] == "listing_page"
    assert draft.issues.count("listing_page") == 1
    assert draft.score == 0


def test_extract_prints_it_all_the_same() -> None:
    """`palmyra extract` always prints an article: what it would be skipped for is its first issue."""
    page = f"<html><body>{MENU}<main><h1>World</h1>{CARDS}</main></body></html>".encode()
    article = article_of(page, url="https://www.one.test/world", final_url="https://www.one.test/world")
    assert article.quality.issues[0] == "listing_page"
    assert article.text


ROUND_UP = "".join(
    f"<h2><a href='https://shop.test/{i}'>The best of all for {thing} this year</a></h2>"
    f"<p>{PROSE.format(day, thing)}</p>" * 3
    for i, (day, thing) in enumerate(zip(DAYS, THINGS, strict=False))
)
ARTICLES = {
    "beside many others": (
        "/2026/11/a-vote-on-the-bridge-over-the-river",
        f"<h1>A vote</h1>{BODY}<ul>{LINKS}</ul>",
        "",
    ),
    "under a section's address": ("/politics/bridge", f"<h1>A vote</h1>{BODY}<ul>{LINKS}</ul>", ""),
    "a brief among teasers": (
        "/politics/bridge",
        f"<h1>A vote</h1><p>{PROSE.format('Monday', 'it')}</p>{CARDS}",
        OG_ARTICLE,
    ),
    "a brief with its date": (
        "/politics/bridge",
        f"<h1>A vote</h1><p>{PROSE.format('Monday', 'it')}</p><ul>{LINKS}</ul>",
        "<meta property='article:published_time' content='2026-11-20T08:00:00Z'>",
    ),
    "one that describes itself, and a list": (
        "/best",
        f"<h1>The best</h1>{CARDS}",
        ld(**{"@type": "NewsArticle", "headline": "The best"})
        + ld(**{"@type": "ItemList", "itemListElement": ITEMS}),
    ),
    "a round-up": ("/guides/best", f"<h1>The best of the year</h1>{ROUND_UP}", OG_SITE),
    "a list of few": ("/news/world", f"<h1>A vote</h1>{BODY}<ul>{LINKS[:400]}</ul>", OG_SITE),
}


@pytest.mark.parametrize("name", ARTICLES)
def test_articles_are_no_lists(name: str) -> None:
    """Whatever stands around it, and whatever its address: what has a body, or says that it is one, is published."""
    path, body, head = ARTICLES[name]
    draft = read(path, body, head)
    assert draft.skip is None
    assert "The council met" in draft.text or name.startswith("one that describes")


SHOWN = f"<h1>The vote</h1><video src='/v.mp4'></video><p>{TEASER.format('the bridge')}</p>"
MEDIA = {
    "a video that says so": (SHOWN, "<meta property='og:type' content='video.other'>"),
    "a described video": (SHOWN, ld(**{"@type": "VideoObject", "name": "The vote"})),
    "a described sound": (SHOWN, ld(**{"@type": "WebPage", "mainEntity": {"@type": "AudioObject"}})),
    "a gallery": (
        "<h1>The vote</h1>" + "".join(f"<figure><img src=/{i}.jpg><figcaption>{t}</figcaption></figure>" for i, t in enumerate(HEADLINES[:3])),
        ld(**{"@type": ["WebPage", "ImageGallery"]}),
    ),
    "a video without a word": ("<video src='/v.mp4'></video>", ld(**{"@type": "VideoObject"})),
}  # fmt: skip


@pytest.mark.parametrize("name", MEDIA)
def test_videos_and_galleries(name: str) -> None:
    """A page that is there for a video, sound or pictures, with no article beside them, is skipped as that."""
    body, head = MEDIA[name]
    draft = read("/watch/the-vote-on-the-bridge-over-the-river", body, head)
    assert (draft.skip, draft.issues[0]) == (Reason.MEDIA_PAGE, "media_page")


@pytest.mark.parametrize(
    ("body", "head"),
    [
        (SHOWN + BODY, "<meta property='og:type' content='video.other'>"),
        (SHOWN, ld(**{"@type": "NewsArticle", "headline": "The vote"}) + ld(**{"@type": "VideoObject"})),
        (SHOWN, OG_ARTICLE + ld(**{"@type": "VideoObject"})),
    ],
    ids=["with an article", "described as an article", "called an article"],
)
def test_articles_with_a_video(body: str, head: str) -> None:
    """A page that has an article beside its video, or says that it is one, is published."""
    assert read("/2026/11/the-vote-on-the-bridge-over-the-river", body, head).skip is None
