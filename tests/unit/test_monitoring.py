"""The alert rules, the board and the scrape example in deploy/: they ask for what exists, and alerts fire."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.missing import tool
from worker import metrics
from worker.metrics import Kind

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus-rules.yml"
RULE_TESTS = ROOT / "tests" / "data" / "prometheus-rules.test.yml"
BOARD = json.loads((ROOT / "deploy" / "grafana-board.json").read_text())
SERIES = {series: spec for spec in metrics.ALL for series in spec.series}
TARGET = {"job", "instance"}
"""What Prometheus adds to each series."""


def rule_expressions() -> list[str]:
    """On one line, or indented below a `>-`."""
    found = re.findall(r"^ +expr: (?:>-\n((?:            .*\n)+)|(.+)\n)", RULES.read_text(), re.M)
    return [" ".join((block or line).split()) for block, line in found]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in BOARD["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    return rule_expressions() + [target["expr"] for panel in panels() for target in panel["targets"]]


def wrong_in(expression: str) -> list[str]:
    """What an expression asks for that no metric of ours tells."""
    wrong, used = [], set[str]()
    for name, asked in re.findall(r"\b((?:palmyra|rq)_\w+|up)\b(?:\{([^}]*)\})?", expression):
        spec = SERIES.get(name)
        if spec is None and name != "up":
            wrong.append(name)
            continue
        labels = TARGET | set(spec.labels if spec else ()) | ({"le"} if name.endswith("_bucket") else set())
        used |= labels
        wrong += [
            f"{name}{{{one}}}" for one in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", asked) if one not in labels
        ]
    for group in re.findall(r"\b(?:by|without|on|ignoring) \(([^)]*)\)", expression):
        wrong += [f"by {one}" for one in re.findall(r"\w+", group) if one not in used]
    if "histogram_quantile" in expression and "_bucket" not in expression:
        wrong.append("histogram_quantile of no buckets")
    rated = re.findall(r"(?:rate|increase)\((\w+)", expression)
    wrong += [f"rate of {name}" for name in rated if SERIES[name].kind is Kind.GAUGE]
    return wrong


@pytest.mark.parametrize("expression", expressions())
def test_expressions_ask_for_metrics_and_labels_that_exist(expression: str) -> None:
    """A renamed metric or label leaves no alert that never fires and no panel that stays empty."""
    assert wrong_in(expression) == []


def test_a_wrong_name_or_label_is_found() -> None:
    """The check above is one."""
    assert wrong_in("palmyra_nope") == ["palmyra_nope"]
    assert wrong_in('sum by (nope) (rq_jobs{wrong="1", queue="x"})') == ["rq_jobs{wrong}", "by nope"]
    assert wrong_in("rate(palmyra_feeds[5m])") == ["rate of palmyra_feeds"]


def test_each_metric_is_on_the_board() -> None:
    """Only what reading RQ costs the web process is left to rq-exporter's board."""
    shown = "\n".join(target["expr"] for panel in panels() for target in panel["targets"])
    missing = [spec for spec in metrics.ALL if not any(re.search(rf"\b{s}\b", shown) for s in spec.series)]
    assert missing == [metrics.RQ_READING]


def test_the_boards_panels_stand_side_by_side() -> None:
    """Each has an id of its own, a title, and a place that no other covers."""
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert panel["title"]
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_each_alert_says_what_and_what_to_do_and_is_tested() -> None:
    """With a unit test that makes it fire, and one in which nothing does."""
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    rules = RULES.read_text().split("- alert: ")[1:]
    assert len(alerts) == len(rule_expressions()) == len(set(alerts))
    for rule in rules:
        assert re.search(r"severity: (critical|warning)", rule)
        assert all(f"{word}: " in rule for word in ("summary", "mend"))
    tests = RULE_TESTS.read_text()
    assert re.findall(r"- name: (\w+) fires\n", tests) == alerts
    assert re.findall(r"\{eval_time: 8h, alertname: (\w+)\}", tests) == alerts


@pytest.mark.parametrize(
    "check",
    [
        ("check", "rules", RULES),
        ("check", "config", ROOT / "deploy" / "prometheus.yml"),
        ("test", "rules", RULE_TESTS),
    ],
    ids=["rules", "scrape", "rule-tests"],
)
def test_promtool_accepts(check: tuple[object, ...]) -> None:
    """Rules and scrape example are sound, and each alert fires when it should and not when all is well."""
    done = subprocess.run(
        [tool("promtool"), *map(str, check)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
