"""The way through an extraction: bounds, decoding, one parse, then field by field, the text last."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from jobs.entry import Entry
from jobs.errors import Permanent, Reason
from jobs.extract import agency, authors, dates, fields, instead, language, limits, quality
from jobs.extract.authors import Byline
from jobs.extract.decode import decode
from jobs.extract.draft import Draft
from jobs.extract.feed_text import feed_text
from jobs.extract.fields import Found
from jobs.extract.headline import Learned, heading_of, headline, titles
from jobs.extract.page import Parsed, evidence_of, parse
from jobs.extract.shown_date import NOTHING_SHOWN, Shown, shown
from jobs.extract.text import ArticleText, article_text
from jobs.urls import domain
from jobs.words import count_words


def extract(
    body: bytes,
    *,
    url: str | None,
    content_type: str = "",
    entry: Entry | None = None,
    now_ms: int | None = None,
    learned: Learned | None = None,
) -> Draft:
    """The article that is on a page.

    Always gives a draft: where there is no article, `Draft.skip` says so and the rest is what was found.

    Args:
        body: the page as served, after content decoding.
        url: the URL that answered; None when unknown (then no canonical URL is believed).
        content_type: the Content-Type header.
        entry: what the feed said of the link.
        now_ms: the time after which no publication date is believed; default: the clock's.
        learned: what other articles of the site tell of its titles.

    Raises:
        Permanent: `Reason.TOO_COMPLEX`, a limit of `jobs.extract.limits` is passed.
    """
    started = time.perf_counter()
    limits.check(body)
    page = parse(decode(body, content_type), url)
    now = int(time.time() * 1000) if now_ms is None else now_ms
    found = _metadata(page, entry or Entry(url or ""), url, now, learned)
    return instead.marked(_draft(page, found, entry, url, started), page, body)


def _metadata(
    page: Parsed, entry: Entry, url: str | None, now_ms: int, learned: Learned | None
) -> dict[str, Any]:
    """Field → (origin, value) of all that needs no text; under ``issues`` whether dates conflict."""
    named = fields.site_name(page)
    site = named[1] if named else None
    title = headline(page, entry, site, _domain(url), learned)
    heading = heading_of(page, title[1] if title else None)
    seen = _shown_dates(page, heading, entry)
    dated = dates.published(page, entry, url, now_ms, seen)
    first_date = dates.most_precise(dated, seen.clock)
    found: dict[str, Any] = {
        "site_name": named,
        "headline": title,
        "summary": fields.summary(page, entry, title[1] if title else None),
        "published": first_date,
        "modified": _not_before(first_date, dates.most_precise(dates.modified(page, entry, now_ms, seen))),
        "section": fields.section(page),
        "tags": fields.tags(page, entry),
        "images": fields.images(page, entry),
        "canonical": fields.canonical(page, url),
        "access": fields.access(page),
        **_byline(page, entry, site, heading),
    }
    conflict = [quality.DATE_CONFLICT] if dates.conflict(dated) else []
    return {k: v for k, v in found.items() if v} | {"issues": conflict}


def _shown_dates(page: Parsed, heading: Any | None, entry: Entry) -> Shown:
    declared = _declared_language(page, entry)
    return NOTHING_SHOWN if heading is None else shown(heading, declared[1] if declared else None)


def _byline(page: Parsed, entry: Entry, site: str | None, heading: Any | None) -> dict[str, Found[Any]]:
    """Authors and agency, from the sources up to the first that names an author in full."""
    own = (site, page.ld.text("publisher"), _domain(page.base), (_domain(page.base) or "").split(".")[0])
    lines: list[tuple[str, Byline]] = []
    for origin, values in authors.sources(page, entry, heading):
        lines.append((origin, authors.byline(values, *own)))
        if lines[-1][1].is_whole:
            break
    else:
        if not any(line.authors or line.groups or line.own or line.agency for _, line in lines):
            lines.append(("html", Byline(authors.byline(authors.guessed(page), *own).authors)))
    lines.append(("json-ld", authors.byline(authors.organisations(page.ld), *own)))
    return {
        "authors": fields.first(_signed(lines, page)),
        "agency": fields.first((origin, line.agency) for origin, line in lines) or agency.declared(page),
    }


def _signed(lines: list[tuple[str, Byline]], page: Parsed) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Persons by their full names, else by what there is of them; then a person's own site; then groups."""
    yield from ((origin, line.authors) for origin, line in lines if line.is_whole)
    yield from ((origin, line.authors) for origin, line in lines)
    yield from ((origin, authors.persons_own(line.own, page)) for origin, line in lines)
    yield from ((origin, line.groups) for origin, line in lines)


def _not_before(published: Found[str], modified: Found[str]) -> Found[str]:
    """A change before the publication is none."""
    if published is None or modified is None:
        return modified
    before = dates.as_datetime(modified[1]) < dates.as_datetime(published[1])
    return None if before and modified[1][:10] != published[1][:10] else modified


def _draft(
    page: Parsed, found: dict[str, Any], entry: Entry | None, url: str | None, started: float
) -> Draft:
    issues: list[str] = found.pop("issues")
    declared = _declared_language(page, entry)
    read = article_text(page, url, found["headline"][1] if "headline" in found else None, feed_text(entry))
    text = read.text
    identified = language.identified(text, declared[1] if declared else None)
    if "agency" not in found and (credited := agency.credited_in(text)):
        found["agency"] = ("text", credited)
    if spoken := ("text", identified) if identified else declared:
        found["language"] = spoken
    if identified and declared and not language.agree(identified, declared[1]):
        issues = [*issues, quality.LANGUAGE_CONFLICT]
    if text:
        found["text"] = ("html", text)
    words = count_words(text)
    access = found["access"][1] if "access" in found else None
    issues = quality.issues(read, words, access, is_live=page.ld.is_live) + issues
    return Draft(
        **{field: value for field, (_, value) in found.items()},
        word_count=words,
        issues=tuple(issues),
        score=quality.score(issues, quality.confidence(read)),
        provenance={_PUBLIC.get(field, field): origin for field, (origin, _) in found.items()},
        titles=titles(page),
        evidence=evidence_of(page),
        skip=_skip(read),
        took_ms=round((time.perf_counter() - started) * 1000),
    )


def _skip(read: ArticleText) -> Reason | None:
    if not read.text:
        return Reason.NO_TEXT
    return Reason.LISTING_PAGE if read.is_listing else None


_PUBLIC = {"site_name": "source.name", "canonical": "urls.canonical"}
"""Fields that have another name in the event."""


def _declared_language(page: Parsed, entry: Entry | None) -> Found[str]:
    return fields.first(
        (
            ("html", language.declared(page.tree.get("lang"))),
            ("json-ld", language.declared(page.ld.text("inLanguage"))),
            ("meta", language.declared(page.first("og:locale", "content-language", "language"))),
            ("feed", language.declared(entry.language if entry else None)),
        )
    )


def _domain(url: str | None) -> str | None:
    try:
        return domain(url) if url else None
    except Permanent:  # not a usable URL
        return None
