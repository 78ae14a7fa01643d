"""What a page is instead of an article: an error page with status 200, a wall, a list, a video."""

from __future__ import annotations

from dataclasses import replace

from jobs.errors import Reason
from jobs.extract.draft import Draft
from jobs.extract.page import Parsed
from jobs.visible import visible_text
from jobs.walls import challenge
from jobs.walls.error_titles import is_error_title
from jobs.walls.forms import is_consent, is_login

FEW_WORDS = 150
"""What little an error page says around its message may be taken for its text."""
TEASERS_WORDS = 400
"""The same where it lists other articles as well."""
LOGIN_WORDS = 30
"""What little beside a login may be taken for text: a short item has more."""
MEDIA_WORDS = 80
"""A description of what is shown is shorter, an article longer."""
MEDIA_TYPES = frozenset(("videoobject", "audioobject", "videogallery", "imagegallery", "mediagallery"))
"""https://schema.org/MediaObject and https://schema.org/MediaGallery, as far as pages are about one."""
FORM_BYTES = 512 * 1024
"""Larger pages are not looked at for forms."""

# A form that takes consent has a button to do so; the banners of ordinary pages are made by scripts.
_CONSENT_FORM = (
    "boolean(//form[.//button or .//input[@type='submit']][contains(@action, 'consent') or "
    ".//*[contains(@name, 'consent') or contains(@class, 'consent') or contains(@id, 'consent') "
    "or contains(@name, 'agree') or contains(@class, 'accept') or contains(@id, 'accept')]])"
)
_LOGIN_FORM = "boolean(//form//input[@type='password'])"


def marked(draft: Draft, page: Parsed, body: bytes) -> Draft:
    """The draft with what the page is instead of an article, if it is: as `skip` and as the first issue."""
    if draft.skip not in (None, Reason.NO_TEXT, Reason.LISTING_PAGE):
        return draft
    reason = _reason(draft, page, body) or draft.skip
    if reason is None or reason is Reason.NO_TEXT:
        return draft
    others = (issue for issue in draft.issues if issue not in (Reason.NO_TEXT, reason))
    return replace(draft, skip=reason, issues=(reason.value, *others), score=0.0)


def _reason(draft: Draft, page: Parsed, body: bytes) -> Reason | None:
    if draft.word_count < challenge.FEW_WORDS and challenge.in_page(body):
        return Reason.BOT_CHALLENGE
    if not page.ld.article:
        if _is_error(page, draft.word_count):
            return Reason.SOFT_NOT_FOUND
        if form := _form(page, draft.word_count, body):
            return form
    if draft.access == "paywall" and not draft.text:
        return Reason.PAYWALL
    return Reason.MEDIA_PAGE if draft.word_count < MEDIA_WORDS and _is_media(page) else None


def _is_media(page: Parsed) -> bool:
    """Does the page say that it is there for a video, sound or pictures, and nothing of an article?"""
    kind = (page.first("og:type") or "").casefold()
    if page.ld.own_article or kind.startswith("article"):
        return False
    return kind.startswith(("video", "music")) or bool(MEDIA_TYPES & page.ld.kinds)


def _is_error(page: Parsed, word_count: int) -> bool:
    titled = is_error_title(_one_line(page.tree.findtext(".//title")))
    headed = any(
        is_error_title(_one_line(h1.text_content())) for h1 in page.tree.xpath("(//h1)[position() <= 3]")
    )
    return (titled and word_count < FEW_WORDS) or (titled and headed and word_count < TEASERS_WORDS)


def _form(page: Parsed, word_count: int, body: bytes) -> Reason | None:
    if word_count > TEASERS_WORDS or len(body) > FORM_BYTES:
        return None
    consents, logs_in = page.tree.xpath(_CONSENT_FORM), page.tree.xpath(_LOGIN_FORM)
    if not (consents or logs_in):
        return None
    shown = visible_text(body.decode("utf-8", "replace"))
    if consents and is_consent(shown):
        return Reason.CONSENT_WALL
    return Reason.LOGIN_WALL if logs_in and word_count < LOGIN_WORDS and is_login(shown) else None


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
