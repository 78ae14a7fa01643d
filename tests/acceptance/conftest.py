"""The corpus and the schema for the acceptance tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from worker.demo.corpus import Corpus
from worker.demo.server import DemoServer

ROOT = Path(__file__).parents[2]
ZYTE = ROOT.parent / "shared" / "corpus" / "zyte"


@pytest.fixture
def zyte() -> Iterator[DemoServer]:
    """82 real pages, served as three feeds."""
    if not ZYTE.is_dir():
        pytest.skip(f"the corpus of real pages is not at {ZYTE}")
    with DemoServer(Corpus(ZYTE)) as server:
        yield server


@pytest.fixture(scope="session")
def event_schema() -> Draft202012Validator:
    """A validator for events, from the published schema."""
    schema = json.loads((ROOT / "docs" / "schema" / "event.v1.json").read_text())
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
