"""The security headers of every answer."""

from __future__ import annotations

from flask import Response

# What a page of ours may do: load our own script and styles, talk to us, and nothing else.
OUR_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def dashboard_policy(nonce: str) -> str:
    """The policy of the RQ dashboard's pages, as strict as they allow.

    They carry their script inline, so it runs by a nonce that only this answer has. ``unsafe-eval`` is for
    Underscore's templates, which compile to functions; ``style-src-attr`` for the pages' style attributes.
    Markup that gets into such a page can run no script: it has no nonce, and inline handlers are refused.
    """
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}' 'unsafe-eval'; style-src 'self'; "
        "style-src-attr 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def secure(response: Response) -> Response:
    """Add the headers that are not set yet. Only static files may be kept by caches."""
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", OUR_POLICY)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response
