"""The newsroom over HTTP: what its feeds list, and what its pages are like."""

from __future__ import annotations

import json
import re
from typing import Any

import feedparser
import lxml.html
import pytest

from tests.unit.demo.conftest import Clock, Get
from tests.unit.demo.test_article import ARTICLES, SEED
from worker.demo.newsroom import Newsroom
from worker.demo.publication import Publication
from worker.demo.server import DemoServer

DATE = re.compile(
    r"\b(19|20)\d\d-\d\d?-\d\d?|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    r"|\b(January|February|March|April|June|July|August|September|October|November|December) \d"
    r"|datePublished|published_time|<time|ld\+json|©"
)


def listed(demo: DemoServer, get: Get) -> dict[str, list[tuple[str, str]]]:
    """(url, title) of the entries of each feed, by language."""
    rss, atom, feed = (get(f.url) for f in demo.feeds)
    entries = {"en": feedparser.parse(rss.body).entries, "de": feedparser.parse(atom.body).entries}
    found = {language: [(e.link, e.title) for e in es] for language, es in entries.items()}
    return found | {"fr": [(i["url"], i["title"]) for i in json.loads(feed.body)["items"]]}


def page_of(p: Publication, demo: DemoServer, get: Get) -> str:
    got = get(demo.origins[0] + p.path)
    assert got.status == 200
    return got.text


def seed(newsroom: Newsroom, clock: Clock) -> Publication:
    clock.publish(1)
    return next(p for p in newsroom.published() if p.article == SEED)


def ld_of(page: str) -> list[dict[str, Any]]:
    scripts = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    return [json.loads(text) for text in scripts]


def test_the_three_formats_are_what_they_say(demo: DemoServer, get: Get) -> None:
    """RSS 2.0, Atom 1.0 and JSON Feed 1.1, well-formed, each with its media type."""
    rss, atom, feed = (get(f.url) for f in demo.feeds)
    for got, version, media_type in ((rss, "rss20", "rss"), (atom, "atom10", "atom")):
        parsed = feedparser.parse(got.body)
        assert (parsed.version, parsed.bozo) == (version, False)
        assert got.headers["Content-Type"] == f"application/{media_type}+xml; charset=utf-8"
    assert json.loads(feed.body)["version"] == "https://jsonfeed.org/version/1.1"
    assert feed.headers.get_content_type() == "application/feed+json"


def test_three_at_the_start_and_a_new_one_after_each_interval(
    demo: DemoServer, get: Get, clock: Clock, newsroom: Newsroom
) -> None:
    """Feeds list what is published, newest first, no more than ten each; every listed page is there."""
    assert {k: len(v) for k, v in listed(demo, get).items()} == {"en": 1, "de": 1, "fr": 1}
    clock.publish(1)
    after_one = listed(demo, get)
    assert [title for _, title in after_one["en"]] == [SEED.headline, ARTICLES[0].headline]
    clock.publish(100)
    later = listed(demo, get)
    assert {k: len(v) for k, v in later.items()} == {"en": 10, "de": 10, "fr": 10}
    assert demo.origins[0] + newsroom.published()[0].path in {urls[0][0] for urls in later.values()}
    assert {get(url).status for entries in later.values() for url, _ in entries} == {200}


def test_a_later_edition_says_so(demo: DemoServer, get: Get, clock: Clock) -> None:
    """The second round has its number in the headline, on the page as in the feed."""
    clock.publish(len(ARTICLES))
    url, title = listed(demo, get)["de"][0]
    assert title.endswith(" (2. Ausgabe)")
    assert f">{title}</h1>" in get(url).text


def test_dates_are_told_as_each_article_has_it(
    demo: DemoServer, get: Get, clock: Clock, newsroom: Newsroom
) -> None:
    """With its time, as a day, in the feed only, or nowhere; the publisher's offset is kept."""
    clock.publish(len(ARTICLES) - 3)
    pages = {p.article.slug: (p, page_of(p, demo, get)) for p in newsroom.published(len(ARTICLES))}
    moments = {a.slug: pages[a.slug] for a in ARTICLES if a.dated == "time" and a.markup is None}
    assert moments
    assert all(p.published.isoformat() in page for p, page in moments.values())
    assert all(p.published.isoformat().endswith("+03:00") for p, _ in moments.values())
    days = [pages[a.slug] for a in ARTICLES if a.dated == "day"]
    assert days
    assert all(p.published.isoformat() not in page for p, page in days)
    hidden = [pages[a.slug] for a in ARTICLES if a.dated == "feed"]
    assert hidden
    assert not any("datePublished" in page or "<time" in page for _, page in hidden)


def test_pages_differ_in_their_metadata(demo: DemoServer, get: Get, clock: Clock, newsroom: Newsroom) -> None:
    """JSON-LD in English, microdata in German, a @graph in French, and some pages with next to nothing."""
    clock.publish(len(ARTICLES) - 3)
    kinds: dict[str, set[str]] = {}
    for p in newsroom.published(len(ARTICLES)):
        page = page_of(p, demo, get)
        ld = ld_of(page)
        kind = ("graph" if "@graph" in ld[0] else "ld") if ld else "micro" if "itemprop" in page else "plain"
        kinds.setdefault(p.article.language, set()).add(kind)
        articles = [node for doc in ld for node in doc.get("@graph", [doc]) if node["@type"] == "NewsArticle"]
        assert [node["headline"] for node in articles] == [p.article.headline] * len(articles)
    assert kinds == {"en": {"ld", "plain"}, "de": {"micro", "plain"}, "fr": {"graph", "plain"}}


def test_a_page_has_the_mess_and_its_whole_text(
    demo: DemoServer, get: Get, clock: Clock, newsroom: Newsroom
) -> None:
    """Menu, cookie bar, adverts, breadcrumb, share buttons, related links, newsletter, comments, footer."""
    clock.publish(6)
    for p in newsroom.published():
        if p.article == SEED:
            continue
        tree = lxml.html.fromstring(page_of(p, demo, get))
        for selector in (
            "nav[@class='menu']",
            "div[@class='cookies']",
            "div[@class='advert']",
            "nav[@class='crumbs']",
            "div[@class='share']",
            "section[@id='newsletter']",
            "section[@id='comments']",
            "aside[@class='box inline']",
            "footer",
        ):
            assert tree.xpath(f"//{selector}"), (p.path, selector)
        story = tree.xpath("//div[@class='story']/p")
        assert tuple(e.text_content() for e in story) == p.article.paragraphs


def test_the_seed_page_is_as_its_site_had_it(
    demo: DemoServer, get: Get, clock: Clock, newsroom: Newsroom
) -> None:
    """Skip link, breadcrumb, adverts around and between, a credit glued to the second of 17 paragraphs."""
    tree = lxml.html.fromstring(page_of(seed(newsroom, clock), demo, get))
    assert [e.text for e in tree.xpath("//h1")] == [SEED.headline]
    assert tree.xpath("string(//a[@class='skip'])") == "skip to content"
    assert tree.xpath("string(//div[@class='crumbs'])") == f"HomeUncategorized{SEED.headline}"
    assert [e.text for e in tree.xpath("//h3")] == ["Must Read", "Related News"]
    paragraphs = [e.text_content() for e in tree.xpath("//p")]
    assert paragraphs[1].startswith("ISIS-AVArmy sappers were")
    paragraphs[1] = paragraphs[1].removeprefix("ISIS-AV")
    assert tuple(paragraphs) == SEED.paragraphs
    blocks = [
        "p" if e.tag == "p" else e.text_content().strip()
        for e in tree.xpath("//div[@class='td-post-content']/*")
    ]
    advert = "- Advertisement -"
    assert blocks == [advert, *"p" * 6, advert, *"p" * 6, advert, *"p" * 5, *[advert] * 3]


def test_the_seed_page_has_no_date_but_the_clock(
    demo: DemoServer, get: Get, clock: Clock, newsroom: Newsroom
) -> None:
    """The clock shows today's date; page, address, headers and feed entry don't say more."""
    p = seed(newsroom, clock)
    got = get(demo.origins[0] + p.path)
    assert got.text.count("Tuesday, July 23, 2024") == 1
    rest = got.text.replace("Tuesday, July 23, 2024", "")
    for paragraph in SEED.paragraphs:
        rest = rest.replace(paragraph, "")
    assert DATE.search(rest) is None
    assert DATE.search(p.path) is None
    assert "Last-Modified" not in got.headers
    entry = feedparser.parse(get(demo.feeds[0].url).body).entries[0]
    assert entry.title == SEED.headline
    assert not {"published", "updated"} & set(entry)
    clock.now_s += 86400
    assert "Wednesday, July 24, 2024" in page_of(p, demo, get)


@pytest.mark.parametrize("path", ["/", "/en/", "/de/", "/fr/", "/about", "/robots.txt"])
def test_the_site_around_the_articles(demo: DemoServer, get: Get, path: str) -> None:
    """Front pages, the page about the site and robots.txt answer."""
    assert get(demo.origins[0] + path).status == 200


def test_every_link_of_a_page_leads_somewhere(
    demo: DemoServer, get: Get, clock: Clock, newsroom: Newsroom
) -> None:
    """No dead links or pictures on the front page and on an article."""
    clock.publish(5)
    for path in ("/", newsroom.published()[0].path):
        tree = lxml.html.fromstring(get(demo.origins[0] + path).text, base_url=demo.url)
        tree.make_links_absolute(demo.url)
        urls = {url for _, _, url, _ in tree.iterlinks() if url.startswith("http") and "#" not in url}
        assert len(urls) > 10
        assert {get(url).status for url in urls} == {200}
