"""An article on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.article import Article
from worker.printable import printable

# Shown above the text, or not for people.
_SHOWN_ABOVE = frozenset({"headline", "text", "authors", "source", "timings", "provenance", "feeds"})


def show(article: Article, console: Console | None = None) -> None:
    """Print headline, byline and text, then the metadata with where each value came from.

    What the page says is shown as text only: never as markup, never as control characters.
    """
    out = console or Console(highlight=False, markup=False, emoji=False)
    out.print(_text(article.headline or "(no headline)", "bold"))
    out.print(_text(" · ".join(_line(article)), "dim"))
    if article.summary:
        out.print(Text("\n") + _text(article.summary, "italic"))
    out.print(Text("\n") + _text(article.text or "(no article text)") + Text("\n"))
    out.print(_table(article))


def _line(article: Article) -> list[str]:
    authors = ", ".join(article.authors)
    parts = (authors, article.agency, article.published, article.source.name or article.source.domain)
    return [part for part in parts if part]


def _table(article: Article) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), style="dim")
    for _ in range(3):
        table.add_column(overflow="fold")
    for name, value in article.model_dump(mode="json").items():
        if name not in _SHOWN_ABOVE and value not in (None, [], {}):
            table.add_row(name, _text(_value(value), "dim"), _origin(article, name))
    return table


def _origin(article: Article, name: str) -> str:
    origins = (o for field, o in article.provenance.items() if field.split(".")[0] == name)
    return next(origins, "")


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_value(v)}" for k, v in value.items() if v not in (None, [], {}))
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    return str(value)


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text, newlines=True), style=style)
