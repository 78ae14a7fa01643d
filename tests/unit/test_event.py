"""The event: an article in its CloudEvents envelope."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest
from jsonschema import Draft202012Validator

from jobs.event import encode, envelope
from jobs.extract.draft import Draft
from tests.unit.test_article import built

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/event.v1.json").read_text())
NASTY = 'He said "no"\n\n\x1b[31mred\x7f\x9b2J \u2028\u2029 \ud83d and 日本 \U0001f30d'


@pytest.mark.parametrize("kind", ["published", "updated", "withdrawn"])
def test_envelope_is_cloudevents(kind: Literal["published", "updated", "withdrawn"]) -> None:
    """The required attributes of CloudEvents 1.0, our type names, and the schema that we publish."""
    event = envelope(built(), kind=kind, namespace="palmyra", time_ms=1_700_000_000_000)
    assert event["specversion"] == "1.0"
    assert event["type"] == f"news.article.{kind}.v1"
    assert event["id"] == f"{event['subject']}:2"
    assert (event["source"], event["time"]) == ("/palmyra/palmyra", "2023-11-14T22:13:20.000Z")
    Draft202012Validator(SCHEMA).validate(event)


def test_encoded_is_one_harmless_line() -> None:
    """Whatever a page says, the JSON is one line, valid UTF-8, without raw control characters, and whole."""
    event = envelope(built(Draft(text=NASTY)), kind="published", namespace="n", time_ms=0)
    text = encode(event)
    text.encode("utf-8")
    assert not [c for c in text if ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029"]
    assert json.loads(text) == event
    assert "日本" in text


def test_encoding_is_deterministic() -> None:
    """The same article gives the same bytes: copies of an event can be compared."""
    first, second = (encode(envelope(built(), kind="published", namespace="n", time_ms=5)) for _ in range(2))
    assert first == second
    assert ": " not in first
