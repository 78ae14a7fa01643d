"""Which AI crawlers a robots.txt keeps out altogether (RFC 9309). Pure: bytes in, names out.

What is reserved by naming crawlers says nothing of what we may fetch; it is told to consumers in `rights`.
"""

from __future__ import annotations

import re

from jobs.robots import MAX_BYTES

AGENTS = (
    "AI2Bot", "Amazonbot", "anthropic-ai", "Applebot-Extended", "Bytespider", "CCBot", "ChatGPT-User",
    "Claude-Web", "ClaudeBot", "cohere-ai", "cohere-training-data-crawler", "Diffbot", "FacebookBot",
    "Google-Extended", "GPTBot", "ImagesiftBot", "Meta-ExternalAgent", "MistralAI-User", "OAI-SearchBot",
    "omgili", "PanguBot", "PerplexityBot", "Timpibot", "YouBot",
)  # fmt: skip
"""Product tokens that AI companies and collectors of training data have published as theirs."""
_BY_NAME = {name.lower(): name for name in AGENTS}
_FIELD = re.compile(rb"^[ \t]*(user-agent|disallow|allow)[ \t]*:[ \t]*([^#\r\n]*)", re.I | re.M)


def barred(body: bytes) -> tuple[str, ...]:
    """The `AGENTS` whose own group disallows everything and allows nothing, in alphabetical order."""
    rules: dict[str, set[str]] = {}
    group: set[str] = set()
    naming = False
    for match in _FIELD.finditer(body[:MAX_BYTES]):
        field, value = match[1].lower(), match[2].strip().decode("utf-8", "replace")
        if field == b"user-agent":
            group = group if naming else set()
            naming = True
            if name := _BY_NAME.get(value.partition("/")[0].strip().lower()):
                group.add(name)
            continue
        naming = False
        for name in group:
            rules.setdefault(name, set()).add(f"{field.decode()} {value}")
    return tuple(name for name in AGENTS if _bars_all(rules.get(name, set())))


def _bars_all(rules: set[str]) -> bool:
    nothing_allowed = not any(rule.startswith("allow ") and rule != "allow " for rule in rules)
    return nothing_allowed and bool({"disallow /", "disallow *", "disallow /*"} & rules)
