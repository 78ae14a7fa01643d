"""Events as a JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.event import encode
from worker.export.naming import article_urn, is_withdrawal, moment, topics, uri

VERSION = "https://jsonfeed.org/version/1.1"
CONTENT_TYPE = "application/feed+json"


@dataclass(frozen=True, slots=True)
class Channel:
    """What a feed says of itself."""

    title: str
    home: str
    """URL of the page that the feed belongs to."""
    address: str
    """URL of the feed."""
    name: str
    """A URI that names the feed for ever."""


def json_feed(channel: Channel, events: Sequence[Mapping[str, Any]]) -> str:
    """The feed of these events, one line; what was withdrawn is left out."""
    feed = {
        "version": VERSION,
        "title": channel.title,
        "home_page_url": channel.home,
        "feed_url": channel.address,
        "items": [_item(event) for event in events if not is_withdrawal(event)],
    }
    return encode(feed)


def _item(event: Mapping[str, Any]) -> dict[str, Any]:
    data = event["data"]
    image = next((uri(one["url"]) for one in data.get("images") or ()), None)
    item = {
        "id": article_urn(data["id"]),
        "url": uri(data["url"]) if data.get("url") else None,
        "title": data.get("headline"),
        "summary": data.get("summary"),
        "image": image,
        "date_published": moment(data.get("published")),
        "date_modified": event.get("time"),
        "authors": [{"name": name} for name in data.get("authors") or ()],
        "tags": [*topics(data), *(data.get("tags") or ())],
        "language": data.get("language"),
    }
    kept = {name: value for name, value in item.items() if value not in (None, "", [])}
    ours = {
        "event": event.get("id"),
        "type": event.get("type"),
        "source": data.get("source"),
    }
    return kept | {"content_text": data.get("text") or "", "_palmyra": ours}
