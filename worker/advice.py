"""What an operator can do about a link that ended without an article, by its reason."""

from __future__ import annotations

ADVICE: dict[str, str] = {
    "not_found": "Nothing; if a whole feed has it, its links are wrong: `palmyra feeds check`.",
    "soft_not_found": "Nothing; if a whole feed has it, its links are wrong: `palmyra feeds check`.",
    "gone": "Nothing.",
    "legal_reasons": "A court's order, or a site that serves some countries only (status 451).",
    "forbidden": (
        "Open it in a browser: a country block, or a wall against robots. Respect it, or ask the publisher."
    ),
    "login_wall": "Ask the publisher for a feed with the full content; it stands in then.",
    "paywall": (
        "Ask the publisher for a feed with the full content. A page that shows at least a teaser is "
        "published, with the issue `paywall`."
    ),
    "consent_wall": "Ask the publisher for a feed with the full content; we click no buttons.",
    "bot_challenge": (
        "`palmyra why` names the product. Ask the publisher to let your `User-Agent` or address in, "
        "or for a full feed."
    ),
    "rate_limited": "Raise `PALMYRA_HOST_DELAY`, then requeue.",
    "http_error": "`palmyra why` has the status.",
    "server_error": "Requeue when it is well again.",
    "redirect_loop": "Often a cookie or consent wall; open it in a browser.",
    "bad_redirect": "The site's mistake, or a redirect to something that is no web address.",
    "not_html": "Nothing: a PDF, a video, a picture.",
    "empty": "Open it in a browser; some sites answer robots so.",
    "too_large": "Nothing: no article is that long.",
    "bomb": "Nothing: a mistake of the site, or an attack.",
    "headers_too_large": "Nothing: browsers refuse it, too.",
    "wrong_length": "Requeue later; if it is every site, something between you and them.",
    "too_slow": "Requeue later; if it is every site, your bandwidth, or lower `PALMYRA_FETCH_CONCURRENCY`.",
    "bad_response": "Requeue later; else the site's mistake.",
    "robots": "Respect it, or ask the publisher.",
    "robots_unreachable": (
        "Requeue when the site is well again; `palmyra why` has what its robots.txt answered."
    ),
    "blocked_address": (
        "Yours? `PALMYRA_ALLOW_NETWORKS` or `PALMYRA_ALLOW_PORTS`. Otherwise it was right to refuse."
    ),
    "bad_url": "The feed's mistake: `palmyra feeds check`.",
    "dns": "If it is every site, your resolver; then `palmyra failed requeue --all`.",
    "tls": "An expired or wrong certificate; if it is every site, your clock or your CA certificates.",
    "connect": "If it is every site, your network or firewall.",
    "timeout": "Requeue later; if it is every site, your network.",
    "no_text": (
        "`palmyra extract URL` shows what is found. A site that needs a script to show its text, perhaps."
    ),
    "listing_page": "The feed links to sections, or the article moved: `palmyra feeds check`.",
    "media_page": "Nothing; `palmyra extract URL` shows what was found beside it.",
    "too_complex": "Nothing; it cost one worker process, which was replaced.",
    "poison": "`palmyra extract URL` on a machine you can spare, and report it as a bug.",
    "stopped": "It is tried again later, as after trouble that may pass.",
    "page_lost": "Add article workers, or raise `PALMYRA_KEEP_PAGES`.",
    "lost": "Look for workers that die: their logs, and the kernel's for a lack of memory. Then requeue.",
    "withdrawn": "Nothing; `palmyra refetch --force` lifts the withdrawal.",
}
"""By reason word. The same words as in `docs/operating.md`, where operators look them up."""


def advice(reason: str | None) -> str | None:
    """What to do, in a sentence or two; None for no reason, or for one of another version."""
    return ADVICE.get(reason) if reason else None
