"""What a page is instead of an article ends up in `skip`, as the first issue, and only where that is sure."""

from __future__ import annotations

import json

import pytest

from jobs.errors import Reason
from jobs.extract import Draft, extract
from tests.unit.walls.pages import CHALLENGES, NOT_CHALLENGES, WORDS, article, page, script

URL = "https://www.one.test/2026/11/ferry"
TEASERS = "".join(f"<li><a href='/{n}'>Another story of the day, number {n}</a></li>" for n in range(25))
CONSENT = (
    "<h1>Before you continue</h1><p>We and our partners use cookies and process personal data. You can "
    "accept or reject this; your consent can be withdrawn in the privacy settings.</p>"
    "<form action='/consent/save' method='post'><button>Accept all</button><button>Reject all</button></form>"
)
LOGIN = (
    "<h1>Log in</h1><form method='post'><input name='email'><input type='password' name='p'>"
    "<button>Log in</button></form><p>Forgotten your password?</p>"
)


def ld(**fields: object) -> str:
    described = {"@type": "NewsArticle", "headline": "Ferry", **fields}
    return f"<script type='application/ld+json'>{json.dumps(described)}</script>"


def extracted(body: bytes) -> Draft:
    return extract(body, url=URL)


INSTEAD = [
    (
        Reason.SOFT_NOT_FOUND,
        page("Page not found | The Daily", "<h1>Page not found</h1><p>Try the search.</p>"),
    ),
    (Reason.SOFT_NOT_FOUND, page("404", f"<h1>Oops! Page not found</h1><ul>{TEASERS}</ul>")),
    (Reason.SOFT_NOT_FOUND, page("Seite nicht gefunden - Blatt", f"<p>{WORDS * 2}</p>")),
    (Reason.CONSENT_WALL, page("Before you continue to One", CONSENT)),
    (Reason.LOGIN_WALL, page("Log in | One", LOGIN)),
    (Reason.PAYWALL, page("Ferry", "<h1>Ferry</h1>", ld(isAccessibleForFree=False))),
    (Reason.NO_TEXT, page("Ferry", "<h1>Ferry</h1>", ld())),
    (Reason.NO_TEXT, page("Ferry", "<div id='root'></div>" + script(src="/app.js"))),
    *((Reason.BOT_CHALLENGE, body) for name, (_, _, body) in CHALLENGES.items() if name != "AWS WAF"),
]


@pytest.mark.parametrize(("reason", "body"), INSTEAD)
def test_no_article(reason: Reason, body: bytes) -> None:
    """The reason is told, as the first issue too, and the score is nothing."""
    draft = extracted(body)
    assert draft.skip is reason
    assert draft.issues[0] == reason
    assert draft.score == 0


ARTICLES = [
    article("Page not found"),
    article("The 404 page as an art form"),
    article("Cookies and consent", CONSENT),
    article("Log in", LOGIN),
    page("Not found", f"<h1>Not found</h1><p>{WORDS * 4}</p>", ld(isAccessibleForFree=False)),
    page("Ferry", f"<article><h1>Ferry</h1><p>{WORDS * 4}</p></article>{LOGIN}"),
    *(body for name, (_, _, body) in NOT_CHALLENGES.items() if name.startswith("an article")),
]


@pytest.mark.parametrize("body", ARTICLES)
def test_articles(body: bytes) -> None:
    """About errors, cookies or logins, with forms beside them, behind a wall: they are published."""
    assert extracted(body).skip is None
