"""A folder of saved pages, served as three feeds: real pages for tests and benchmarks.

The folder has ``gold.jsonl`` (a line a page, with at least ``id``) and ``pages/<id>.html.gz``.
"""

from __future__ import annotations

import gzip
import html
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.errors import PalmyraError
from worker.demo.answer import Answer, FeedLink, robots_txt
from worker.demo.feed import FORMATS, Feed, Item
from worker.demo.newsroom import templates
from worker.demo.publication import house_time

FEEDS = {"/rss.xml": "rss", "/atom.xml": "atom", "/feed.json": "json"}
HEAD_BYTES = 200_000
"""Of a page, where its title and charset are looked for."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)


class BadCorpus(PalmyraError):
    """The folder of saved pages can't be served."""


@dataclass(frozen=True, slots=True)
class SavedPage:
    """A page of the corpus."""

    id: str
    title: str
    file: Path
    """The page as fetched, compressed with gzip."""


class Corpus:
    """The site. Everything is listed from the start; feeds give neither dates nor authors, the pages must."""

    def __init__(self, folder: Path) -> None:
        """Read the list of pages, and the titles of those that the list gives none for.

        Raises:
            BadCorpus: no list, a line that can't be read, or a page that is missing; the message says which.
        """
        self.name = folder.resolve().name
        self.pages = {page.id: page for page in _read(folder)}
        self._opened = house_time(time.time())
        self._templates = templates()

    @property
    def feeds(self) -> Sequence[FeedLink]:
        """RSS, Atom and JSON Feed, each with every third page."""
        return [FeedLink(path, f"{self.name} ({kind})") for path, kind in FEEDS.items()]

    def answer(self, path: str, origins: Sequence[str]) -> Answer | None:
        """See `Site.answer`. The pages are spread evenly over `origins`."""
        if path.startswith("/page/"):
            return self._page(path.removeprefix("/page/"))
        if path in FEEDS:
            return self._feed(path, origins)
        if path == "/robots.txt":
            return robots_txt()
        if path == "/":
            return self._front(origins)
        return None

    def urls(self, origins: Sequence[str]) -> dict[str, str]:
        """Address of each page by its id."""
        # In steps of the number of feeds, so that a feed is not a host.
        return {i: f"{origins[n // len(FEEDS) % len(origins)]}/page/{i}" for n, i in enumerate(self.pages)}

    def _page(self, page_id: str) -> Answer | None:
        page = self.pages.get(page_id)
        if page is None:
            return None
        # Without a charset: how the publisher's server labelled it is not known, and the page's own meta is
        # part of its bytes. Sandboxed: in a browser, its scripts shall not run as ours.
        body, sandbox = gzip.decompress(page.file.read_bytes()), {"Content-Security-Policy": "sandbox"}
        return Answer(body, "text/html", modified=self._opened, headers=sandbox)

    def _feed(self, path: str, origins: Sequence[str]) -> Answer:
        number, written = list(FEEDS).index(path), FORMATS[FEEDS[path]]
        urls = self.urls(origins)
        pages = list(self.pages.values())[number :: len(FEEDS)]
        feed = Feed(
            url=origins[0] + path,
            title=self.feeds[number].title,
            site_url=f"{origins[0]}/",
            updated=self._opened,
            items=tuple(Item(urls[page.id], page.title) for page in pages),
        )
        return Answer(written.write(feed), written.content_type, modified=self._opened)

    def _front(self, origins: Sequence[str]) -> Answer:
        urls = self.urls(origins)
        text = self._templates.get_template("corpus.html").render(
            name=self.name, feeds=self.feeds, pages=[(p.title, urls[p.id]) for p in self.pages.values()]
        )
        return Answer(text.encode(), modified=self._opened)


def _read(folder: Path) -> list[SavedPage]:
    gold = folder / "gold.jsonl"
    if not gold.is_file():
        raise BadCorpus(f"{gold} is not there. A corpus is a folder with gold.jsonl and pages/<id>.html.gz.")
    lines = gold.read_text("utf-8").splitlines()
    return [_saved(folder, f"{gold}:{n}", line) for n, line in enumerate(lines, 1) if line.strip()]


def _saved(folder: Path, where: str, line: str) -> SavedPage:
    try:
        row: dict[str, Any] = json.loads(line)
        page_id = str(row["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadCorpus(f"{where} is not a JSON object with an id: {error!r}.") from None
    file = folder / "pages" / f"{page_id}.html.gz"
    if not _ID.fullmatch(page_id) or not file.is_file():
        raise BadCorpus(f"{where} lists page {page_id!r}, and {file} is not there.")
    return SavedPage(page_id, row.get("title") or page_title(file) or page_id, file)


def page_title(file: Path) -> str:
    """What a saved page's own title element says, on one line; empty if there is none."""
    with gzip.open(file) as stream:
        head = stream.read(HEAD_BYTES)
    declared = _CHARSET.search(head)
    try:
        text = head.decode(declared[1].decode() if declared else "utf-8", "replace")
    except LookupError:
        text = head.decode("utf-8", "replace")
    found = _TITLE.search(text)
    return " ".join(html.unescape(found[1]).split()) if found else ""
