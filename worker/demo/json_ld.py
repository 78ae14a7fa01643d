"""The schema.org NewsArticle of a page, in the two shapes that news sites use."""

from __future__ import annotations

from typing import Any

from worker.demo.desk import Desk
from worker.demo.publication import Publication

CONTEXT = "https://schema.org"


def news_article(
    p: Publication, desk: Desk, headline: str, image: str | None, origin: str
) -> dict[str, dict[str, Any]]:
    """``{"json-ld": one NewsArticle, "graph": a WebPage and a NewsArticle in one @graph}``"""
    url = origin + p.path
    publisher = {"@type": "NewsMediaOrganization", "name": desk.name, "url": f"{origin}/{desk.language}/"}
    day = {"datePublished": p.published.date().isoformat()}
    moment = {"datePublished": p.published.isoformat(), "dateModified": p.published.isoformat()}
    core: dict[str, Any] = {
        "@type": "NewsArticle",
        "headline": headline,
        "description": p.article.summary,
        "inLanguage": desk.language,
        "articleSection": p.article.section,
        "keywords": list(p.article.tags),
        "publisher": publisher,
        **{"time": moment, "day": day, "feed": {}, "none": {}}[p.article.dated],
    }
    if p.article.byline:
        core["author"] = {"@type": "Organization", "name": p.article.byline}
    if image:
        core["image"] = [{"@type": "ImageObject", "url": image, "caption": p.article.caption}]
    page = {"@type": "WebPage", "@id": url, "url": url, "name": f"{headline} | {desk.name}"}
    return {
        "json-ld": {"@context": CONTEXT, "mainEntityOfPage": url, "isAccessibleForFree": True, **core},
        "graph": {"@context": CONTEXT, "@graph": [page, {"isPartOf": {"@id": url}, **core}]},
    }
