"""robots.txt: what a site lets us fetch (RFC 9309). Pure: text in, verdicts out.

protego matches the rules; before it sees them, the one group of lines that is ours is picked here, so that
what others are told costs neither memory nor time, and a hostile file is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loaded only by who has rules to match
    from protego import Protego

TOKEN = "Palmyra"  # noqa: S105 - a product token (RFC 9309, 2.2.1), no secret
"""What publishers call us in their robots.txt, in any case."""
MAX_BYTES = 512 * 1024
"""How much of a file is read: at least 500 KiB (RFC 9309, 2.5)."""
MAX_CRAWL_DELAY_S = 60.0
"""A longer Crawl-delay is taken as this: whoever lets us in at all can't mean less than 1,440 pages a day."""
LONGEST_KEPT_S = 86_400.0
"""RFC 9309, 2.4: not used for longer than 24 hours, unless the site can't be reached."""
SHORTEST_KEPT_S = 600.0
"""Whatever Cache-Control says: once in ten minutes is enough for a file of rules."""
MAX_WORK = 100_000_000
"""Characters of patterns with wildcards, times those of a URL: 40 ms at the worst."""

_AGENT = re.compile(r"(?:user-?agent|user agent)(?:\s*:|\s)\s*(.*)", re.I | re.S)
_NAME = re.compile(r"\*(?=\s|$)|[a-z_-]+", re.I)
# The fields that can matter to us, in all the spellings that protego takes.
_RULE = re.compile(r"(?:allow|di[a-z]*|crawl[- ]delay)\b", re.I)
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", re.I)
_NEVER = re.compile(r"(?:^|[\s,])no-(?:cache|store)\b", re.I)


@dataclass(frozen=True)
class Rules:
    """What one robots.txt says to us."""

    text: str = ""
    """The lines of our group, as `ours` gives them; ``""``: everything is allowed."""

    @cached_property
    def _parsed(self) -> Protego:
        from protego import Protego

        return Protego.parse(f"User-agent: {TOKEN}\n{self.text}")

    @cached_property
    def _wildcard_chars(self) -> int:
        return sum(len(line) for line in self.text.split("\n") if "*" in line)

    def prepare(self) -> None:
        """Parse now: of a large file that takes some 0.3 s, which is not for an event loop."""
        if self.text:
            _ = self._parsed, self._wildcard_chars

    def allows(self, target: str) -> bool:
        """May we fetch this path and query?

        The longest match decides, Allow wins a tie. What would take too long to find out is not allowed.
        """
        if not self.text:
            return True
        if self._wildcard_chars * len(target) > MAX_WORK:
            return False
        # Only the path and the query are matched; with a host before it, "//x" is a path, too.
        return self._parsed.can_fetch(f"http://host{target}", TOKEN)

    @property
    def crawl_delay_s(self) -> float:
        """Seconds it asks for between two requests, at most `MAX_CRAWL_DELAY_S`; 0: it says nothing."""
        if not self.text:
            return 0.0
        return min(self._parsed.crawl_delay(TOKEN) or 0.0, MAX_CRAWL_DELAY_S)


def ours(body: bytes) -> str:
    """The lines of a robots.txt that are meant for us: of our own group, or else of everybody's.

    Groups of one name are taken together, names compared without case and up to what follows a product
    token (``Palmyra/1.0``). Lines that are none are passed over, so any bytes will do (RFC 9309, 2.2).
    """
    groups: dict[str, dict[str, None]] = {}
    group: set[str] = set()
    naming = False
    for line in _lines(body):
        if found := _AGENT.match(line):
            group = group if naming else set()
            naming = True
            name = _NAME.match(found[1])
            if name and name[0].lower() in ("*", TOKEN.lower()):
                group.add(name[0].lower())
                groups.setdefault(name[0].lower(), {})
        elif _RULE.match(line):
            naming = False
            for name_of_group in group:
                groups[name_of_group][line] = None
    return "\n".join(groups.get(TOKEN.lower(), groups.get("*", {})))


def _lines(body: bytes) -> Iterator[str]:
    """The lines, without comments and the space around them. What `MAX_BYTES` cuts through is none."""
    text = body[:MAX_BYTES].decode("utf-8", "replace").removeprefix("\ufeff")
    lines = _LINE_ENDS.split(text)
    if len(body) >= MAX_BYTES:
        lines.pop()
    for line in lines:
        # One line for protego as well, which ends lines at more characters.
        yield " ".join(line.partition("#")[0].split())


def kept_for_s(cache_control: str) -> float:
    """How long a copy serves, by the Cache-Control that it came with: ten minutes to a day."""
    if _NEVER.search(cache_control):
        return SHORTEST_KEPT_S
    age = _MAX_AGE.search(cache_control)
    return min(max(float(age[1]), SHORTEST_KEPT_S), LONGEST_KEPT_S) if age else LONGEST_KEPT_S
