"""Stories of the gold through a real Redis: no worse than it was."""

from __future__ import annotations

from redis import Redis

from jobs.enrich.loading import Choice
from jobs.keys import Keys
from worker.bench.stories import enriched, measured, rows, scores
from worker.bench.stories_gold import read


def test_stories_are_as_good_as_they_were(redis: Redis, keys: Keys) -> None:
    """Floors under what docs/stories.md reports; and it is said what it cost."""
    result = measured(redis, keys, enriched(read(), Choice()))
    floors = {"all": (0.98, 0.88), "same language": (0.98, 0.93), "across languages": (0.97, 0.83)}
    for name in ("tuned", "held_out"):
        for pairs, (precision, recall) in floors.items():
            score = scores(result.items[name])[pairs]
            assert score.precision >= precision, (name, pairs, score)
            assert score.recall >= recall, (name, pairs, score)
    assert len(rows(result)) == 9
    told = sum(result.bytes_by_family[name] for name in ("story", "gist", "newest-stories"))
    assert told / result.stories < 4000
    assert result.bytes_by_family["rarity"] < 7 * 170_000
