"""How long the text takes to read.

Speeds from S. Trauzettel-Klosinski, K. Dietz, “Standardized Assessment of Reading Performance: The New
International Reading Speed Texts IReST” (2012): words a minute, for Chinese and Japanese characters a minute,
since `word_count` counts those.
"""

from __future__ import annotations

from jobs.enrich.enricher import Enricher, Findings, Subject

WORDS_A_MINUTE = {
    "ar": 138, "de": 179, "en": 228, "es": 218, "fi": 161, "fr": 195, "he": 187, "it": 188, "ja": 357,
    "nl": 202, "pl": 166, "pt": 181, "ru": 184, "sl": 180, "sv": 199, "tr": 166, "zh": 255,
}  # fmt: skip
OTHERS = 184
"""The mean of the seventeen languages, without the two counted in characters, rounded."""


def reading_time(subject: Subject) -> Findings:
    """Seconds for the whole text; nothing for an article without one."""
    words = subject.draft.word_count
    if not words:
        return {}
    speed = WORDS_A_MINUTE.get(subject.language or "", OTHERS)
    return {"reading_s": ("text", max(1, round(60 * words / speed)))}


ENRICHER = Enricher("reading_time", ("reading_s",), 0.01, reading_time, summary="seconds of reading")
