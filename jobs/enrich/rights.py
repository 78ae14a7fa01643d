"""What the publisher says about use, as of the fetch: licence, holder, and what is reserved.

Read from the answer's headers, the page's meta tags, links and JSON-LD, and the site's robots.txt:

- TDM Reservation Protocol (W3C community group report TDMRep): ``tdm-reservation`` and ``tdm-policy`` as
  header or meta tag; where the two contradict each other, the reservation counts.
- ``robots`` directives in meta tags and the X-Robots-Tag header: ``noai``, ``noimageai``, and those of search
  engines.
- schema.org ``license``, ``copyrightHolder``, ``copyrightNotice``; ``rel=license``; Dublin Core.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from jobs.article import Rights
from jobs.enrich.enricher import Enricher, Findings, Subject
from jobs.enrich.run import in_part

DIRECTIVES = {
    "noai": "ai", "noimageai": "ai-images", "nosnippet": "snippets", "max-snippet:0": "snippets",
    "noarchive": "archive", "noindex": "indexing", "none": "indexing",
}  # fmt: skip
"""Robots directive → the use it reserves."""
MAX_CHARS = 300

_AGENT = re.compile(r"^\s*([a-z0-9_.-]+)\s*:\s*(?=[a-z])", re.I)
_NO_AGENTS = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
_URL = re.compile(r"https?://[^\s<>\"']{3,280}$")

Said = tuple[str, str]
"""Origin and value."""


def rights(subject: Subject) -> Findings:
    """What is stated; nothing where nothing is."""
    named = {
        "license": _first(_licences(subject)),
        "holder": _first(_holders(subject)),
        "notice": _first(_notices(subject)),
        "policy": _first(_tdm(subject, "tdm-policy")),
    }
    reserved, allowed = _reserved(subject)
    if not any(named.values()) and not reserved and not allowed:
        return {}
    value = Rights(
        **{name: said[1] if said else None for name, said in named.items()},
        reserved=tuple(dict.fromkeys(use for _, use in reserved)),
        allowed=tuple(dict.fromkeys(use for _, use in allowed)),
        barred_agents=subject.barred_agents,
    )
    origins = {name: said[0] for name, said in named.items() if said}
    for name, uses in (("reserved", reserved), ("allowed", allowed)):
        if uses:
            origins[name] = ", ".join(dict.fromkeys(origin for origin, _ in uses))
    whole = ", ".join(dict.fromkeys(", ".join(origins.values()).split(", ")))
    return {"rights": (whole, value), **in_part(origins, "rights")}


def _reserved(subject: Subject) -> tuple[list[Said], list[Said]]:
    """The uses that are reserved, and those that expressly are not."""
    tdm = [(origin, value.strip()) for origin, value in _tdm(subject, "tdm-reservation")]
    reserved = [(origin, "tdm") for origin, value in tdm if value == "1"]
    allowed = [] if reserved else [(origin, "tdm") for origin, value in tdm if value == "0"]
    for origin, directive in _directives(subject):
        if directive in DIRECTIVES:
            reserved.append((origin, DIRECTIVES[directive]))
    if subject.barred_agents:
        reserved.append(("robots", "ai-crawlers"))
    return reserved, allowed


def _tdm(subject: Subject, name: str) -> Iterator[Said]:
    yield from (("meta", value) for value in subject.draft.evidence.meta.get(name, ())[:1])
    if value := subject.headers.get(name):
        yield "header", value


def _directives(subject: Subject) -> Iterator[Said]:
    """The robots directives that are for everybody."""
    for value in subject.draft.evidence.meta.get("robots", ()):
        yield from (("meta", part) for part in _parts(value))
    # Several header lines arrive joined by commas; what follows “googlebot:” is that crawler's alone.
    tag = subject.headers.get("x-robots-tag", "")
    agent = _AGENT.match(tag)
    if not agent or agent[1].lower() in _NO_AGENTS:
        yield from (("header", part) for part in _parts(tag))


def _parts(value: str) -> list[str]:
    return ["".join(part.split()).casefold() for part in value.split(",")]


def _licences(subject: Subject) -> Iterator[Said]:
    evidence = subject.draft.evidence
    yield from (("json-ld", text) for text in _texts(evidence.described.get("license"), "url", "@id", "name"))
    yield from (("html", url) for url in evidence.licences)
    for name in ("dcterms.license", "dc.rights.license", "license"):
        yield from (("meta", value) for value in evidence.meta.get(name, ()))


def _holders(subject: Subject) -> Iterator[Said]:
    evidence = subject.draft.evidence
    for name in ("copyrightHolder", "sourceOrganization"):
        yield from (("json-ld", text) for text in _texts(evidence.described.get(name), "name"))
        if name == "copyrightHolder":
            for meta in ("dcterms.rightsholder", "dc.rightsholder"):
                yield from (("meta", value) for value in evidence.meta.get(meta, ()))


def _notices(subject: Subject) -> Iterator[Said]:
    evidence = subject.draft.evidence
    yield from (("json-ld", text) for text in _texts(evidence.described.get("copyrightNotice")))
    for name in ("copyright", "dcterms.rights", "dc.rights", "rights"):
        yield from (("meta", value) for value in evidence.meta.get(name, ()))


def _texts(value: Any, *names: str) -> Iterator[str]:
    """The strings in JSON-LD's “one or many, text or object”."""
    for one in value if isinstance(value, list) else [value]:
        found = next((one[n] for n in names if one.get(n)), None) if isinstance(one, dict) else one
        if isinstance(found, str):
            yield found


def _first(candidates: Iterable[Said]) -> Said | None:
    for origin, value in candidates:
        text = " ".join(value.split())
        if text and len(text) <= MAX_CHARS and text.isprintable():
            return origin, text
    return None


ENRICHER = Enricher("rights", ("rights",), 0.05, rights, summary="licence, holder, and what is reserved")
