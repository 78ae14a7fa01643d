"""The newsroom: a news site in three languages that publishes an article every few seconds."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from worker.demo import article, desk, picture
from worker.demo.answer import Answer, FeedLink, robots_txt
from worker.demo.desk import Desk
from worker.demo.feed import FORMATS, Feed, Item
from worker.demo.json_ld import news_article
from worker.demo.publication import Publication, Schedule, house_time

IN_FEED = 10
ON_FRONT_PAGE = 12
RELATED = 4
_PICTURE = re.compile(r"/pictures/([a-z0-9-]+)\.svg")


def templates() -> Environment:
    """The demo's templates. A missing value is an error, and everything is escaped."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class Newsroom:
    """The site. It keeps no state but the moment it opened: what is out follows from the clock."""

    def __init__(self, *, interval_s: float = 4.0, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._schedule = Schedule(article.load(), clock(), interval_s)
        self._desks = desk.load()
        self._feeds = {d.feed["path"]: d for d in self._desks.values()}
        self._slugs = {a.slug for a in self._schedule.articles}
        self._templates = templates()

    @property
    def feeds(self) -> Sequence[FeedLink]:
        """RSS in English, Atom in German, JSON Feed in French."""
        return [FeedLink(d.feed["path"], d.name) for d in self._desks.values()]

    def published(self, limit: int = IN_FEED) -> list[Publication]:
        """What is out in all languages, newest first."""
        return self._schedule.newest(self._clock(), limit)

    def answer(self, path: str, origins: Sequence[str]) -> Answer | None:
        """See `Site.answer`."""
        origin, now_s = origins[0], self._clock()
        if path in self._feeds:
            return self._feed(self._feeds[path], origin, now_s)
        if path == "/robots.txt":
            return robots_txt()
        if path == "/about":
            return self._render("about.html", self._desks["en"], origin, now_s)
        if found := _PICTURE.fullmatch(path):
            known = found[1] in self._slugs
            return Answer(picture.draw(found[1]), "image/svg+xml") if known else None
        language = path.strip("/")
        if path == "/" or language in self._desks:
            return self._front(language, origin, now_s)
        publication = self._schedule.find(path, now_s)
        return self._page(publication, origin, now_s) if publication else None

    def _feed(self, of: Desk, origin: str, now_s: float) -> Answer:
        newest = self._schedule.newest(now_s, IN_FEED, of.language)
        updated = newest[0].published if newest else house_time(self._schedule.start_s)
        feed = Feed(
            url=origin + of.feed["path"],
            title=of.name,
            site_url=f"{origin}/{of.language}/",
            updated=updated,
            items=tuple(self._item(p, of, origin) for p in newest),
            description=of.tagline,
            language=of.language,
        )
        written = FORMATS[of.feed["format"]]
        return Answer(written.write(feed), written.content_type, modified=updated)

    def _item(self, p: Publication, of: Desk, origin: str) -> Item:
        text = "".join(f"<p>{html.escape(part, quote=False)}</p>" for part in p.article.paragraphs)
        return Item(
            url=origin + p.path,
            title=headline(p, of),
            summary=p.article.summary,
            published=None if p.article.dated == "none" else p.published,
            byline=p.article.byline,
            tags=(p.article.section, *p.article.tags),
            image=image(p, origin),
            content_html=text if of.full_text_in_feed else None,
        )

    def _page(self, p: Publication, origin: str, now_s: float) -> Answer:
        of = self._desks[p.article.language]
        markup = of.markup if p.article.markup is None else p.article.markup
        ld = news_article(p, of, headline(p, of), image(p, origin), origin)
        return self._render(
            p.article.template,
            of,
            origin,
            now_s,
            p=p,
            a=p.article,
            headline=headline(p, of),
            image=image(p, origin),
            markup=markup,
            ld=ld["graph" if "graph" in markup else "json-ld"],
            related=[(headline(r, of), r.path) for r in self._related(p, now_s)],
        )

    def _related(self, p: Publication, now_s: float) -> list[Publication]:
        others = self._schedule.newest(now_s, RELATED * 2, p.article.language)
        return [o for o in others if o.article.slug != p.article.slug][:RELATED]

    def _front(self, language: str, origin: str, now_s: float) -> Answer:
        shown = self._schedule.newest(now_s, ON_FRONT_PAGE, language or None)
        cards = [(p, headline(p, self._desks[p.article.language]), image(p, origin)) for p in shown]
        return self._render("front.html", self._desks[language or "en"], origin, now_s, cards=cards)

    def _render(self, template: str, of: Desk, origin: str, now_s: float, **values: Any) -> Answer:
        text = self._templates.get_template(template).render(
            desk=of, desks=self._desks, says=of.says, origin=origin, now=house_time(now_s), **values
        )
        return Answer(text.encode())


def headline(p: Publication, of: Desk) -> str:
    """The headline, with the edition from the second on."""
    suffix = f" ({of.edition.format(n=p.edition)})" if p.edition > 1 else ""
    return p.article.headline + suffix


def image(p: Publication, origin: str) -> str | None:
    """Address of the article's picture, if it has one."""
    return f"{origin}/pictures/{p.article.slug}.svg" if p.article.caption else None
