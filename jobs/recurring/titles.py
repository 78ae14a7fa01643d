"""What the titles of one site have in common (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jobs.extract.headline import segments
from jobs.extract.plain import letters
from jobs.recurring.memory import Memory
from jobs.recurring.signs import MAX_AFFIX_WORDS, affix_sign, heading_sign
from jobs.recurring.verdict import LEAST
from jobs.words import count_words

SHARE = 0.1
"""Of the site's recent articles. A section's name is in its own articles only."""


@dataclass(frozen=True, slots=True)
class SiteTitles:
    """What a site's memory says of parts of titles."""

    memory: Memory

    def is_affix(self, segment: str) -> bool:
        """Do other articles have this first or last part of a title, too: a section, the site's name?"""
        return count_words(segment) <= MAX_AFFIX_WORDS and self._recurs(affix_sign(segment), segment)

    def is_label(self, heading: str) -> bool:
        """Do other articles have this whole heading, so that it can't be the headline of one?"""
        return self._recurs(heading_sign(heading), heading)

    def left_out(
        self, headline: str, titles: Iterable[str], without_site: Callable[[str], str]
    ) -> str | None:
        """The part of a title that its headline lost for being in others; None for the site's name alone.

        Args:
            headline: as it was chosen.
            titles: what the page calls itself.
            without_site: a title without the site's name, as far as the page tells it.
        """
        for title in map(without_site, titles):
            for segment in segments(title):
                whole, ends = letters(title), (letters(headline + segment), letters(segment + headline))
                if whole in ends and self.is_affix(segment):
                    return segment
        return None

    def _recurs(self, sign: bytes, text: str) -> bool:
        evidence = self.memory.evidence(sign)
        return bool(letters(text)) and evidence.articles >= LEAST and evidence.share >= SHARE
