"""`palmyra bench` as a user runs it: it starts what it needs, ends by itself and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.system import PALMYRA, running

KINDS = {"article", "fetch", "poller", "redis", "up", "web"}
PAGES = 6


def bench(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a benchmark and return its JSON."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PALMYRA_", "REDIS_"))}
    scratch = folder / "scratch"
    scratch.mkdir()
    done = subprocess.run(
        [*PALMYRA, "bench", *arguments, "--json", "out.json"],
        cwd=folder, env=environment | {"TMPDIR": str(scratch)}, capture_output=True, text=True, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(scratch.iterdir()), "the benchmark left files"
    assert not [command for _, _, command in running() if str(scratch) in command], "a process is left"
    result: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return result


def numbers(figures: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number in nested dicts, with its path."""
    if isinstance(figures, dict):
        for name, value in figures.items():
            yield from numbers(value, f"{path}/{name}")
    else:
        yield path, figures


@pytest.mark.proof
@pytest.mark.timeout(180)
def test_pipeline_measures_palmyra_beside_the_bare_loops(tmp_path: Path) -> None:
    """Every figure is there and is a positive number, for each kind of process; each page was published."""
    result = bench(tmp_path, "pipeline", "--pages", str(PAGES), "--rounds", "1")
    loop, whole = result["medians"]["trafilatura"], result["medians"]["palmyra"]
    assert result["pages"]["count"] == loop["published"] == whole["published"] == PAGES
    assert whole["outcomes"] == {"published": PAGES}
    for run in (*result["medians"].values(), *result["ratios"].values()):
        assert run["wall_s"] > 0
        assert run["articles_per_s"] > 0
        assert run["cpu_ms"] > 0
    assert set(whole["cpu_ms_by_kind"]) == KINDS == set(whole["pss_mib"])
    assert sum(whole["cpu_ms_by_kind"].values()) == pytest.approx(whole["cpu_ms"])
    # The kernel counts CPU in steps of 10 ms: what hardly runs may have used none.
    may_be_0 = {f"/cpu_ms_by_kind/{kind}" for kind in KINDS - {"article"}}
    may_be_0 |= {"/page_server_cpu_ms", "/cores_others", "/redis_bytes/used_memory"}
    no = [
        (path, value) for path, value in numbers(whole)
        if value <= 0 and path not in may_be_0 and "by_family" not in path
    ]  # fmt: skip
    assert not no
    assert all(0 < whole["pss_mib"][kind] <= whole["rss_mib"][kind] for kind in KINDS)
    assert whole["redis_round_trips"] < whole["redis_commands"]
    assert result["machine"]["before"]["cores"] == os.cpu_count()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_latency_follows_each_article_through_its_steps(tmp_path: Path) -> None:
    """The steps of each article add up to its whole, which nothing of a second's length is in."""
    result = bench(tmp_path, "latency", "--articles", "3")
    assert len(result["articles"]) == 3
    for article in result["articles"]:
        steps = ("to_seen_ms", "to_fetched_ms", "to_emitted_ms", "to_reader_ms")
        assert sum(article[step] for step in steps) == pytest.approx(article["total_ms"])
        assert 0 < article["extract_ms"] < article["total_ms"]
    assert 0 < result["p50"]["own_ms"] <= result["p99"]["own_ms"]
    assert result["p50"]["own_ms"] < 1000


@pytest.mark.timeout(180)
@pytest.mark.proof
def test_poll_measures_a_poller_on_many_feeds(tmp_path: Path) -> None:
    """Each kind of answer is measured on its own, with all that it costs; sizes are those of keys."""
    result = bench(tmp_path, "poll", "--feeds", "20,40", "--seconds", "3")
    assert [run["feeds"] for run in result["runs"]] == [20, 40]
    for run in result["runs"]:
        kinds = run["kinds"]
        assert set(kinds) == {"not_modified", "same_body", "changed"}
        for kind in kinds.values():
            assert kind["polls"] > 0
            assert kind["polls_per_core"] > 0
            assert kind["redis_round_trips"] < kind["redis_commands"]
        assert kinds["changed"]["parser_cpu_ms"] > kinds["not_modified"]["parser_cpu_ms"] == 0
        assert kinds["changed"]["redis_commands_by_name"]["rpush"] >= 0.9, "each poll brings a new link"
        assert "rpush" not in kinds["not_modified"]["redis_commands_by_name"]
        assert run["client_alone"]["polls"] > 0
        assert 300 < run["redis_bytes"]["feed"] < 3_000
        assert 20 < run["redis_bytes"]["remembered_link"] < 300
        assert all(0 < run["pss_mib"][name] <= run["rss_mib"][name] for name in ("poller", "parser"))


@pytest.mark.parametrize("feeds", ["", "many", "1000,", "9", "60000", "-5"])
def test_poll_says_which_numbers_of_feeds_it_takes(feeds: str) -> None:
    """A number that is none is a usage error, before anything is started."""
    done = subprocess.run([*PALMYRA, "bench", "poll", "--feeds", feeds], capture_output=True, text=True)
    assert done.returncode == 2
    assert "from 10 to 50,000" in " ".join(done.stderr.split())


@pytest.mark.timeout(180)
@pytest.mark.proof
def test_fetch_measures_one_process_on_slow_sites(tmp_path: Path) -> None:
    """Pages come no faster than the concurrency allows; what they cost is told."""
    arguments = ("--hosts", "40", "--delay", "0.5", "--pages", "120", "--concurrency", "16")
    result = bench(tmp_path, "fetch", *arguments)
    assert result["limit_per_s"] == 32
    assert 0 < result["pages_per_s_whole"] <= result["limit_per_s"]
    assert result["pages_per_s"] > 0
    assert 50 * 1024 < result["pages"]["mean_wire_bytes"] * 2 < result["pages"]["mean_bytes"] < 300 * 1024
    assert result["cpu_ms"]["fetch"] > 0
    assert result["pss_mib"] > 0
    assert 0 < result["rss_mib"] < 200
