"""The headline: the one that most of the evidence agrees on, without the site's name."""

from __future__ import annotations

import re

from jobs.entry import Entry
from jobs.extract.page import Parsed
from jobs.extract.plain import letters, plain, same

_SEPARATOR = re.compile(r"\s+[–—·•«‹›:~-]\s+|\s*[|｜»]\s*")
MAX_HEADLINE = 400
MAX_SITE_WORDS = 5


def headline(page: Parsed, entry: Entry, site_name: str | None, domain: str | None) -> tuple[str, str] | None:
    """(origin, headline), or None.

    The candidate with which most others agree, that is: have the same letters; at a tie the most trusted.
    """
    candidates = [
        (origin, cleaned)
        for origin, value in _candidates(page, entry)
        if (text := plain(value, MAX_HEADLINE)) and (cleaned := without_site(text, site_name, domain))
    ]
    if not candidates:
        return None
    spelled = [letters(text) for _, text in candidates]
    return max(candidates, key=lambda pair: spelled.count(letters(pair[1])))


def without_site(title: str, site_name: str | None, domain: str | None) -> str:
    """A title without the site's name before or after a separator."""
    parts = [(match.start(), match.end()) for match in _SEPARATOR.finditer(title)]
    if not parts:
        return title
    (_, first_end), (last_start, last_end) = parts[0], parts[-1]
    if _is_site(title[last_end:], site_name, domain):
        return without_site(title[:last_start].rstrip(), site_name, domain) or title
    if _is_site(title[: parts[0][0]], site_name, domain):
        return without_site(title[first_end:].lstrip(), site_name, domain) or title
    return title


def _is_site(part: str, site_name: str | None, domain: str | None) -> bool:
    """Is this the site's name, or its domain's with or without the top level?"""
    if not part or len(part.split()) > MAX_SITE_WORDS:
        return False
    if site_name and same(part, site_name):
        return True
    own, host = letters(part).removeprefix("the"), domain or ""
    return len(own) > 2 and own in (letters(host), letters(host.split(".")[0]))


def _candidates(page: Parsed, entry: Entry) -> list[tuple[str, str | None]]:
    """Everything that may be the headline, most trusted first."""
    return [
        ("html", _only_h1(page)),
        ("json-ld", page.ld.text("headline")),
        ("feed", entry.title),
        ("meta", page.first("og:title")),
        ("meta", page.first("twitter:title", "dc.title", "title", "sailthru.title", "parsely-title")),
        ("html", page.tree.findtext(".//head/title") or page.tree.findtext(".//title")),
    ]


def _only_h1(page: Parsed) -> str | None:
    """The text of the page's h1, of the article's where there are several."""
    found = page.tree.findall(".//h1")
    if len(found) > 1:
        scoped = [h1 for scope in page.within_article() for h1 in scope.findall(".//h1")]
        found = scoped if len(set(scoped)) == 1 else []
    return found[0].text_content() if found else None
