"""`palmyra bench`: what a thing costs here, beside a yardstick measured in the same run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.commands import table

MIN_FEEDS, MAX_FEEDS = 10, 50_000  # of a run of `bench poll`

app = typer.Typer(help="Measure: each benchmark starts what it needs.", no_args_is_help=True)

CorpusOption = Annotated[
    Path | None,
    typer.Option(
        help="A folder of saved pages (gold.jsonl, pages/<id>.html.gz) instead of pages of our own.",
        exists=True,
        file_okay=False,
    ),
]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")]


@app.command("pipeline")
def pipeline(
    corpus: CorpusOption = None,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How often each run is repeated.")] = 5,
    pages: Annotated[
        int | None,  # three feeds of at most 1,000 entries
        typer.Option(min=1, max=3000, help="How many pages; default: 300, or the whole corpus."),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Feeds in, events out: Palmyra whole, beside a bare loop of trafilatura over the same pages.

    Each round runs the loop on all cores (from disk, no queue, no network), the same loop with Palmyra's own
    extraction, and Palmyra with a Redis of its own. The table shows the medians of the rounds. It needs Linux
    and a machine that does nothing else; the last rows of CPU say how far that was so.

    Examples:

        palmyra bench pipeline

        palmyra bench pipeline --corpus saved-pages --rounds 3 --json result.json
    """
    from worker.bench.pipeline import pipeline as run
    from worker.bench.show import COLUMNS, pipeline_rows

    result = run(corpus, rounds=rounds, count=pages, tell=_tell)
    table.show(COLUMNS, pipeline_rows(result), numbers=COLUMNS[1:])
    sys.stdout.write(f"\n{_circumstances(result)}{result['clock']}\n")
    _write(result, json_file)


@app.command("latency")
def latency(
    corpus: CorpusOption = None,
    articles: Annotated[int, typer.Option(min=1, max=1000, help="How many articles, one by one.")] = 50,
    json_file: JsonOption = None,
) -> None:
    """From a link in a feed's response to its event on the stream, on an idle system without host delay.

    The feed is polled every second; each article is published alone, after the one before has arrived.

    Examples:

        palmyra bench latency

        palmyra bench latency --corpus saved-pages --articles 80 --json result.json
    """
    from worker.bench.latency import latency as run
    from worker.bench.show import LATENCY_COLUMNS, latency_rows

    result = run(corpus, count=articles, tell=_tell)
    table.show(LATENCY_COLUMNS, latency_rows(result), numbers=LATENCY_COLUMNS[1:])
    sys.stdout.write(f"\n{_circumstances(result)}{result['clock']}\n")
    _write(result, json_file)


@app.command("schedule")
def schedule(
    days: Annotated[float, typer.Option(min=2, max=120, help="Days to simulate.")] = 30,
    feeds: Annotated[int, typer.Option(min=1, max=10_000, help="How many feeds.")] = 300,
    seed: Annotated[
        list[int] | None, typer.Option(help="For chance, 1 if not given; more than once: as many runs.")
    ] = None,
    json_file: JsonOption = None,
    svg_file: Annotated[Path | None, typer.Option("--svg", help="Write a plot of the first run.")] = None,
) -> None:
    """When to poll: the learned schedule beside fixed intervals, simulated without waiting.

    The same invented feeds are polled as the poller would, every 15 minutes and every 60 minutes, by a clock
    that only counts. docs/polling.md says what the feeds are like and what that can't show. About half a
    minute a run; no network, no Redis.

    Examples:

        palmyra bench schedule

        palmyra bench schedule --seed 1 --seed 2 --seed 3 --svg polling.svg --json polling.json
    """
    from worker.bench import schedule_report
    from worker.bench.schedule_simulation import run

    results = [run(days=days, count=feeds, seed=one, tell=_tell) for one in seed or [1]]
    table.show(schedule_report.COLUMNS, schedule_report.rows(results), numbers=schedule_report.COLUMNS[2:])
    if json_file is not None:
        json_file.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    if svg_file is not None:
        svg_file.write_text(schedule_report.svg(results[0]), "utf-8")


@app.command("poll")
def poll(
    feeds: Annotated[
        str, typer.Option(metavar="N,N", help="How many feeds, one run each; up to 50,000.")
    ] = "1000,10000",
    seconds: Annotated[
        float, typer.Option(min=3, max=3600, help="How long each kind of answer is measured.")
    ] = 12,
    json_file: JsonOption = None,
) -> None:
    """What one poller does in a second, and what a feed costs: 304s, unchanged and changed documents.

    One poller as `palmyra poll` runs it, with a Redis of its own, polls a local server with as many feeds,
    each a host of its own with 50 entries. It needs Linux. About three minutes.

    Examples:

        palmyra bench poll

        palmyra bench poll --feeds 5000 --seconds 60 --json result.json
    """
    from worker.bench import poll_rows
    from worker.bench.poll import poll as run

    result = run(_counts(feeds), seconds=seconds, tell=_tell)
    table.show(poll_rows.COLUMNS, poll_rows.rows(result), numbers=poll_rows.COLUMNS[2:])
    sys.stdout.write("\n")
    table.show(poll_rows.SIZE_COLUMNS, poll_rows.size_rows(result), numbers=poll_rows.SIZE_COLUMNS)
    sys.stdout.write(f"\n{_load(result)}{result['clock']}\n")
    _write(result, json_file)


@app.command("fetch")
def fetch(
    hosts: Annotated[
        int, typer.Option(min=1, max=4000, help="How many hosts, each with its own pause.")
    ] = 200,
    delay: Annotated[float, typer.Option(min=0, max=20, help="Seconds until a page is answered.")] = 2.0,
    pages: Annotated[int, typer.Option(min=20, max=20_000, help="How many pages are measured.")] = 1600,
    concurrency: Annotated[int, typer.Option(min=1, max=512, help="Downloads in flight.")] = 64,
    json_file: JsonOption = None,
) -> None:
    """What one fetch process brings in from slow sites: pages/s, CPU a page, memory.

    One `palmyra work fetch` with a Redis and a dispatcher of its own fetches generated pages of 50 to 300 KB,
    gzipped, from local hosts, each asked once a second at most. It needs Linux. About a minute and a half.

    Examples:

        palmyra bench fetch

        palmyra bench fetch --delay 0.1 --pages 4000 --json result.json
    """
    from worker.bench import fetch_rows
    from worker.bench.fetch import fetch as run

    result = run(hosts=hosts, delay_s=delay, pages=pages, concurrency=concurrency, tell=_tell)
    table.show(fetch_rows.COLUMNS, fetch_rows.rows(result), numbers=fetch_rows.COLUMNS[1:])
    told = f"{hosts} hosts that answer after {delay:g} s, {concurrency} downloads in flight, {_load(result)}"
    sys.stdout.write(f"\n{told}{result['clock']}\n")
    _write(result, json_file)


def _counts(text: str) -> list[int]:
    """Numbers of feeds, as given on the command line."""
    parts = [part.strip().replace("_", "") for part in text.split(",")]
    if not all(part.isdecimal() and MIN_FEEDS <= int(part) <= MAX_FEEDS for part in parts):
        raise typer.BadParameter(f"{text!r}: numbers from {MIN_FEEDS} to {MAX_FEEDS:,}, joined by commas")
    return [int(part) for part in parts]


@app.command("quality")
def quality(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Saved pages with gold: gold.jsonl and pages/<id>.html.gz, or folders with these in it.",
            exists=True,
            file_okay=False,
        ),
    ],
    only: Annotated[
        list[str] | None, typer.Option(help="Compare with this extractor only; may be given more than once.")
    ] = None,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst pages to list.")] = 10,
    json_file: JsonOption = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write a report with the differences to look at.")
    ] = None,
) -> None:
    """Articles as extracted beside what is on the page: text, title, date and authors, and what it costs.

    Ours and bare trafilatura run over the same pages, and so do resiliparse, newspaper4k and readability-lxml
    where they are installed. Text is compared by runs of four words. docs/quality.md explains all columns.

    Examples:

        palmyra bench quality saved-pages

        palmyra bench quality saved-pages --only trafilatura --worst 30 --html report.html --json result.json
    """
    from worker.bench import quality_show
    from worker.bench.quality import as_json, rows, run
    from worker.bench.quality import worst as worst_of
    from worker.bench.quality_report import report

    with _progress("pages") as tell:
        results = run(folder, only=only or (), progress=tell)
    table.show(
        quality_show.COLUMNS, quality_show.quality_rows(rows(results)), numbers=quality_show.COLUMNS[2:]
    )
    sys.stdout.write(f"\n{quality_show.calibration_line(results)}\n\n")
    if worst:
        table.show(quality_show.WORST_COLUMNS, quality_show.worst_rows(worst_of(results, worst)))
    _write(as_json(results), json_file)
    if html_file is not None:
        html_file.write_text(report(results), "utf-8")


@app.command()
def stories(json_file: JsonOption = None) -> None:
    """Stories of articles on known events, in four languages: how many fell apart or were mixed up.

    139 dispatches written for this are streamed, in the order of time, through the index on a Redis
    of its own. B-cubed and V-measure; docs/stories.md says what the dispatches are and what that can't show.

    Examples:

        palmyra bench stories

        palmyra bench stories --json result.json
    """
    from jobs.enrich.loading import Choice
    from worker.bench import stories as bench

    result = bench.run(Choice())
    table.show(bench.COLUMNS, bench.rows(result), numbers=bench.COLUMNS[2:])
    lines = "\n".join([*bench.faults(result), "", *bench.told(result)])
    sys.stdout.write(f"\n{lines}\n")
    _write(bench.as_json(result), json_file)


@app.command()
def copies(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            exists=True,
            file_okay=False,
            show_default=False,
            help="Pages with gold text (gold.jsonl) instead of the demo newsroom's articles.",
        ),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Copies as outlets make them, and unrelated texts: what is found of the ones and of the others.

    Examples:

        palmyra bench copies

        palmyra bench copies saved-pages --json result.json
    """
    from dataclasses import asdict

    from worker.bench import copies as bench

    result = bench.run(bench.gold_texts(folder) if folder else bench.own_texts())
    table.show(bench.COLUMNS, bench.rows(result), numbers=bench.COLUMNS[1:])
    sys.stdout.write(f"\n{bench.told(result)}\n")
    _write(asdict(result), json_file)


@app.command("enrich")
def enrich(json_file: JsonOption = None) -> None:
    """What enrichers find in articles with gold, per language, and what they cost.

    60 short articles in four languages, written for this: docs/enrichment.md says how, and what that can't
    show. P is precision, R recall. `held_out` was written after the enrichers were done.

    Examples:

        palmyra bench enrich

        PALMYRA_SPACY_MODELS=en=en_core_web_sm palmyra bench enrich --json result.json
    """
    from worker import factory
    from worker.bench import enrich as bench
    from worker.config import load

    choice = factory.enrichment(load().settings)
    results, measured = bench.run(choice), bench.costs(choice)
    table.show(bench.COLUMNS, bench.rows(results), numbers=bench.COLUMNS[2:])
    sys.stdout.write("\n")
    table.show(bench.COST_COLUMNS, bench.cost_rows(measured), numbers=bench.COST_COLUMNS[1:])
    sys.stdout.write(f"\n{bench.HOW}\n")
    _write(bench.as_json(results, measured), json_file)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal's standard error; yields what to call with the number done and their total."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _tell(what: str) -> None:
    sys.stderr.write(f"{what}\n")


def _circumstances(result: dict[str, Any]) -> str:
    over = f"{result['pages']['count']} pages ({result['pages']['from']})"
    return f"{over}, {result['rounds']} rounds, {_load(result)}"


def _load(result: dict[str, Any]) -> str:
    before, after = result["machine"]["before"], result["machine"]["after"]
    return f"{before['cores']} cores, load {before['load'][0]} before, {after['load'][0]} after.\n"


def _write(result: dict[str, Any], file: Path | None) -> None:
    if file is not None:
        file.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def register(parent: typer.Typer) -> None:
    """Add these commands."""
    parent.add_typer(app, name="bench")
