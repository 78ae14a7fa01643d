"""`palmyra feeds edit`: what an operator may change of a feed."""

from __future__ import annotations

import getpass
import sys
import time
from typing import Annotated

import typer

from jobs.errors import Outcome, PalmyraError
from jobs.proxy import proxy as proxy_at
from worker import factory
from worker.commands import completing
from worker.commands.context import redis
from worker.commands.feed_args import check_feed_url, folder_path, joined_tags, known
from worker.feeds import headers
from worker.feeds.poller import PAUSED_BECAUSE, PAUSED_S
from worker.feeds.registry import Feed, Registry
from worker.printable import printable

STANDARD_INPUT = "-"
LONGEST_INTERVAL_S = 2_592_000
# What is asked for, and how: the feed is asked anew, and nothing is left of what the old way taught.
_ASKING = frozenset({"url", "headers", "user", "password", "proxy"})
_TAUGHT = ("etag", "modified", "body_hash")


def edit(
    feed: Annotated[str, typer.Argument(help="A feed's id or URL.", autocompletion=completing.feeds)],
    title: Annotated[str | None, typer.Option(help="A title of your own.")] = None,
    interval: Annotated[
        str | None, typer.Option(metavar="SECONDS|auto", help="Poll this often; auto: as palmyra learns.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Its tags from now on: one for each --tag.")] = None,
    folder: Annotated[str | None, typer.Option(help="Its folder, also in OPML: News/Europe.")] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="'Name: value'", help="Send this header to its server; 'Name:' ends that."),
    ] = None,
    user: Annotated[str | None, typer.Option(help="User name for its server (HTTP Basic).")] = None,
    password: Annotated[
        str | None, typer.Option(help="Its password; - reads it from standard input.")
    ] = None,
    proxy: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Poll it through this proxy: http://host:3128, socks5h://host:1080."
        ),
    ] = None,
    url: Annotated[str | None, typer.Option(metavar="NEW", help="Its new URL. The id stays.")] = None,
    paused: Annotated[bool | None, typer.Option("--pause/--resume", help="Stop or go on polling it.")] = None,
) -> None:
    """Change a feed. An empty value takes back what was given: --title "" leaves it to the feed.

    Headers and password go to the feed's own server only: not to another one that it redirects to, and not to
    the pages of its articles, which are not fetched through the proxy either. A proxy resolves names itself:
    addresses behind them are its to guard. None of the secrets is ever shown.

    Examples:

        palmyra feeds edit https://news.example/rss --interval 600 --tag europe --tag politics

        palmyra feeds edit https://news.example/rss --header 'X-Api-Key: 1234' --proxy http://proxy.example:3128

        palmyra feeds edit https://news.example/rss --user reader --password - < password.txt

        palmyra feeds edit https://news.example/rss --pause
    """
    loaded, connection = redis()
    feeds = factory.registry(loaded, connection)
    before = known(feeds.get(feed), feed)
    if url is not None:
        check_feed_url(loaded, url)
        _check_free(feeds, before, url)
    given: dict[str, str | int | None] = {
        "title": title,
        "pinned": None if interval is None else _seconds(interval),
        "tags": None if tag is None else joined_tags(tag),
        "folders": None if folder is None else folder_path(folder),
        "headers": None if header is None else headers.changed(before.headers, header),
        "user": None if user is None else _user(user),
        "password": _secret(password),
        "proxy": None if proxy is None else _proxy(proxy),
        "url": url,
        "paused": None if paused is None else int(paused) or "",
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise typer.BadParameter("say what is to change; --help lists what can be")
    _save(feeds, before, changes)


def _save(feeds: Registry, before: Feed, changes: dict[str, str | int]) -> None:
    next_ms: int | None = None
    if "paused" in changes:
        changes["because"] = PAUSED_BECAUSE if changes["paused"] else "resumed by the operator"
        next_ms = int((time.time() + PAUSED_S) * 1000) if changes["paused"] else 0
    elif not before.paused and (changes.keys() & _ASKING or "pinned" in changes):
        changes["because"] = "changed by the operator"
        next_ms = 0
    if changes.keys() & _ASKING:
        changes |= dict.fromkeys(_TAUGHT, "")
    if "url" in changes:
        changes["format"] = ""
    if not feeds.edit(before, changes, next_ms=next_ms):
        raise PalmyraError(f"The feed {before.id} was removed meanwhile.")
    after = known(feeds.get(before.id), before.id)
    what = ", ".join(sorted(changes.keys() - {*_TAUGHT, "because", "format"}))
    paused = "; it is paused" if after.paused else ""
    sys.stdout.write(f"{after.id}  {printable(after.public_url)}  (changed: {what}{paused})\n")


def _check_free(feeds: Registry, feed: Feed, url: str) -> None:
    other = feeds.get(url)
    if other and other.id != feed.id:
        raise PalmyraError(f"{other.public_url} is registered already, as {other.id}.")


def _seconds(interval: str) -> int | str:
    if interval == "auto":
        return ""
    seconds = int(interval) if interval.isascii() and interval.isdigit() and len(interval) < 10 else 0
    if not 1 <= seconds <= LONGEST_INTERVAL_S:
        raise PalmyraError(
            f"{interval[:40]!r} is no interval: write auto, or seconds from 1 to {LONGEST_INTERVAL_S}."
        )
    return seconds


def _user(user: str) -> str:
    if ":" in user:
        raise PalmyraError("A user name holds no colon in HTTP Basic authentication (RFC 7617).")
    return user


def _secret(password: str | None) -> str | None:
    """The password, read where nobody looks over one's shoulder if that is asked for."""
    if password != STANDARD_INPUT:
        return password
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def _proxy(url: str) -> str:
    try:
        if url:
            proxy_at(url)
    except Outcome as error:
        raise PalmyraError(str(error.detail)) from None
    return url
