"""`palmyra bench`: what a thing costs here, beside a yardstick measured in the same run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.commands import table

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


def _tell(what: str) -> None:
    sys.stderr.write(f"{what}\n")


def _circumstances(result: dict[str, Any]) -> str:
    before, after = result["machine"]["before"], result["machine"]["after"]
    over = f"{result['pages']['count']} pages ({result['pages']['from']})"
    load = f"load {before['load'][0]} before, {after['load'][0]} after"
    return f"{over}, {result['rounds']} rounds, {before['cores']} cores, {load}.\n"


def _write(result: dict[str, Any], file: Path | None) -> None:
    if file is not None:
        file.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def register(parent: typer.Typer) -> None:
    """Add these commands."""
    parent.add_typer(app, name="bench")
