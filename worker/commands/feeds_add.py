"""`palmyra feeds add`: register feeds by their URLs, or by that of any page of their sites."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from jobs.urls import redact
from worker import factory
from worker.commands.context import Exit, redis
from worker.commands.feed_args import backfill_policy, check_feed_url, folder_path, joined_tags
from worker.commands.feeds_find import find_all, with_login
from worker.feeds.find import Candidate, Discovery
from worker.feeds.registry import Registry
from worker.feeds.turns import shared
from worker.printable import printable


@dataclass(frozen=True, slots=True)
class _Given:
    """What the operator says of the feeds, checked."""

    title: str
    folders: str
    tags: str
    backfill: str


def add(
    urls: Annotated[list[str], typer.Argument(help="URLs of feeds, or of web pages that have some.")],
    title: Annotated[str, typer.Option(help="A title of your own; else the feed's.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be given several times.")] = None,
    folder: Annotated[str, typer.Option(help="Its folder, also in OPML: News/Europe.")] = "",
    backfill: Annotated[
        str,
        typer.Option(help="What of its first document is fetched: all, none or N; else PALMYRA_BACKFILL."),
    ] = "",
    check: Annotated[bool, typer.Option(help="Ask first, and look for feeds where there is none.")] = True,
) -> None:
    """Register feeds: RSS, Atom, RDF, JSON Feed, a sitemap. Each is polled at once by a running poller.

    Of a web page, the best of its site's feeds is registered, and the others are listed. What can't be
    reached now is registered all the same; what answers and is no feed is not.

    A user name and password in the URL are sent to the feed's own server, and shown nowhere.

    Examples:

        palmyra feeds add https://feeds.bbci.co.uk/news/world/rss.xml

        palmyra feeds add https://www.tagesschau.de/ --title Tagesschau --tag german

        palmyra feeds add https://reader:secret@news.example/members.xml --no-check
    """
    loaded, connection = redis()
    for url in urls:
        check_feed_url(loaded, url)
    feeds = factory.registry(loaded, connection)
    given = _Given(title, folder_path(folder), joined_tags(tag or []), backfill_policy(backfill))
    unknown = [url for url in dict.fromkeys(urls) if check and feeds.get(url) is None]
    turn = shared(factory.ledger(loaded, connection), loaded.host_delay)
    found = {one.url: one for one in find_all(loaded, unknown, turn)} if unknown else {}
    results = [_register(feeds, url, found.get(url), given) for url in urls]
    if not all(results):
        raise typer.Exit(Exit.FAILURE)


def _register(feeds: Registry, url: str, found: Discovery | None, given: _Given) -> bool:
    """Register what was found at a URL, and say so; without a discovery, the URL as it is."""
    if found is None or found.is_open:
        if found:
            _warn(url, f"{found.error}. Registered all the same: it is asked again until it answers.")
        _add(feeds, url, given)
        return True
    if not found.feeds:
        _warn(url, f"{found.error}. No feed was found there, and nothing registered.")
        return False
    best, *others = found.feeds
    _add(feeds, best.url if best.url == url else with_login(best.url, url), given, about(best))
    for other in others:
        sys.stdout.write(f"            also there: {printable(redact(other.url))}  ({about(other)})\n")
    for named in found.named:
        sys.stdout.write(f"            also named there: {printable(redact(named))}\n")
    return True


def _add(feeds: Registry, url: str, given: _Given, about: str = "") -> None:
    new = feeds.add(url, title=given.title, folders=given.folders, tags=given.tags, backfill=given.backfill)
    feed = feeds.get(url)
    if feed is None:  # removed in this moment
        return
    notes = [f"({about})"] if about else []
    notes += [] if new else ["(was registered already)"]
    sys.stdout.write("  ".join([feed.id, printable(feed.public_url), *notes]) + "\n")


def about(candidate: Candidate) -> str:
    """A found feed in a few words."""
    parsed = candidate.parsed
    title, where = printable(parsed.title or "no title"), candidate.how
    what = f"links: {len(parsed.entries)}" if not parsed.children else f"sitemaps: {len(parsed.children)}"
    return f"{parsed.format}: {title}, {what}; {where}"


def _warn(url: str, text: str) -> None:
    sys.stderr.write(f"{printable(redact(url))}: {printable(text)}\n")
