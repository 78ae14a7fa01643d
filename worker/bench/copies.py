"""`palmyra bench copies`: copies as outlets make them, and texts that have nothing to do with each other.

Every text is copied in each of the ways in `WAYS`, and looked for by its sketch and then by its text, as in
production. Then all pairs of the texts themselves: what is found there is listed, for a person to look
whether they really are copies.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from jobs.copies.likeness import Kind, likeness
from jobs.copies.shingles import words
from jobs.copies.sketch import sketch
from worker.bench.quality_gold import read
from worker.demo.article import load

LEAST_WORDS = 80
"""Shorter texts have no lead to cut out."""
SEED = 4
INTRO = (
    "Our correspondent reports from the region, where officials on the ground have been following the events "
    "closely since the weekend."
)
TAIL = (
    "Read more of our coverage in the app. This report was prepared with material from news agencies. "
    "Contact the newsroom with corrections."
)
FILLERS = ("however", "reportedly", "large", "on Monday", "")
EDITED, CUT_TO, LEAD_WORDS = 0.05, 0.6, 60


@dataclass(frozen=True, slots=True)
class Way:
    """How the copies of one way of copying were found."""

    name: str
    copies: int
    sketched: int
    """Whose sketch has something in common with the original's."""
    found: int
    kinds: Mapping[str, int]
    """What the found ones were taken for."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    texts: int
    ways: tuple[Way, ...]
    pairs: int
    """Of different texts."""
    candidates: int
    """Pairs whose sketches have something in common."""
    copies: tuple[tuple[str, str, float], ...]
    """Pairs that were found to be copies: their ids and similarity."""
    sketch_ms: float
    """CPU a text."""


def run(texts: Mapping[str, str]) -> Result:
    """Measure on these texts, by id. Those under `LEAST_WORDS` are left out."""
    used = {name: text for name, text in texts.items() if len(words(text)) >= LEAST_WORDS}
    started = time.process_time()
    sketches = {name: frozenset(sketch(text)) for name, text in used.items()}
    sketch_ms = (time.process_time() - started) * 1000 / max(len(used), 1)
    candidates = _candidates(sketches)
    compared = ((a, b, likeness(used[a], used[b])) for a, b in candidates)
    return Result(
        texts=len(used),
        ways=tuple(_way(name, make, used, sketches) for name, make in WAYS.items()),
        pairs=len(used) * (len(used) - 1) // 2,
        candidates=len(candidates),
        copies=tuple((a, b, alike.similarity) for a, b, alike in compared if alike),
        sketch_ms=sketch_ms,
    )


def _candidates(sketches: Mapping[str, frozenset[bytes]]) -> list[tuple[str, str]]:
    """The pairs that share a band."""
    having = defaultdict(list)
    for name, bands in sketches.items():
        for band in bands:
            having[band].append(name)
    return sorted({pair for names in having.values() for pair in combinations(sorted(names), 2)})


def _way(
    name: str,
    make: Callable[[str, random.Random], str],
    texts: Mapping[str, str],
    sketches: Mapping[str, frozenset[bytes]],
) -> Way:
    dice = random.Random(SEED)
    kinds: Counter[str] = Counter()
    sketched = 0
    for text_id, text in texts.items():
        copy = make(text, dice)
        if sketches[text_id].isdisjoint(sketch(copy)):
            continue
        sketched += 1
        if alike := likeness(text, copy):
            kinds[alike.kind] += 1
    return Way(name, len(texts), sketched, kinds.total(), kinds)


# -- ways of copying ---------------------------------------------------------------------------------------
def with_intro(text: str, dice: random.Random) -> str:
    """A paragraph of the outlet's own first."""
    return f"{INTRO}\n\n{text}"


def with_tail(text: str, dice: random.Random) -> str:
    """The outlet's boilerplate at the end."""
    return f"{text}\n\n{TAIL}"


def edited(text: str, dice: random.Random) -> str:
    """One word in twenty replaced or struck."""
    parts = text.split(" ")
    for _ in range(int(len(parts) * EDITED)):
        parts[dice.randrange(len(parts))] = dice.choice(FILLERS)
    return " ".join(parts)


def cut(text: str, dice: random.Random) -> str:
    """Whole paragraphs from the start, up to some 60 % of the words."""
    wanted, kept, count = len(words(text)) * CUT_TO, [], 0
    for paragraph in _paragraphs(text):
        kept.append(paragraph)
        count += len(words(paragraph))
        if count >= wanted:
            break
    return "\n\n".join(kept) if len(kept) > 1 else " ".join(text.split()[: int(wanted)])


def lead(text: str, dice: random.Random) -> str:
    """The first 60 words alone."""
    return " ".join(text.split()[:LEAD_WORDS])


def framed(text: str, dice: random.Random) -> str:
    """Another beginning and end, and edited."""
    return edited(with_tail(with_intro(text, dice), dice), dice)


def reworked(text: str, dice: random.Random) -> str:
    """Cut, another beginning, and edited."""
    return edited(with_intro(cut(text, dice), dice), dice)


def short_news(text: str, dice: random.Random) -> str:
    """The lead alone, with the outlet's boilerplate."""
    return with_tail(lead(text, dice), dice)


WAYS: dict[str, Callable[[str, random.Random], str]] = {
    "as it is": lambda text, dice: text,
    "another intro": with_intro,
    "a tail": with_tail,
    "5 % edited": edited,
    "cut to 60 %": cut,
    "the lead only": lead,
    "intro, tail, edited": framed,
    "intro, cut, edited": reworked,
    "lead and tail": short_news,
}
COLUMNS = ("way", "copies", "by sketch", "found", *Kind)


def rows(result: Result) -> list[tuple[str, ...]]:
    """A line for each way, for a table with `COLUMNS`."""
    return [
        (
            way.name,
            str(way.copies),
            _share(way.sketched, way.copies),
            _share(way.found, way.copies),
            *(str(way.kinds.get(kind, 0)) for kind in Kind),
        )
        for way in result.ways
    ]


def told(result: Result) -> str:
    """What the table does not say, in a few lines."""
    of = f"{result.texts} texts, {result.pairs:,} pairs of them: {result.candidates:,} alike by sketch, "
    lines = [
        f"{of}{len(result.copies)} copies.",
        *(f"  {a}  {b}  {alike:.2f}" for a, b, alike in result.copies),
    ]
    return "\n".join([*lines, f"A sketch takes {result.sketch_ms:.2f} ms of CPU."])


def own_texts() -> dict[str, str]:
    """The demo newsroom's articles."""
    return {article.slug: "\n\n".join(article.paragraphs) for article in load()}


def gold_texts(folder: Path) -> dict[str, str]:
    """The texts of saved pages.

    Raises:
        BadGold: the folder has none.
    """
    return {f"{gold.set_name}/{gold.id}": gold.text for gold in read(folder) if gold.text}


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _paragraphs(text: str) -> Sequence[str]:
    return [part for part in re.split(r"\n+", text) if part.strip()]
