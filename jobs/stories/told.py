"""What a story's events tell of an article, as JSON that the script puts together (pure)."""

from __future__ import annotations

from typing import Any

from jobs.article import Article
from jobs.enrich.folding import fold
from jobs.event import encode
from jobs.stories.features import feature

MOST_HEADLINE, MOST_URL, MOST_NAME = 300, 2000, 100
"""Characters; a longer URL is left out, as half of one leads nowhere."""
MOST_LABELS = 8
"""Names of one article that are told."""


def in_short(article: Article) -> str:
    """An article as a story names it: `jobs.stories.event.StoryArticle` as JSON."""
    fields: dict[str, Any] = {
        "id": article.id,
        "headline": article.headline[:MOST_HEADLINE] if article.headline else None,
        "url": article.url if len(article.url or "") <= MOST_URL else None,
        "source": article.source.domain,
        "language": article.language,
        "first_seen": article.first_seen,
    }
    return encode(fields)


def labels(article: Article) -> list[tuple[bytes, str]]:
    """What the article names most: a feature that is the same in all languages, and the name as JSON."""
    places = {fold(one.name): one for one in article.places}
    found = []
    for entity in article.entities[:MOST_LABELS]:
        place = places.get(fold(entity.text))
        name = f"t:{entity.type}:{fold(entity.text)}"
        if place and place.geoname_id:
            name = f"g:{place.geoname_id}"
        elif place and place.kind == "country":
            name = f"c:{place.country}"
        found.append((feature(name), encode({"text": entity.text[:MOST_NAME], "type": entity.type})))
    return found
