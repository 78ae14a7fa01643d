"""`palmyra bench quality`: scores, the folder's layout, and a report that can't be hurt by pages."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from worker.bench.quality import Measured, calibration, rows, worst
from worker.bench.quality_extractors import OURS, YARDSTICK, Found
from worker.bench.quality_gold import BadGold, Gold, read
from worker.bench.quality_report import report
from worker.bench.quality_score import TextScore, mean_score, names_f1, same_day, same_title, text_score
from worker.commands.bench import app

PARAGRAPHS = tuple(
    f"The council met on {day} evening to talk about {thing}, and heard what the people of the town think."
    for day, thing in (("Monday", "the bridge"), ("Tuesday", "its cost"), ("Friday", "the road to the north"))
)
PAGE = (
    "<html lang=en><head><title>A bridge</title></head><body><article><h1>A bridge</h1>"
    + "".join(f"<p>{text}</p>" for text in PARAGRAPHS)
    + "</article></body></html>"
)


def test_text_score() -> None:
    """Runs of four words, repeats counted: what is extra costs precision, what is missing recall."""
    assert text_score("a b c d e", "a b c d e").f1 == 1.0
    assert text_score("a b c d e", "a b c d") == TextScore(1.0, 0.5)
    assert text_score("a b c d", "a b c d e") == TextScore(0.5, 1.0)
    assert text_score("a b c d", "a b c d a b c d").precision == pytest.approx(1 / 5)
    assert text_score("a, b.", "A b") == TextScore(0.0, 0.0)
    assert text_score("", "") == TextScore(1.0, 1.0)
    assert text_score("a b c d", "").f1 == 0.0


def test_means_are_of_precision_and_recall() -> None:
    """A set's F1 is that of its mean precision and recall."""
    assert mean_score([TextScore(1.0, 0.0), TextScore(0.0, 1.0)]) == TextScore(0.5, 0.5)
    assert mean_score([]) == TextScore(0.0, 0.0)


def test_other_fields() -> None:
    """Titles by letters, dates by day, names as a set."""
    assert same_title("A bridge: Really?", "a bridge — really")
    assert not same_title("A bridge", None)
    assert same_day("2024-03-01", "2024-03-01T23:30:00-05:00")
    assert not same_day("2024-03-01", None)
    assert names_f1(["Ann Lee", "Bo"], ["bo", "Cy"]) == 0.5
    assert names_f1([], []) == 1.0
    assert names_f1(["Ann Lee"], []) == 0.0


def saved(folder: Path, line: dict[str, object]) -> Path:
    """A set of one page."""
    (folder / "pages").mkdir(parents=True)
    (folder / "gold.jsonl").write_text(json.dumps(line) + "\n", "utf-8")
    (folder / "pages" / "one.html.gz").write_bytes(gzip.compress(PAGE.encode()))
    return folder


def test_folders_are_read(tmp_path: Path) -> None:
    """A folder of sets is read like one set; a text known to be incomplete is no gold."""
    saved(tmp_path / "b", {"id": "one", "text": "x", "gold_defect": True, "authors": []})
    saved(tmp_path / "a", {"id": "one", "text": "x", "date": "2024-03-01"})
    (first, second) = read(tmp_path)
    assert (first.set_name, first.text, first.date, first.authors) == ("a", "x", "2024-03-01", None)
    assert (second.set_name, second.text, second.authors) == ("b", None, ())
    assert len(read(tmp_path / "a")) == 1


@pytest.mark.parametrize("line", [{"id": "two"}, {"id": "../one"}, {}, []])
def test_bad_gold_says_where(tmp_path: Path, line: dict[str, object]) -> None:
    """A line that can't be used is an error that names file and line; so is a folder without any."""
    saved(tmp_path / "a", line)
    with pytest.raises(BadGold, match=r"gold\.jsonl, line 1"):
        read(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadGold, match="neither it nor a folder in it"):
        read(tmp_path / "empty")


def gold(set_name: str, text: str | None) -> Gold:
    return Gold(set_name, "one", Path("one"), "https://www.example.org/", text, "A bridge", None, None)


def measured(f1: float, score: float) -> dict[str, Measured]:
    ours = Measured(Found("text", score=score), 10.0, TextScore(f1, f1), 1.0)
    return {OURS: ours, YARDSTICK: Measured(Found(), 8.0, TextScore(0.5, 0.5), 0.0)}


def test_rows_worst_and_calibration() -> None:
    """A row a set and extractor, and one for all; the worst first; bad texts counted against low scores."""
    results = [(gold("a", "x"), measured(0.9, 0.9)), (gold("b", "x"), measured(0.7, 0.4))]
    table = {(row.set_name, row.extractor): row for row in rows(results)}
    assert len(table) == 6
    both = table["all", OURS].text
    assert both is not None
    assert both.f1 == pytest.approx(0.8)
    assert (table["b", OURS].title, table["b", OURS].date, table["b", YARDSTICK].cpu_ms) == (1.0, None, 8.0)
    assert [page.set_name for page, _ in worst(results, 1)] == ["b"]
    assert calibration(results) == {"pages": 2, "bad": 1, "called_bad": 1, "both": 1}


def test_the_report_escapes_pages() -> None:
    """Third-party text is shown, never run: in gold, in what was found, in addresses."""
    evil = "<script>alert(1)</script> one two three"
    ours = Measured(Found("<img src=x onerror=alert(2)> one two three"), 1.0, TextScore(0.5, 0.5))
    page = Gold("a", "<b>id", Path("x"), "https://x.example/<svg>", evil, None, None, None)
    html = report([(page, {OURS: ours})])
    assert not any(tag in html for tag in ("<script", "<img", "<svg", "<b>"))
    assert "&lt;script&gt;" in html
    assert "<ins>" in html
    assert "<del>" in html


def test_the_command(tmp_path: Path) -> None:
    """From a folder to a table, a file of figures and a report, in one run beside bare trafilatura."""
    folder = saved(tmp_path / "own", {"id": "one", "text": "\n".join(PARAGRAPHS), "title": "A bridge"})
    files = [tmp_path / "figures.json", tmp_path / "report.html"]
    options = ["--only", YARDSTICK, "--json", str(files[0]), "--html", str(files[1])]
    result = CliRunner().invoke(app, ["quality", str(folder), *options])
    assert result.exit_code == 0, result.output
    figures = json.loads(files[0].read_text())
    ours = next(row for row in figures["rows"] if row["extractor"] == OURS)
    assert (ours["text"]["f1"], ours["title"], ours["date"]) == (1.0, 1.0, None)
    assert {row["extractor"] for row in figures["rows"]} == {OURS, YARDSTICK}
    assert PARAGRAPHS[0] not in files[0].read_text()
    assert "quality.score: of 1 pages" in result.output
    assert files[1].read_text().startswith("<!doctype html>")
