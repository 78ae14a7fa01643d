"""`palmyra pages`: the kept pages, looked at and exported."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from redis import Redis

from jobs.errors import PalmyraError
from jobs.page import Page
from worker import factory
from worker import pages as kept_pages
from worker.commands import table
from worker.commands.context import Exit, print_json, redis
from worker.commands.progress import progress
from worker.commands.selecting import Feeds, Hosts, ago_ms, identify, select
from worker.config import Settings
from worker.pages import Kept
from worker.printable import printable

Since = Annotated[
    str | None, typer.Option("--since", help="Only those that were fetched since this long ago: 30m, 2h, 7d.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, a line a page.")]

pages = typer.Typer(help="The kept pages: looked at, and exported for archives.", no_args_is_help=True)


@pages.command("list")
def list_(
    since: Since = None,
    host: Hosts = None,
    feed: Feeds = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest this many.")] = 50,
    as_json: Json = False,
) -> None:
    """List the kept pages, the newest first, and how much room they take.

    Columns: bytes, the page's size; kept, what it takes in Redis; for, how much longer it is kept.

    Examples:

        palmyra pages list --host example.org --since 1d

        palmyra pages list -n 5000 --json | jq -r '[.kept_bytes, .url] | @tsv' | sort -n
    """
    loaded, connection = redis()
    found = sorted(_chosen(loaded, connection, since, host, feed), key=lambda kept: -kept.page.fetched_ms)
    if as_json:
        for kept in found[:limit]:
            print_json(_data(kept))
        return
    columns = ("link", "fetched (UTC)", "bytes", "kept", "for", "url")
    rows = [_row(kept) for kept in found[:limit]]
    table.show(columns, rows, numbers=("bytes", "kept", "for"))
    total, stored = sum(kept.body_bytes for kept in found), sum(kept.stored_bytes for kept in found)
    sys.stdout.write(f"\n{_pages(len(found))}, {total / 1e6:,.1f} MB, kept in {stored / 1e6:,.1f} MB\n")


@pages.command("show")
def show(
    url: Annotated[str, typer.Argument(help="A link's URL, or its id.")],
    body: Annotated[bool, typer.Option("--body", help="Print the page itself.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a kept page: where and when it came from, with which headers; or the page itself.

    Examples:

        palmyra pages show https://example.com/2026/11/a-story

        palmyra pages show k3jd72hs5f6a2qpx --body > page.html
    """
    loaded, connection = redis()
    book = factory.ledger(loaded, connection)
    link_id = book.owner(identify(url))
    try:
        page = kept_pages.whole(connection, book.keys, link_id)
    except ValueError as error:
        raise PalmyraError(
            f"What is kept for {link_id} is no page: {error}. `palmyra refetch` mends it."
        ) from None
    if page is None:
        raise PalmyraError(f"No page of {url!r} is kept. `palmyra refetch` fetches it again.")
    if body:
        _print_body(page)
    elif as_json:
        print_json(_shown(link_id, page))
    else:
        table.facts((name, value) for name, value in _facts(link_id, page))


@pages.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="The file: .warc.gz, or .warc; - for standard output (gzip).")],
    since: Since = None,
    host: Hosts = None,
    feed: Feeds = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Write kept pages to a WARC 1.1 file: a response record each, and one of metadata with link and feeds.

    Bodies are decoded. The file is there when it is complete, not before.

    Examples:

        palmyra pages export news.warc.gz --since 1d

        palmyra pages export - --host example.org > example.warc.gz
    """
    loaded, connection = redis()
    with _output(file, overwrite=overwrite) as out, progress("pages written") as done:
        chosen = _told(_chosen(loaded, connection, since, host, feed), done)
        written = _write(loaded, connection, out, file.name, chosen)
    where = "the output" if str(file) == "-" else printable(str(file))
    sys.stderr.write(f"{_pages(written)} {'is' if written == 1 else 'are'} in {where}\n")


def _told(found: Iterator[Kept], done: Callable[[int], None]) -> Iterator[Kept]:
    for kept in found:
        yield kept
        done(1)


def _write(loaded: Settings, connection: Redis, out: IO[bytes], name: str, found: Iterator[Kept]) -> int:
    from worker.warc import Archive  # only exports need its library

    keys, registry = factory.keys(loaded), factory.registry(loaded, connection)
    archive = Archive(out, name=name, source=keys.namespace, compress=not name.endswith(".warc"))
    urls: dict[str, str] = {}
    for kept in found:
        with suppress(ValueError):
            page = kept_pages.whole(connection, keys, kept.link.link_id)
            # It expired meanwhile, or only stands for what the feed said.
            if page is None or page.refused:
                continue
            for one in kept.link.feeds:
                if one not in urls:
                    urls[one] = next((info.url for info in registry.infos((one,))), "")
            archive.add(page, kept.link.link_id, [(one, urls[one]) for one in kept.link.feeds])
    return archive.pages


@contextmanager
def _output(file: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Where an export goes: into place once it is whole. Raises PalmyraError, typer.BadParameter."""
    if str(file) == "-":
        if sys.stdout.isatty():
            raise typer.BadParameter("an archive is nothing for a terminal: redirect it to a file")
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # the reader has had enough; Python would complain when it flushes at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.FAILURE) from None
        return
    if not file.name.endswith((".warc", ".warc.gz")):
        raise typer.BadParameter(f"{file.name!r} ends in neither .warc.gz nor .warc", param_hint="FILE")
    if file.exists() and not overwrite:
        raise PalmyraError(f"{file} exists. --overwrite replaces it.")
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as out:
            yield out
        part.replace(file)
    except OSError as error:
        raise PalmyraError(f"{file} can't be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def _chosen(
    loaded: Settings, connection: Redis, since: str | None, hosts: list[str] | None, feeds: list[str] | None
) -> Iterator[Kept]:
    """The kept pages that the options select."""
    chosen = select(loaded, connection, hosts=hosts, feeds=feeds)
    oldest_ms = 0 if since is None else int(time.time() * 1000) - ago_ms(since, "--since")
    keys = factory.keys(loaded)
    found = list(kept_pages.links(connection, keys, chosen))
    return (kept for kept in kept_pages.kept(connection, keys, found) if kept.page.fetched_ms >= oldest_ms)


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count:,} pages"


def _row(kept: Kept) -> tuple[object, ...]:
    left = "-" if kept.expires_ms < 0 else table.span(kept.expires_ms / 1000)
    sizes = (f"{kept.body_bytes:,}", f"{kept.stored_bytes:,}")
    return (kept.link.link_id, table.when(kept.page.fetched_ms), *sizes, left, kept.page.final_url)


def _data(kept: Kept) -> dict[str, Any]:
    sizes = {"bytes": kept.body_bytes, "kept_bytes": kept.stored_bytes, "expires_ms": kept.expires_ms}
    return {
        "link_id": kept.link.link_id,
        "url": kept.page.url,
        "final_url": kept.page.final_url,
        "fetched_ms": kept.page.fetched_ms,
        "status": kept.page.status,
        "content_type": kept.page.content_type,
        "feeds": kept.link.feeds,
    } | sizes


def _shown(link_id: str, page: Page) -> dict[str, Any]:
    return {
        "link_id": link_id,
        "url": page.url,
        "final_url": page.final_url,
        "redirects": page.redirects,
        "status": page.status,
        "address": page.address,
        "fetched_ms": page.fetched_ms,
        "took_ms": page.took_ms,
        "bytes": len(page.body),
        "wire_bytes": page.wire_bytes,
        "headers": _all_headers(page),
    }


def _facts(link_id: str, page: Page) -> Iterator[tuple[str, object]]:
    yield "link", link_id
    yield "url", page.url
    for hop in page.redirects:
        yield "redirects", hop
    yield "final url", page.final_url
    yield "status", f"{page.status} from {page.address} in {page.took_ms:,} ms"
    yield "fetched", f"{table.when(page.fetched_ms)} UTC"
    yield "bytes", f"{len(page.body):,} ({page.wire_bytes:,} as sent)"
    for name, value in _all_headers(page).items():
        yield "header", f"{name}: {value}"


def _all_headers(page: Page) -> dict[str, str]:
    own = {"content-type": page.content_type, "etag": page.etag, "last-modified": page.last_modified}
    return {name: value for name, value in own.items() if value} | dict(page.headers)


def _print_body(page: Page) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(printable(page.body.decode("utf-8", "replace"), newlines=True) + "\n")
    else:
        sys.stdout.buffer.write(page.body)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(pages, name="pages")
