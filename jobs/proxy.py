"""Proxies that an operator names for a feed: the one way around dialling ourselves."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import unquote_to_bytes, urlsplit

import httpcore2

from jobs.errors import Permanent, Reason
from jobs.urls import redact

SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy(url: str) -> httpcore2.Proxy:
    """A proxy by its URL: ``http://user:password@host:3128``.

    Raises:
        Permanent: `BAD_URL`; it is none that can be used, with what is wrong.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad(url, str(error)) from None
    if parts.scheme not in SCHEMES:
        raise _bad(url, f"a proxy's URL begins with one of {', '.join(f'{s}://' for s in SCHEMES)}")
    if not host or not host.isascii() or not port:
        raise _bad(url, "a proxy's URL names its host and port")
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise _bad(url, "SOCKS proxies need the Python package socksio: install it, or name an HTTP proxy")
    user, password = (unquote_to_bytes(text or "") for text in (parts.username, parts.password))
    place = httpcore2.URL(scheme=parts.scheme, host=host, port=port, target="/")
    return httpcore2.Proxy(place, auth=(user, password) if user or password else None)


def _bad(url: str, why: str) -> Permanent:
    return Permanent(Reason.BAD_URL, f"{redact(url)}: {why}")
