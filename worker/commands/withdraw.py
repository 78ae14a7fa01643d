"""`palmyra withdraw`: a takedown."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from redis import Redis

from jobs.ledger import Ledger
from jobs.link import Story
from jobs.urls import canonical
from jobs.withdrawal import Withdrawal, Withdrawn
from worker import factory
from worker.commands.context import print_json, redis
from worker.commands.selecting import Yes, confirm, identify
from worker.config import Settings
from worker.dead import forget_dead
from worker.printable import printable


def withdraw(
    url: Annotated[str, typer.Argument(help="URL or id of the article's link.")],
    reason: Annotated[str, typer.Option(help="Why, for `palmyra why`; consumers are not told.")] = "",
    yes: Yes = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take an article down: tell consumers, and drop its page and text wherever they are kept.

    The stream gets a `withdrawn` event, and loses all revisions before it. The link is remembered for good:
    no feed that lists it and no redirect brings it back, only `palmyra refetch --force`. A link that was
    never published can be withdrawn, too; then it never will be. May be repeated.

    Redis's append-only file and backups keep what was written: `redis-cli BGREWRITEAOF` clears the former.

    Examples:

        palmyra withdraw https://example.com/2026/11/a-story --reason "court order 12/34"

        palmyra withdraw k3jd72hs5f6a2qpx --yes
    """
    loaded, connection = redis()
    book = factory.ledger(loaded, connection)
    link, story = _meant(book, url)
    what = story.url if story else url
    confirm(f"Withdraw {printable(what)} for good, with its page and text?", yes=yes)
    address = None if url == link else canonical(url)
    done = _takedown(loaded, connection).withdraw(link, url=address, reason=printable(reason))
    if done.dead_job:
        forget_dead(connection, book.keys, [done.dead_job])
    if as_json:
        print_json(
            {name: getattr(done, name) for name in ("link_id", "event_id", "before", "entries", "pages")}
        )
    else:
        sys.stdout.write(_told(done) + "\n")


def _meant(book: Ledger, url: str) -> tuple[str, Story | None]:
    """The link whose article this is: of a link that leads to another's page, that other."""
    link = book.owner(identify(url))
    story = book.story(link)
    if (
        story
        and story.outcome == "duplicate"
        and story.duplicate_of
        and (original := book.story(story.duplicate_of))
    ):
        return original.link_id, original
    return link, story


def _takedown(settings: Settings, connection: Redis) -> Withdrawal:
    infos = factory.registry(settings, connection).infos
    return Withdrawal(connection, factory.keys(settings), infos, keep_ledger_days=settings.keep_ledger)


def _told(done: Withdrawn) -> str:
    if done.before:
        what = "was withdrawn before"
    elif done.event_id:
        what = f"is withdrawn: event {done.event_id} tells consumers"
    else:
        what = "was never published, and never will be"
    dropped = []
    if done.entries:
        dropped.append("1 revision" if done.entries == 1 else f"{done.entries} revisions")
    if done.pages:
        dropped.append("1 page" if done.pages == 1 else f"{done.pages} pages")
    return f"{done.link_id} {what}" + (f"; dropped: {' and '.join(dropped)}" if dropped else "")


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("withdraw")(withdraw)
