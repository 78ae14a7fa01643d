"""Train the model that chooses an article's blocks, and say how good it is on sites that it has not seen.

    pip install scikit-learn
    python -m worker.bench.quality_train DIR jobs/extract/blocks.json

DIR is a folder as for `palmyra bench quality`. First each fifth of the sites is scored by a model that was
trained on the other four: these figures are the honest ones. Then one is trained on all and written.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.errors import Permanent
from jobs.extract.features import NAMES
from jobs.extract.trees import Trees
from jobs.urls import domain
from worker.bench.quality_gold import Gold, read
from worker.bench.quality_score import TextScore, mean_score, text_score
from worker.commands.extract_batch import pool_size
from worker.commands.extract_one import read_page

FOLDS = 5
BAGS = 3
"""Boostings whose mean is the model: one alone turns on chance."""
TREES, LEAVES, RATE, MIN_BLOCKS, COLUMNS = 50, 15, 0.15, 40, 0.5
"""Of each: trees, leaves of a tree, learning rate, blocks in a leaf, share of columns tried at a split."""
MIN_GOLD_WORDS = 50
DIGITS = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """A page with gold, as rows to learn from."""

    gold: Gold
    rows: list[list[float]]
    labels: list[bool]
    """Is the block of that row in the gold text?"""
    weights: list[float]
    """Its share of the gold text's words: every page counts alike, as it does in the score."""


def main() -> None:
    """Score by fifths of the sites, then train on all and write the model."""
    folder, file = Path(sys.argv[1]), Path(sys.argv[2])
    golds = [gold for gold in read(folder) if gold.text]
    with multiprocessing.get_context("spawn").Pool(pool_size()) as pool:
        samples = [s for s in pool.imap(sample, golds, chunksize=4) if s is not None]
        models = [_trained([s for s in samples if _fold(s.gold) != fold]) for fold in range(FOLDS)]
        scored = pool.starmap(held_out, [(s.gold, models[_fold(s.gold)]) for s in samples], chunksize=4)
    for name in dict.fromkeys(map(_set, samples)):
        mean = mean_score([score for s, score in zip(samples, scored, strict=True) if _set(s) == name])
        sys.stdout.write(f"{name:12} F1 {mean.f1:.4f}  P {mean.precision:.4f}  R {mean.recall:.4f}\n")
    write(_trained(samples), file)


def write(model: Trees, file: Path) -> None:
    """Write a model as `jobs.extract.trees.load` reads it, a tree a line."""
    head = json.dumps({"names": model.names, "base": model.base}, separators=(",", ":"))[:-1]
    trees = ",\n".join(json.dumps(tree, separators=(",", ":")) for tree in model.trees)
    file.write_text(f'{head},"trees":[\n{trees}\n]}}\n', "utf-8")


def sample(gold: Gold) -> Sample | None:
    """A page's rows, None where the page can't be read. Runs in a process of the pool."""
    from jobs.extract.agreement import AGREED, Opinion
    from jobs.extract.choice import read as read_blocks

    page = _parsed(gold)
    if page is None:
        return None
    found = read_blocks(page[0], gold.url, page[1])
    wanted = Opinion.of(gold.text)
    asked = [(b, row) for b, row in zip(found.blocks, found.rows, strict=True) if row]
    labels = [wanted.share(block) >= AGREED for block, _ in asked]
    in_gold = sum(len(b.words) for (b, _), label in zip(asked, labels, strict=True) if label)
    total = max(MIN_GOLD_WORDS, in_gold)
    weights = [min(1.0, (len(block.words) + 1) / total) for block, _ in asked]
    return Sample(gold, [row for _, row in asked], labels, weights)


def held_out(gold: Gold, model: Trees) -> TextScore:
    """The score of a page with that model in place of the real one. Runs in a process of the pool."""
    from jobs.extract import choice
    from jobs.extract.text import article_text

    choice._model = lambda: model  # type: ignore[assignment]  # the whole way, but for the model
    page = _parsed(gold)
    return text_score(gold.text or "", article_text(page[0], gold.url, page[1]).text if page else "")


def _parsed(gold: Gold) -> tuple[Any, str | None] | None:
    from jobs.entry import Entry
    from jobs.extract import limits
    from jobs.extract.decode import decode
    from jobs.extract.headline import headline
    from jobs.extract.page import parse

    body = read_page(gold.file)
    try:
        limits.check(body)
        page = parse(decode(body), gold.url)
    except Permanent:
        return None
    title = headline(page, Entry(gold.url or ""), None, None)
    return page, title[1] if title else None


def _set(one: Sample) -> str:
    return one.gold.set_name


def _fold(gold: Gold) -> int:
    """Pages of one site are in one fold."""
    site = domain(gold.url) if gold.url else gold.id
    return sum(site.encode()) % FOLDS


def _trained(samples: Sequence[Sample]) -> Trees:
    bags = [_boosted(samples, seed) for seed in range(BAGS)]
    base = sum(float(bag._baseline_prediction[0][0]) for bag in bags) / BAGS
    stages = [stage[0].nodes for bag in bags for stage in bag._predictors]
    return Trees(NAMES, round(base, DIGITS), tuple(_tree(nodes, 0) for nodes in _mixed(stages)))


def _mixed(stages: list[Any]) -> list[Any]:
    """The first trees of all bags first: a sum that stops early has heard all of them."""
    return [stages[bag * TREES + number] for number in range(TREES) for bag in range(BAGS)]


def _boosted(samples: Sequence[Sample], seed: int) -> Any:
    import numpy as np  # type: ignore[import-not-found,unused-ignore]  # comes with scikit-learn
    from sklearn.ensemble import (  # type: ignore[import-not-found,unused-ignore]  # only to train
        HistGradientBoostingClassifier,
    )

    boosting = HistGradientBoostingClassifier(
        max_iter=TREES,
        max_leaf_nodes=LEAVES,
        learning_rate=RATE,
        min_samples_leaf=MIN_BLOCKS,
        max_features=COLUMNS,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    return boosting.fit(
        np.array([row for s in samples for row in s.rows], dtype=np.float32),
        np.array([label for s in samples for label in s.labels]),
        sample_weight=np.array([weight for s in samples for weight in s.weights]),
    )


def _tree(nodes: Any, index: int) -> Any:
    node = nodes[index]
    if node["is_leaf"]:
        return round(float(node["value"]) / BAGS, DIGITS)
    low, high = _tree(nodes, node["left"]), _tree(nodes, node["right"])
    return (int(node["feature_idx"]), round(float(node["num_threshold"]), DIGITS), low, high)


if __name__ == "__main__":
    main()
