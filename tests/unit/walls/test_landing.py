"""Where redirects end tells walls and missing pages, for links that did not begin there."""

from __future__ import annotations

import pytest

from jobs.errors import Permanent, Reason, Skip
from jobs.walls import landed

ASKED = "https://www.one.test/2026/11/ferry"

WALLS = [
    ("https://consent.one.test/v2/collectConsent?sessionId=1", Reason.CONSENT_WALL),
    ("https://guce.one.test/consent?brandType=x", Reason.CONSENT_WALL),
    ("https://myprivacy.two.test/consent?siteKey=1&callbackUrl=x", Reason.CONSENT_WALL),
    ("https://www.one.test/cookie-wall.php?to=/2026/11/ferry", Reason.CONSENT_WALL),
    ("https://www.one.test/login?next=/2026/11/ferry", Reason.LOGIN_WALL),
    ("https://www.one.test/user/Sign-In/", Reason.LOGIN_WALL),
    ("https://www.one.test/wp-login.php?redirect_to=x", Reason.LOGIN_WALL),
    ("https://accounts.one.test/start", Reason.LOGIN_WALL),
    ("https://www.one.test/anmelden.html", Reason.LOGIN_WALL),
]
PAGES = [
    ASKED,
    "http://www.one.test/2026/11/ferry",
    "https://www.one.test/2026/11/ferry/",
    "https://www.one.test/2026/11/age-of-consent-raised",
    "https://www.one.test/politics/login-law-passed",
    "https://www.one.test/?p=123",
    "https://www.one.test/#!/2026/ferry",
    "https://two.test/ferry",
]


@pytest.mark.parametrize(("final", "reason"), WALLS)
def test_walls(final: str, reason: Reason) -> None:
    """The article should be had, but isn't: permanent, with the place in the detail."""
    found = landed(ASKED, final)
    assert isinstance(found, Permanent)
    assert found.reason is reason
    assert "www.one.test redirects to" in found.detail


@pytest.mark.parametrize("final", PAGES)
def test_pages(final: str) -> None:
    """Words in a headline, other spellings of the URL and front pages with a query are no walls."""
    assert landed(ASKED, final) is None


@pytest.mark.parametrize("final", [final for final, _ in WALLS])
def test_links_that_began_there(final: str) -> None:
    """A feed may list such pages; where they lead is not judged by the same words."""
    assert landed(final, f"{final}&more=1") is None


@pytest.mark.parametrize("path", ["/", "/index.html", "/index.php", "/home"])
def test_a_redirect_to_the_front_page_means_no_such_page(path: str) -> None:
    """Many sites answer so instead of 404. Skipped: it never was an article, as far as one can tell."""
    found = landed(ASKED, f"https://www.one.test{path}")
    assert isinstance(found, Skip)
    assert found.reason is Reason.SOFT_NOT_FOUND
    assert landed("https://www.one.test/index.html", f"https://one.test{path}") is None


def test_the_detail_is_bounded() -> None:
    """However long the URL is."""
    found = landed(ASKED, f"https://www.one.test/login/{'x' * 3000}")
    assert found is not None
    assert len(found.detail) < 200
