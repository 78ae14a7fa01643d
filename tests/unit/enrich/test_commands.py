"""What operators see of the enrichers, and what they can set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner

from jobs.enrich.names import BUILT_IN
from worker.cli import app
from worker.config import ConfigError, load
from worker.health import _models

WIDE = {"COLUMNS": "300"}


def test_config_shows_what_each_costs() -> None:
    """Name, whether it runs, its fields and its milliseconds."""
    shown = CliRunner().invoke(app, ["config"], env={**WIDE, "PALMYRA_ENRICHERS": "-quotes"}).stdout
    rows = {line.split()[0]: line.split()[1:4] for line in shown.splitlines() if line.strip()}
    assert rows["quotes"][:2] == ["no", "quotes"]
    assert rows["topics"][:2] == ["yes", "topics"]
    assert float(rows["topics"][2]) > 0
    assert set(BUILT_IN) <= set(rows)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ENRICHERS", "-quotes,topcis", "no enricher is called topcis"),
        ("SPACY_MODELS", "en_core_web_sm", "not language=model"),
    ],
)
def test_mistakes_are_told(name: str, value: str, said: str) -> None:
    """By the option's name, with what is wrong."""
    with pytest.raises(ConfigError, match=rf"PALMYRA_{name}=.*{said}"):
        load({f"PALMYRA_{name}": value}, Path("no.env"))


def test_settings() -> None:
    """As the environment writes them."""
    given = {"PALMYRA_ENRICHERS": "topics, -quotes", "PALMYRA_SPACY_MODELS": "en=en_core_web_sm,de=/m/de"}
    settings = load(given, Path("no.env")).settings
    assert settings.enrichers == ["topics", "-quotes"]
    assert settings.spacy_models == [("en", "en_core_web_sm"), ("de", "/m/de")]


def test_bench_enrich_prints_scores_and_costs(tmp_path: Path) -> None:
    """Both sets, every enricher, and the same as JSON."""
    file = tmp_path / "result.json"
    done = CliRunner().invoke(app, ["bench", "enrich", "--json", str(file)], env=WIDE)
    assert done.exit_code == 0
    assert "held_out" in done.stdout
    result = json.loads(file.read_text())
    assert set(result["cost_ms"]) == set(BUILT_IN)
    assert {row["language"] for row in result["scores"]} == {"en", "de", "fr", "es"}


def test_doctor_warns_of_a_model_that_is_missing(redis: Redis, tmp_path: Path) -> None:
    """It is optional, so a warning; a model that is there is none."""
    (tmp_path / "model").mkdir()
    models = f"en=no_such_model,de={tmp_path / 'model'},fr=/nowhere/fr"
    settings = load({"PALMYRA_SPACY_MODELS": models}, Path("no.env")).settings
    found = _models(settings, redis)
    assert [finding.level for finding in found] == ["warning", "warning"]
    assert "no_such_model" in found[0].what
