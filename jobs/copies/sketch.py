"""Sketches: a few numbers that texts with much in common share (pure).

MinHash with banding (Broder 1997; Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4): of two texts
that have the share s of their shingles in common, a band of r rows agrees with probability s^r. The whole
text's bands find what was edited, framed or cut to a half. A copy of the lead alone shares too little of the
whole with its original for that, so the lead has bands of its own.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import pack

from rensa import RMinHash  # type: ignore[import-untyped]  # it has no annotations

from jobs.copies.shingles import shingles, words

SEED = 20
WHOLE_BANDS, WHOLE_ROWS = 24, 3
LEAD_BANDS, LEAD_ROWS = 8, 2
LEAD_WORDS = 70
"""Some two paragraphs: what is left of an agency's text in a column of short news."""
LEAST_WORDS = 25
"""Shorter texts say too little: a picture's caption, a score."""
MOST_WORDS = 20_000
BAND_BYTES = 7


def sketch(text: str) -> tuple[bytes, ...]:
    """The bands of a text, `BAND_BYTES` each; none of a text that is too short to be told apart."""
    of = words(text)[:MOST_WORDS]
    if len(of) < LEAST_WORDS:
        return ()
    whole = _bands(b"w", shingles(of), WHOLE_BANDS, WHOLE_ROWS)
    return whole + _bands(b"l", shingles(of[:LEAD_WORDS]), LEAD_BANDS, LEAD_ROWS)


def _bands(kind: bytes, of: list[str], bands: int, rows: int) -> tuple[bytes, ...]:
    minima = RMinHash(num_perm=bands * rows, seed=SEED)
    minima.update(of)
    digest = minima.digest()
    return tuple(_band(kind, band, digest[band * rows : (band + 1) * rows]) for band in range(bands))


def _band(kind: bytes, number: int, minima: list[int]) -> bytes:
    return blake2b(pack(f"<cB{len(minima)}I", kind, number, *minima), digest_size=BAND_BYTES).digest()
