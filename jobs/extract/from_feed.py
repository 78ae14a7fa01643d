"""The article from the feed's own content, where that is whole and the page is not to be had or says less."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from math import prod

from jobs.entry import Entry
from jobs.errors import Outcome, Permanent, Reason
from jobs.extract.draft import Draft
from jobs.extract.headline import Learned
from jobs.extract.pipeline import extract
from jobs.extract.plain import letters
from jobs.extract.quality import FROM_FEED, WEIGHTS
from jobs.feed_content import is_whole, without_footer
from jobs.page import Page
from jobs.visible import visible_words
from jobs.words import count_words

CLEARLY_SHORTER = 0.7
"""A page's text of less than this share of the feed's words may be only its beginning …"""
CONTAINED = 0.8
"""… and is, if this share of its runs of three words stands in the feed's, too."""

# Tags of the page around it, which would keep the content from being read as one.
_STRUCTURE = re.compile(r"</?(?:html|head|body|main|article)(?=[\s>/])[^<>]*+>", re.I)
_ABOUT_TEXT = frozenset(("no_text", "short", "truncated", "paywall", "boilerplate", "encoding"))
_MARKUP = ("html", "json-ld", "meta")


def drafted(page: Page, learned: Learned | None = None) -> Draft:
    """What is to be published of a stored page: what is on it, or what its feed says.

    `learned` is what other articles of the site tell of its titles.

    Raises:
        Permanent: `TOO_COMPLEX`; or why there is no page, where its feed turns out to say nothing.
    """
    if page.refused:
        return _instead_of_page(page)
    try:
        draft = extract(
            page.body,
            url=page.final_url,
            content_type=page.content_type,
            entry=page.entry,
            learned=learned,
        )
    except Permanent as outcome:
        return _instead_of(outcome, page)
    if page.entry is None or not _may_say_more(draft, page.entry):
        return draft
    feed = _from_feed(page.entry, page.final_url)
    return _better(draft, feed)


def _instead_of_page(page: Page) -> Draft:
    reason = Reason(page.refused)
    draft = _from_feed(page.entry, page.final_url) if page.entry else None
    if draft is None or not draft.text:
        raise Permanent(reason, "and the feed's own content has no text")
    return draft


def _instead_of(outcome: Outcome, page: Page) -> Draft:
    if not (outcome.reason.feed_stands_in and page.entry and is_whole(page.entry)):
        raise outcome
    draft = _from_feed(page.entry, page.final_url)
    if not draft.text:
        raise outcome
    return draft


def _may_say_more(draft: Draft, entry: Entry) -> bool:
    """A first look, which costs little: most pages say what their feed says, and more."""
    if not is_whole(entry) or (draft.skip and not draft.skip.feed_stands_in):
        return False
    return bool(draft.skip) or draft.word_count < CLEARLY_SHORTER * visible_words(entry.content or "")


def _better(draft: Draft, feed: Draft) -> Draft:
    """The page's draft, with the feed's text where that is clearly more of the same."""
    shorter = draft.word_count < CLEARLY_SHORTER * feed.word_count
    if not feed.text or not (draft.skip or (shorter and _contained(draft.text, feed.text))):
        return draft
    kept = [issue for issue in draft.issues if issue not in _ABOUT_TEXT and issue != draft.skip]
    return replace(
        draft,
        text=feed.text,
        word_count=feed.word_count,
        language=feed.language or draft.language,
        headline=draft.headline if not draft.skip else feed.headline or draft.headline,
        issues=tuple(dict.fromkeys([*feed.issues, *kept])),
        score=round(feed.score * prod(WEIGHTS.get(issue, 1.0) for issue in kept), 3),
        provenance={**draft.provenance, "text": "feed"},
        skip=None,
    )


def _from_feed(entry: Entry, url: str) -> Draft:
    """A draft of the feed's content alone; it goes through the same bounds as any page."""
    draft = extract(_document(entry), url=url, content_type="text/html; charset=utf-8", entry=entry)
    text = without_footer(draft.text)
    origins = {f: "feed" if origin in _MARKUP else origin for f, origin in draft.provenance.items()}
    return replace(
        draft,
        text=text,
        word_count=count_words(text),
        issues=(*draft.issues, FROM_FEED),
        score=round(draft.score * WEIGHTS[FROM_FEED], 3),
        provenance=origins,
        skip=None if text else Reason.NO_TEXT,
    )


def _document(entry: Entry) -> bytes:
    """The content as the page that it would be."""
    title = html.escape(entry.title or "")
    head = f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>{title}</title></head>"
    content = _STRUCTURE.sub("", entry.content or "")
    body = f"<body><article><h1>{title}</h1>{content}</article></body></html>"
    return (head + body).encode("utf-8", "replace")


def _contained(part: str, whole: str) -> bool:
    """Does most of one text stand in another?"""
    runs, all_runs = _runs(part), _runs(whole)
    return not runs or len(runs & all_runs) >= CONTAINED * len(runs)


def _runs(text: str) -> set[tuple[str, ...]]:
    words = [spelled for word in re.split(r"\s+", text) if (spelled := letters(word))]
    return set(zip(words, words[1:], words[2:], strict=False))
