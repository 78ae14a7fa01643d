"""``palmyra extract``: the article that would be published, from a file, a URL or standard input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from io import BufferedReader

    from jobs.article import Article

HELP = """Print the article that would be published from a page.

It needs no Redis and always prints one: what would be skipped says so in quality.issues.

SOURCE is a file (plain or .gz), an http(s) URL, or - for standard input.

--batch reads JSON lines {"id", "url"|null, "html_file"[, "feed": {"title", "summary", "content", \
"published"}]} from a file (plain or .gz, or - for standard input). For each it writes a line \
{"id", "article": {…}} or {"id", "error": {"reason", "message"}}, in the same order, using all cores. \
Files are looked for from the current folder, then from that of IN.jsonl. Reasons are those of \
`palmyra why`, and: bad_input (the line or its file can't be read), internal (a bug: please report it).

\b
Examples:
  palmyra extract https://www.example.org/news/bridge
  palmyra extract --url https://www.example.org/news/bridge saved.html.gz
  curl -s https://www.example.org/news/bridge | palmyra extract --json -
  palmyra extract --batch pages.jsonl > articles.jsonl
"""


@dataclass(frozen=True, slots=True)
class Got:
    """A page to extract from."""

    body: bytes
    url: str | None
    final_url: str | None
    content_type: str = ""
    took_ms: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def register(app: typer.Typer) -> None:
    """Add the command to the palmyra command."""

    @app.command("extract", help=HELP)
    def extract(
        source: Annotated[
            str | None,
            typer.Argument(metavar="SOURCE", help="A file, a URL or - (standard input).", show_default=False),
        ] = None,
        url: Annotated[
            str | None, typer.Option(help="The URL that the file was served from.", show_default=False)
        ] = None,
        batch: Annotated[
            str | None, typer.Option(metavar="IN.jsonl", help="Extract many.", show_default=False)
        ] = None,
        as_json: Annotated[
            bool, typer.Option("--json", help="The event's data as one line of JSON.")
        ] = False,
    ) -> None:
        if batch is not None:
            if source is not None or url is not None:
                raise typer.BadParameter("--batch takes neither a source nor --url: its lines have them.")
            raise typer.Exit(_batch(batch))
        if source is None:
            raise typer.BadParameter("give a file, a URL or - (standard input), or --batch IN.jsonl.")
        if url is not None and _is_url(source):
            raise typer.BadParameter("--url says where a file came from; the source is a URL already.")
        raise typer.Exit(_one(source, url, as_json))


def _is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def _batch(batch: str) -> int:
    from worker.commands.extract_batch import run

    if batch == "-":
        return run(cast("BufferedReader", sys.stdin.buffer), Path())
    path = Path(batch)
    try:
        with path.open("rb") as stream:
            return run(stream, path.parent)
    except OSError as error:
        typer.echo(f"palmyra extract: can't read {batch}: {error.strerror}.", err=True)
        return 1


def _one(source: str, url: str | None, as_json: bool) -> int:
    from jobs.errors import Outcome
    from worker.printable import printable

    try:
        article = _article(_got(source, url))
    except OSError as error:
        typer.echo(f"palmyra extract: can't read {source}: {error.strerror or error}.", err=True)
        return 1
    except Outcome as error:
        typer.echo(f"palmyra extract: {printable(str(error))}.", err=True)
        return 1
    _print(article, as_json)
    return 0


def _got(source: str, url: str | None) -> Got:
    """The page that is meant.

    Raises:
        OSError: the file can't be read.
        Outcome: the URL can't be fetched.
        ConfigError: the settings are wrong.
    """
    from worker.commands.extract_one import read_page

    if _is_url(source):
        return _fetched(source)
    if source == "-":
        return Got(sys.stdin.buffer.read(), url, url)
    return Got(read_page(Path(source)), url, url)


def _fetched(url: str) -> Got:
    import asyncio

    from jobs.client import Answer
    from jobs.fetch import judge
    from worker.config import load
    from worker.factory import client as make_client

    async def get() -> Answer:
        async with make_client(load().settings, max_connections=1) as client:
            return await client.get(url)

    answer = asyncio.run(get())
    if answer.status >= 400:
        judge(answer, fetched_ms=0)  # always raises, and says why as a fetch job would
    return Got(answer.body, url, answer.final_url, answer.content_type, answer.took_ms, answer.headers)


def _article(got: Got) -> Article:
    from worker.commands.extract_one import article_of
    from worker.config import load
    from worker.factory import enrichment

    return article_of(
        got.body,
        url=got.url,
        final_url=got.final_url,
        content_type=got.content_type,
        fetch_ms=got.took_ms,
        headers=got.headers,
        choice=enrichment(load().settings),
    )


def _print(article: Article, as_json: bool) -> None:
    from jobs.event import encode
    from worker.commands.extract_show import show

    if as_json:
        typer.get_binary_stream("stdout").write(encode(article.model_dump(mode="json")).encode() + b"\n")
    else:
        show(article)
