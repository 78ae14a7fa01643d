"""Who may ask for what: the login, the loopback guard and the same-origin rule. Pure, over headers."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset({"/livez", "/readyz"})
"""Answered without the password: they say nothing but that the process runs and Redis answers."""


def is_loopback(host: str) -> bool:
    """Is this Host header's name, with or without a port, this machine's own?

    A page elsewhere can have its own name resolve to 127.0.0.1 (DNS rebinding) and read what the browser then
    gets, but the Host header still carries its name.
    """
    name = _hostname(host)
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def password_matches(given: str | None, wanted: str) -> bool:
    """Compare in constant time."""
    return given is not None and hmac.compare_digest(given.encode(), wanted.encode())


def is_same_origin(headers: Mapping[str, str], host: str) -> bool:
    """Does a request that changes state come from a page of ours?

    Browsers say so in Sec-Fetch-Site (over https and on loopback), else in Origin, else in Referer; a page
    cannot forge any of them. A request with none of the three is refused: a script sends Origin itself.
    """
    fetch_site = headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site == "same-origin"
    source = headers.get("Origin") or headers.get("Referer") or ""
    try:
        parts = urlsplit(source)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == host.lower()
