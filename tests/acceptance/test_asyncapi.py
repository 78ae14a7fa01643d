"""The AsyncAPI document by the specification's own schema."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from jobs.event import Kind
from jobs.stories.event import StoryKind
from tests.acceptance.missing import tool

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads((DOCS / "asyncapi.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def meta_schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """AsyncAPI 3.0's schema, as the AsyncAPI Initiative publishes it."""
    folder = tmp_path_factory.mktemp("asyncapi")
    command = [tool("npm"), "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    done = subprocess.run([*command, "@asyncapi/specs@6"], capture_output=True, text=True, timeout=90)
    if done.returncode and not os.environ.get("CI"):
        pytest.skip(f"npm could not install @asyncapi/specs: {done.stderr[-500:]}")
    assert done.returncode == 0, done.stderr
    path = folder / "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_asyncapi_is_valid(document: Any, meta_schema: Any) -> None:
    """It is AsyncAPI 3.0; and the schema would notice what is not."""
    validator = Draft7Validator(meta_schema)
    assert [error.message for error in validator.iter_errors(document)] == []
    broken = document | {"operations": {"append": document["operations"]["append"] | {"action": "shout"}}}
    assert not validator.is_valid(broken)


def test_every_reference_leads_somewhere(document: Any) -> None:
    """Inside the document, and to the event's schema beside it."""
    found = list(references(document))
    assert "./schema/event.v1.json" in found
    for reference in found:
        file, _, pointer = reference.partition("#")
        target = json.loads((DOCS / file).read_text(encoding="utf-8")) if file else document
        for part in pointer.split("/")[1:]:
            target = target[part]


def test_it_says_what_a_consumer_of_redis_needs(document: Any) -> None:
    """The stream with its fields and commands, the group, the channel; and each kind of event."""
    stream, channel = document["channels"]["stream"], document["channels"]["pubsub"]
    assert stream["x-redis-stream"]["key"] == stream["address"] == "palmyra:articles"
    assert list(stream["x-redis-stream"]["fields"]) == ["id", "type", "event"]
    for command in ("create", "read", "acknowledge", "takeOver"):
        assert "palmyra:articles" in stream["x-redis-group"][command]
    assert channel["x-redis-channel"]["name"] == "palmyra:articles"
    names = [message["name"] for message in document["components"]["messages"].values()]
    assert names == [kind.value for kind in (*Kind, *StoryKind)]


def references(value: Any) -> Any:
    """Every ``$ref`` below."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and "$ref" in value:
        yield value["$ref"]
    for one in inner:
        yield from references(one)
