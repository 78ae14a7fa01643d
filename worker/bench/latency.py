"""`palmyra bench latency`: how long a link takes from a feed's response to the stream, in an idle system."""

from __future__ import annotations

import json
import math
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jobs.errors import PalmyraError
from jobs.urls import link_id
from worker.bench import pages, usage
from worker.bench.machine import machine
from worker.bench.whole import Whole, running
from worker.demo.answer import Answer, FeedLink
from worker.demo.corpus import Corpus
from worker.demo.feed import FORMATS, Feed, Item
from worker.demo.publication import house_time
from worker.demo.server import DemoServer

POLL_S = 1
PATH, TITLE = "/feed.xml", "on command"
LISTED = 20
ARRIVES_WITHIN_S = 30.0
BLOCK_MS = 1000
CLOCK = (
    "From the moment the feed's response with the link is written to the event's arrival at a reader that "
    "blocks on the stream. Own: the total without the page's fetch_ms and extract_ms."
)
STEPS = (
    "total_ms",
    "own_ms",
    "fetch_ms",
    "extract_ms",
    "to_seen_ms",
    "to_fetched_ms",
    "to_emitted_ms",
    "to_reader_ms",
)
"""What is told of each article: the whole, without and with the page's own time; then step by step."""


class OnCommand:
    """A site with one feed, which lists a page of the corpus only once it was told to."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._ids = list(corpus.pages)
        self._lock = threading.Lock()
        self._out: list[str] = []
        self.urls: dict[str, str] = {}
        """Addresses of the pages that were listed, by page id."""
        self.listed_at_s: dict[str, float] = {}
        """When a response with this page was first written (Unix time), by page id."""

    @property
    def feeds(self) -> Sequence[FeedLink]:
        """The one feed."""
        return [FeedLink(PATH, TITLE)]

    def publish(self) -> str:
        """From now on the feed lists the next page; returns its id."""
        with self._lock:
            self._out.append(self._ids[len(self._out)])
            return self._out[-1]

    def answer(self, path: str, origins: Sequence[str]) -> Answer | None:
        """See `Site.answer`."""
        return self._feed(origins[0]) if path == PATH else self._corpus.answer(path, origins)

    def _feed(self, origin: str) -> Answer:
        with self._lock:
            newest = self._out[: -LISTED - 1 : -1]
            # It changes with the list alone: an idle feed answers 304.
            updated = house_time(pages.OPENED_S + len(self._out))
            items = tuple(Item(f"{origin}/page/{i}", self._corpus.pages[i].title) for i in newest)
            feed = Feed(origin + PATH, TITLE, f"{origin}/", updated, items)
            body = FORMATS["rss"].write(feed)
            for page_id, item in zip(newest, items, strict=True):
                if page_id not in self.urls:
                    self.urls[page_id], self.listed_at_s[page_id] = item.url, time.time()
        return Answer(body, FORMATS["rss"].content_type)


def latency(corpus: Path | None, *, count: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Publish `count` articles one by one, and return the result, ready for JSON.

    Raises:
        PalmyraError: an article did not arrive, or the corpus is too small.
    """
    usage.require_linux()
    before = machine()
    with tempfile.TemporaryDirectory(prefix="palmyra-bench-") as scratch:
        folder, target = Path(scratch), Path(scratch) / "corpus"
        used = pages.saved(corpus, target, count) if corpus else pages.own(target, count)
        site = OnCommand(Corpus(target))
        tell("starting palmyra")
        with (
            DemoServer(site) as server,
            running(folder / "home", poll_min=POLL_S, poll_max=POLL_S) as one,
        ):
            one.add_feeds([feed.url for feed in server.feeds])
            tell(f"{count} articles, one by one")
            articles = [article for _ in range(count) if (article := _one(one, site))]
    if not articles:
        raise PalmyraError("No page led to an event: give pages with an article (--corpus).")
    return {
        "bench": "latency",
        "pages": {"from": used.name, "count": count},
        "rounds": 1,
        "machine": {"before": before, "after": machine()},
        "clock": CLOCK,
        "p50": {step: percentile([a[step] for a in articles], 50) for step in STEPS},
        "p99": {step: percentile([a[step] for a in articles], 99) for step in STEPS},
        "articles": articles,
    }


def _one(one: Whole, site: OnCommand) -> dict[str, float] | None:
    """Publish one article and wait for its event; None when the link ended without one.

    Raises:
        PalmyraError: neither happened.
    """
    last: Any = one.redis.xrevrange(one.ledger.keys.stream, count=1)
    position = last[0][0] if last else "0"
    page_id = site.publish()
    deadline = time.monotonic() + ARRIVES_WITHIN_S
    while time.monotonic() < deadline:
        got: Any = one.redis.xread({one.ledger.keys.stream: position}, block=BLOCK_MS)
        arrived_s = time.time()
        entries = got[0][1] if got else []
        position = entries[-1][0] if entries else position
        for _, fields in entries:
            data = json.loads(fields[b"event"])["data"]
            if data["urls"]["found"] == site.urls[page_id]:
                return steps(data["timings"], site.listed_at_s[page_id], arrived_s)
        story = one.ledger.story(link_id(site.urls[page_id])) if page_id in site.urls else None
        if story and story.outcome not in (None, "published"):
            return None
    raise PalmyraError(f"The page {page_id} had no outcome within {ARRIVES_WITHIN_S:.0f} s.")


def steps(timings: Mapping[str, Any], listed_at_s: float, arrived_s: float) -> dict[str, float]:
    """`STEPS` of one article, in ms, from its event's timings and the two moments outside (Unix time)."""
    names = ("seen", "fetched", "emitted")
    seen, fetched, emitted = (datetime.fromisoformat(timings[name]).timestamp() for name in names)
    total_ms = (arrived_s - listed_at_s) * 1000
    return {
        "total_ms": total_ms,
        "own_ms": total_ms - timings["fetch_ms"] - timings["extract_ms"],
        "fetch_ms": timings["fetch_ms"],
        "extract_ms": timings["extract_ms"],
        "to_seen_ms": (seen - listed_at_s) * 1000,
        "to_fetched_ms": (fetched - seen) * 1000,
        "to_emitted_ms": (emitted - fetched) * 1000,
        "to_reader_ms": (arrived_s - emitted) * 1000,
    }


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all are not above (nearest rank)."""
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]
