"""``palmyra bench enrich``: what enrichers find of the gold, and what they cost."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

from jobs.article import Article, build_article
from jobs.enrich.enricher import Enricher, Subject
from jobs.enrich.loading import Choice, load, warm
from jobs.enrich.run import enrich
from jobs.extract.draft import Draft
from jobs.words import count_words
from worker.bench.enrich_gold import LANGUAGES, SETS, Gold, read
from worker.bench.enrich_score import WHAT, Score, scores

COLUMNS = ("set", "what", *(f"{name} {one}" for name in LANGUAGES for one in ("P", "R", "F1")), "all F1")
COST_COLUMNS = ("enricher", "declared ms", "measured ms")
HOW = "CPU ms an article of some 450 words; entities, keyphrases, places and quotes share what they compute."
ROUNDS = 5
JOINED = 5
"""Articles of the gold are short: so many of them make one of the usual length."""
OURS = {
    "people": "entities", "organisations": "entities", "places": "places", "topics": "topics",
    "keyphrases": "keyphrases", "quotes": "quotes", "speakers": "quotes", "summary": "summary",
}  # fmt: skip
Results = list[tuple[Gold, Article]]


def run(choice: Choice) -> Results:
    """Every article of the gold, enriched."""
    warm(choice)
    enrichers = load(choice)
    return [(gold, article_of(gold, enrichers)) for gold in read()]


def article_of(gold: Gold, enrichers: tuple[Enricher, ...]) -> Article:
    """The article of a gold text, as if it had been extracted without a flaw."""
    draft = draft_of(gold)
    return build_article(
        draft,
        link_id="a" * 16,
        revision=1,
        url_found=None,
        final_url=None,
        feeds=(),
        first_seen_ms=0,
        fetched_ms=0,
        emitted_ms=0,
        enriched=enrich(Subject(draft), enrichers, budget_ms=60_000),
    )


def draft_of(gold: Gold) -> Draft:
    """A draft with the gold's headline, text and language."""
    return Draft(
        headline=gold.headline, text=gold.text, word_count=count_words(gold.text), language=gold.language
    )


def rows(results: Results) -> list[tuple[str, ...]]:
    """A row for each set and thing: precision, recall and F1 of each language, F1 of all."""
    table = tally(results)
    found = []
    for set_name in SETS:
        for what in WHAT:
            by_language = [table.get((set_name, what, language), Score()) for language in LANGUAGES]
            if any(score.gold for score in by_language):
                cells = [f"{v:.2f}" for s in by_language for v in (s.precision, s.recall, s.f1)]
                total = reduce(add, by_language, Score())
                found.append((set_name, what, *cells, f"{total.f1:.2f}"))
    return found


def tally(results: Results) -> dict[tuple[str, str, str], Score]:
    """The counts by set, thing and language."""
    table: dict[tuple[str, str, str], Score] = {}
    for gold, article in results:
        for what, score in scores(gold, article).items():
            key = (gold.set_name, what, gold.language)
            table[key] = table.get(key, Score()) + score
    return table


def overall(results: Results, set_name: str, what: str) -> Score:
    """The counts of one thing over all languages of a set."""
    return reduce(add, (s for (n, w, _), s in tally(results).items() if (n, w) == (set_name, what)), Score())


def costs(choice: Choice, rounds: int = ROUNDS) -> list[tuple[str, float, float]]:
    """Name, declared and measured CPU ms an article of each enricher, in the order in which they run.

    Names are found once for all that need them, so the first of those pays for it.
    """
    drafts = _usual_length(read())
    enrichers = load(choice)
    spent = dict.fromkeys((one.name for one in enrichers), 0.0)
    for _ in range(rounds):
        for draft in drafts:
            subject = Subject(draft)
            for one in enrichers:
                started = time.process_time()
                one.enrich(subject)
                spent[one.name] += time.process_time() - started
    times = rounds * len(drafts)
    return [(one.name, one.cost_ms, 1000 * spent[one.name] / times) for one in enrichers]


def _usual_length(golds: list[Gold]) -> list[Draft]:
    found = []
    for language in LANGUAGES:
        own = [gold for gold in golds if gold.language == language]
        for at in range(0, len(own) - JOINED + 1, JOINED):
            text = "\n\n".join(gold.text for gold in own[at : at + JOINED])
            found.append(replace(draft_of(own[at]), text=text, word_count=count_words(text)))
    return found


def cost_rows(measured: list[tuple[str, float, float]]) -> list[tuple[str, ...]]:
    """Rows of `COST_COLUMNS`, the sum last."""
    shown = [(name, f"{declared:.2f}", f"{ms:.2f}") for name, declared, ms in measured]
    total = (sum(d for _, d, _ in measured), sum(m for _, _, m in measured))
    return [*shown, ("all", f"{total[0]:.2f}", f"{total[1]:.2f}")]


def as_json(results: Results, measured: list[tuple[str, float, float]]) -> dict[str, Any]:
    """All figures as plain data."""
    table = tally(results)
    return {
        "scores": [
            {
                "set": n,
                "what": w,
                "language": lang,
                "precision": s.precision,
                "recall": s.recall,
                "f1": s.f1,
                "gold": s.gold,
            }
            for (n, w, lang), s in table.items()
        ],
        "cost_ms": {name: ms for name, _, ms in measured},
    }
