"""What is remembered of one site: how many of its articles had what (pure).

Two parts, since nearly all that an article says is said once: a short queue of what was seen in one article,
and counts of what came again before it left that queue. Both are bounded, so a site's memory is at most
`MAX_BYTES` whatever the site sends. Counts decay with each article seen, not with time: a site that changes
its boilerplate is followed at the pace at which it publishes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntFlag
from hashlib import blake2b

DIGEST_BYTES = 6
MOST_ONCE = 800
"""What was seen in one article: some 30 articles of usual length."""
MOST_OFTEN = 250
"""What was seen in several; when there is more, the rarest go."""
MOST_RECENT = 16
"""Articles that are known by name, so that none counts twice."""
HALF_LIFE = 100
"""Articles after which a sighting counts half."""
MOST_COUNTED = 250

_FORMAT = b"\x01"
_HEAD = struct.Struct("<cIBHH")
_ROW = struct.Struct(f"<{DIGEST_BYTES}sBBBIf")
MAX_BYTES = _HEAD.size + (MOST_RECENT + MOST_ONCE) * DIGEST_BYTES + MOST_OFTEN * _ROW.size  # 9.4 KB
_DECAY = 0.5 ** (1 / HALF_LIFE)


class Place(IntFlag):
    """Where in its article something stood; neither: in the middle."""

    MIDDLE = 0
    HEAD = 1
    TAIL = 2


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something that several articles of a site had."""

    articles: int
    """Different ones, at most `MOST_COUNTED`."""
    head: int
    """In how many of them it stood near the beginning; the first one is not counted."""
    tail: int
    at: int
    """Number of the article that had it last."""
    weight: float
    """Articles that had it, decayed to that one."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How an article's part compares with the site's other articles; the article itself counts as one."""

    articles: int
    """Different articles that had it, this one included."""
    share: float
    """Of the site's recent articles, 0–1."""
    head: float = 0.0
    """Share of the sightings in which it stood near the beginning, as far as known."""
    tail: float = 0.0


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of one site."""

    articles: int = 0
    """How many it was learned from."""
    recent: tuple[bytes, ...] = ()
    """The newest of them, oldest first."""
    often: Mapping[bytes, Sighting] = field(default_factory=dict)
    once: Mapping[bytes, None] = field(default_factory=dict)
    """Seen in one article, in order."""

    def knows(self, sign: bytes) -> bool:
        """Has another article had this?"""
        return sign in self.often or sign in self.once

    def evidence(self, sign: bytes) -> Evidence:
        """What is known of a part of an article that is not yet learned from."""
        all_weight = 1 + _DECAY * (1 - _DECAY**self.articles) / (1 - _DECAY)
        seen = self.often.get(sign)
        if seen is None:
            before = int(sign in self.once)
            return Evidence(1 + before, min(1.0, (1 + before) / all_weight))
        weight = 1 + seen.weight * _DECAY ** (self.articles + 1 - seen.at)
        placed = max(1, seen.articles - 1)
        return Evidence(
            seen.articles + 1, min(1.0, weight / all_weight), seen.head / placed, seen.tail / placed
        )

    def learn(self, article: str, signs: Mapping[bytes, Place]) -> Memory:
        """The memory with one more article; the same if it was learned from lately, or teaches nothing.

        Args:
            article: its identity.
            signs: what it has, and where.
        """
        name = digest("article", article)
        if name in self.recent or not signs:
            return self
        number = self.articles + 1
        often, once = dict(self.often), dict(self.once)
        for sign, place in signs.items():
            if sign in often:
                often[sign] = _again(often[sign], place, number)
            elif sign in once:
                del once[sign]
                often[sign] = _again(Sighting(1, 0, 0, number - 1, 1.0), place, number)
            else:
                once[sign] = None
        return Memory(
            articles=number,
            recent=(*self.recent, name)[-MOST_RECENT:],
            often=_heaviest(often, number),
            once=dict.fromkeys(list(once)[-MOST_ONCE:]),
        )

    def pack(self) -> bytes:
        """As Redis keeps it, at most `MAX_BYTES`. The beginning differs after each article: see `version`."""
        head = _HEAD.pack(_FORMAT, self.articles, len(self.recent), len(self.often), len(self.once))
        rows = (
            _ROW.pack(sign, one.articles, one.head, one.tail, one.at, one.weight)
            for sign, one in self.often.items()
        )
        return b"".join((head, *self.recent, *rows, *self.once))


VERSION_BYTES = _HEAD.size
"""How much of a packed memory tells it from that before the latest article."""


def unpack(packed: bytes) -> Memory:
    """What `Memory.pack` made; an empty memory for anything else: it is learned anew."""
    try:
        form, articles, recent, often, once = _HEAD.unpack_from(packed)
    except struct.error:
        return Memory()
    rows_at = _HEAD.size + recent * DIGEST_BYTES
    once_at = rows_at + often * _ROW.size
    if form != _FORMAT or len(packed) != once_at + once * DIGEST_BYTES:
        return Memory()
    rows = _ROW.iter_unpack(packed[rows_at:once_at])
    return Memory(
        articles,
        tuple(_slices(packed[_HEAD.size : rows_at])),
        {sign: Sighting(n, head, tail, at, weight) for sign, n, head, tail, at, weight in rows},
        dict.fromkeys(_slices(packed[once_at:])),
    )


def digest(kind: str, text: str) -> bytes:
    """The name under which something is remembered; `kind` keeps things of different kinds apart."""
    said = f"{kind}:{text}".encode("utf-8", "replace")
    return blake2b(said, digest_size=DIGEST_BYTES).digest()


def _again(seen: Sighting, place: Place, number: int) -> Sighting:
    if seen.articles >= MOST_COUNTED:
        seen = replace(seen, articles=seen.articles // 2, head=seen.head // 2, tail=seen.tail // 2)
    return Sighting(
        articles=seen.articles + 1,
        head=seen.head + int(Place.HEAD in place),
        tail=seen.tail + int(Place.TAIL in place),
        at=number,
        weight=1 + seen.weight * _DECAY ** (number - seen.at),
    )


def _heaviest(often: dict[bytes, Sighting], number: int) -> dict[bytes, Sighting]:
    if len(often) <= MOST_OFTEN:
        return often
    kept: Iterable[bytes] = sorted(
        often, key=lambda sign: often[sign].weight * _DECAY ** (number - often[sign].at), reverse=True
    )
    return {sign: often[sign] for sign in list(kept)[:MOST_OFTEN]}


def _slices(packed: bytes) -> Iterator[bytes]:
    for start in range(0, len(packed), DIGEST_BYTES):
        yield packed[start : start + DIGEST_BYTES]
