"""Where the redirects ended: at the article, or at a login, a consent form, the front page?"""

from __future__ import annotations

import re
from urllib.parse import unquote

from jobs.errors import Outcome, Permanent, Reason, Skip
from jobs.urls import Parts, split

_CONSENT_HOSTS = frozenset(("consent", "consents", "guce", "myprivacy", "cookiewall", "privacygate"))
_CONSENT_PATHS = frozenset(
    ("consent", "collectconsent", "cookieconsent", "cookie-consent", "privacy-consent", "gdpr-consent",
     "consentwall", "consent-wall", "cookiewall", "cookie-wall", "privacywall", "privacy-wall", "privacygate",
     "privacy-gate")
)  # fmt: skip
_LOGIN_HOSTS = frozenset(("login", "signin", "sso", "auth", "account", "accounts", "passport"))
_LOGIN_PATHS = frozenset(
    ("login", "log-in", "logon", "signin", "sign-in", "sign_in", "sso", "wp-login", "anmelden",
     "anmeldung", "einloggen", "connexion", "se-connecter", "iniciar-sesion", "inloggen", "logga-in",
     "logg-inn", "accedi", "iniciar-sessao", "zaloguj", "logowanie", "prihlaseni")
)  # fmt: skip
_FRONT_PAGE = re.compile(r"/(?:(?:index|default|home)(?:\.[a-z]{2,5})?/?)?", re.I)
_EXTENSION = re.compile(r"\.(?:html?|php|aspx?|jsp|do)$")


def landed(asked: str, final: str) -> Outcome | None:
    """What a link's redirects led to instead of its article, None when they led to a page.

    Only redirects are judged: a link that was a login page from the start says something else.

    Args:
        asked: the link's own URL.
        final: the URL that answered.
    """
    start, end = split(asked), split(final)
    if (start.host, start.path) == (end.host, end.path):
        return None
    where = f"{start.authority} redirects to {end.authority}{end.path[:100]}"
    if _is_at(end, _CONSENT_HOSTS, _CONSENT_PATHS) and not _is_at(start, _CONSENT_HOSTS, _CONSENT_PATHS):
        return Permanent(Reason.CONSENT_WALL, where)
    if _is_at(end, _LOGIN_HOSTS, _LOGIN_PATHS) and not _is_at(start, _LOGIN_HOSTS, _LOGIN_PATHS):
        return Permanent(Reason.LOGIN_WALL, where)
    if _is_front(end) and not _is_front(start):
        return Skip(Reason.SOFT_NOT_FOUND, f"{where}, its front page")
    return None


def _is_at(url: Parts, hosts: frozenset[str], paths: frozenset[str]) -> bool:
    segments = (_EXTENSION.sub("", part) for part in unquote(url.path).casefold().split("/"))
    return url.host.split(".")[0] in hosts or any(part in paths for part in segments)


def _is_front(url: Parts) -> bool:
    """Nothing in the URL names a page. A query or a fragment may."""
    return not url.query and not url.fragment and bool(_FRONT_PAGE.fullmatch(url.path or "/"))
