"""What is too complex to parse, told from the bytes before any parser sees them.

One linear pass; only the depth is told by the parser. It is a sieve against what is known to blow up, not a
proof: what slips through meets the deadline and the memory limit of the process that parses. The limits are
far above the largest of some 750 real news pages (2.9 MB, 5,000 tags, 45 deep).
"""

from __future__ import annotations

import re

from jobs.errors import Permanent, Reason

MAX_BODY_BYTES = 3 * 1024 * 1024
"""Parsed trees take 10 to 30 times the bytes."""
MAX_TAGS = 30_000
"""The extractor's time grows with the square of siblings: 20,000 paragraphs take 1 s, 200,000 a minute."""
MAX_INLINE_RUN = 8_000
"""Tags in a row without a block's begin or end: 20,000 inside one paragraph took the extractor 23 s."""
MAX_ATTRIBUTES = 1_000
"""Of one tag: the parser compares each with all before it (40,000: 1.3 s, 700 KB of them: 12 s)."""
MAX_DEPTH = 500
"""Nesting, told after parsing: the extractor's time grows with depth times elements."""

# A tag with its attributes; a quoted value may hold ">", and quotes count after "=" only, as in browsers.
# Possessive, and never fails once begun: linear.
_TAG = re.compile(rb"""<(/?[a-zA-Z!][a-zA-Z0-9:-]*+)((?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+)""")
# Text, and tags with no more than some 900 attributes: 60 parts, each one with a value or 15 without.
_ORDINARY = re.compile(
    rb"""(?:[^<]++|<(?!(?i:script|style))/?[a-zA-Z][a-zA-Z0-9:-]*+"""
    rb"""(?:[^>=]{1,30}+|=\s*+(?:"[^"]*+"|'[^']*+')?+){0,60}+(?=>)|<(?![a-zA-Z!/]))*+"""
)
_QUOTED = re.compile(rb"""=\s*+(?:"[^"]*+"|'[^']*+')""")
_INLINE_NAMES = (
    b"a abbr b bdi bdo big br cite code del dfn em font i img input ins kbd label mark q s samp small span "
    b"strike strong sub sup time tt u var wbr".split()
)
_INLINE = frozenset(slash + name for name in _INLINE_NAMES for slash in (b"", b"/"))
_SKIPPED = (b"script", b"style")
_SLASH = ord("/")


def check(body: bytes) -> None:
    """Let pass what can be parsed within the limits.

    Raises:
        Permanent: `Reason.TOO_COMPLEX`; the message says which limit.
    """
    if len(body) > MAX_BODY_BYTES:
        raise _too_complex(f"{len(body):,} bytes, the limit is {MAX_BODY_BYTES:,}")
    tags = run = position = 0
    need_no_count = body.count(b"<") <= min(MAX_TAGS, MAX_INLINE_RUN)
    while match := _TAG.search(body, _after_ordinary(body, position) if need_no_count else position):
        name, attributes = match[1].lower(), match[2]
        position = match.end()
        if name in _SKIPPED or name.startswith(b"!"):
            position = _after(body, name, position, match.start())
            if name.startswith(b"!"):
                continue
        tags += name[0] != _SLASH
        run = run + 1 if name in _INLINE else 0
        if tags > MAX_TAGS:
            raise _too_complex(f"more than {MAX_TAGS:,} tags")
        if run > MAX_INLINE_RUN:
            raise _too_complex(f"more than {MAX_INLINE_RUN:,} inline tags in one block")
        # Each attribute takes two bytes at least, so short tags need no counting.
        if len(attributes) > 2 * MAX_ATTRIBUTES and _count(attributes) > MAX_ATTRIBUTES:
            raise _too_complex(f"more than {MAX_ATTRIBUTES:,} attributes in one tag")


def _after_ordinary(body: bytes, position: int) -> int:
    match = _ORDINARY.match(body, position)
    return match.end() if match else position


def _after(body: bytes, name: bytes, end: int, start: int) -> int:
    """Where to go on: behind the content of scripts, styles and comments, which hold no tags."""
    if name in _SKIPPED:
        closing = body.find(b"</", end)
        while closing >= 0 and body[closing + 2 : closing + 2 + len(name)].lower() != name:
            closing = body.find(b"</", closing + 2)
        return closing if closing >= 0 else len(body)
    if name.startswith(b"!--"):
        closing = body.find(b"-->", start + 2)
        return closing if closing >= 0 else len(body)
    return end


def _count(attributes: bytes) -> int:
    return len(_QUOTED.sub(b" ", attributes).split())  # parsers need no space after a quoted value


def _too_complex(detail: str) -> Permanent:
    return Permanent(Reason.TOO_COMPLEX, detail)
