"""The published contract, generated from the models: JSON Schema, AsyncAPI and the consumer's page.

``python -m jobs.schema docs`` writes the files; a test checks that the checked-in ones are current.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from jobs.article import Article
from jobs.event import DATA_SCHEMA, Event, Kind
from jobs.stories.event import DATA_SCHEMA as STORY_SCHEMA
from jobs.stories.event import StoryArticle, StoryData, StoryEvent, StoryKind

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EVENT_SCHEMA = "urn:palmyra:schema:event:v1"
STORY_EVENT_SCHEMA = "urn:palmyra:schema:story-event:v1"
VERSION = "1.0.0"
"""Of the contract: raised when it grows. Released copies: docs/schema/released, see worker/released.py."""


def documents() -> dict[str, str]:
    """The text of every generated document by its path below ``docs``."""
    return {
        "schema/article.v1.json": _render(json_schema(Article, DATA_SCHEMA)),
        "schema/event.v1.json": _render(json_schema(Event, EVENT_SCHEMA)),
        "schema/story.v1.json": _render(json_schema(StoryData, STORY_SCHEMA)),
        "schema/story-event.v1.json": _render(json_schema(StoryEvent, STORY_EVENT_SCHEMA)),
        "asyncapi.json": _render(asyncapi()),
        "events.md": events_page(),
    }


def json_schema(model: type[BaseModel], schema_id: str) -> dict[str, Any]:
    """JSON Schema 2020-12 of what the model writes. Unknown fields are allowed: v1 may grow, never shrink."""
    return {"$schema": DIALECT, "$id": schema_id, **model.model_json_schema(mode="serialization")}


# AsyncAPI's binding for Redis is empty (3.0): what a consumer has to know stands in extension fields.
_X_STREAM = {
    "key": "palmyra:articles",
    "fields": {
        "id": "the event's id",
        "type": "the event's type",
        "event": "the CloudEvents object, JSON in UTF-8: the payload",
    },
    "trimmed": "what every group has acknowledged, by age and size; nothing that a group has yet to read",
}
_X_GROUP = {
    "name": "the consumer's choice: each group gets every event, its consumers share them",
    "create": "XGROUP CREATE palmyra:articles <group> 0 MKSTREAM",
    "read": "XREADGROUP GROUP <group> <consumer> COUNT 100 BLOCK 5000 STREAMS palmyra:articles >",
    "acknowledge": "XACK palmyra:articles <group> <entry id>",
    "takeOver": "XAUTOCLAIM palmyra:articles <group> <consumer> 300000 0 COUNT 100",
}
_X_CHANNEL = {"name": "palmyra:articles", "message": "the CloudEvents object, JSON in UTF-8", "kept": False}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of the output, for the default namespace ``palmyra``."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Palmyra articles",
            "version": VERSION,
            "description": "Clean news articles as they are found. The first part of every address is the "
            "namespace (PALMYRA_NAMESPACE). Delivery is at least once: deduplicate by the event's id.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "stream": _channel(
                "Redis stream, the truth for consumers. Entry fields: `id` (the event's id), `type` "
                "(the event's type) and `event` (the CloudEvents object as JSON).",
            )
            | {"x-redis-stream": _X_STREAM, "x-redis-group": _X_GROUP},
            "pubsub": _channel("Redis Pub/Sub channel: a live copy of the stream's `event`, without memory.")
            | {"x-redis-channel": _X_CHANNEL},
            "stories": _channel(
                "Redis stream of stories, articles on one event, with the same entry fields; and the Pub/Sub "
                "channel of the same name with the same events.",
                StoryKind,
                address="palmyra:stories",
            ),
        },
        "operations": {
            "append": _operation("stream", "Each event is appended once (XADD)."),
            "publish": _operation("pubsub", "Each event is published once (PUBLISH)."),
            "tell": _operation("stories", "Each story event is appended and published once."),
        },
        "components": {
            "messages": {kind.name.lower(): _message(kind) for kind in Kind}
            | {_name(kind): _message(kind) for kind in StoryKind}
        },
    }


def _channel(
    description: str, kinds: type[Kind | StoryKind] = Kind, address: str = "palmyra:articles"
) -> dict[str, Any]:
    names = [_name(kind) for kind in kinds]
    messages = {name: {"$ref": f"#/components/messages/{name}"} for name in names}
    return {"address": address, "description": description, "messages": messages}


def _name(kind: Kind | StoryKind) -> str:
    """What AsyncAPI calls its message."""
    return f"story_{kind.name.lower()}" if isinstance(kind, StoryKind) else kind.name.lower()


def _operation(channel: str, summary: str) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _message(kind: Kind | StoryKind) -> dict[str, Any]:
    title, schema = f"An article was {kind.name.lower()}", "event"
    if isinstance(kind, StoryKind):
        title, schema = f"A story {_HAPPENED[kind]}", "story-event"
    return {
        "name": kind.value,
        "title": title,
        "contentType": "application/cloudevents+json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./schema/{schema}.v1.json"},
        },
    }


_HAPPENED = {
    StoryKind.OPENED: "got its second article",
    StoryKind.GREW: "got another article",
    StoryKind.MERGED: "took in another story",
}

_PAGE = """<!-- Written by `python -m jobs.schema docs` from the models: change it there. -->
# The event

Each article is one event: a [CloudEvents 1.0](https://cloudevents.io) object as JSON. It is appended to
the Redis stream `palmyra:articles` (entry fields `id`, `type`, `event`) and published on the Pub/Sub channel
of the same name. With another `PALMYRA_NAMESPACE` both are called `<namespace>:articles`.

- The stream is the truth and can be read again; the channel is a live copy that forgets.
- Events come at least once. Deduplicate by `id`.
- Every field is always there. An absent value is `null`; a list is never `null`.
- Texts are plain, never markup, and hold no control characters but line ends.
- Version 1 may grow by fields; none will be removed, renamed or given another meaning. Ignore what you
  don't know.

For machines: [event](schema/event.v1.json), [its data](schema/article.v1.json), [AsyncAPI](asyncapi.json).
For your own tests: [golden events and a fake stream](testing-consumers.md).

## Envelope

{envelope}
`type` is one of:

| type | when |
|---|---|
| `news.article.published.v1` | a new article |
| `news.article.updated.v1` | a new revision; `change` says what changed |
| `news.article.withdrawn.v1` | the article was taken down: delete it; only what names it is not empty |

## Data

{data}
## Stories

Articles on one event are a story: see [stories](stories.md). Its events are on a stream and channel of their
own, `palmyra:stories`, in the same envelope ([schema](schema/story-event.v1.json)); `id` is
`<story id>:<number>`. Each tells the whole story, so the newest of a story is all that one needs.

| type | when |
|---|---|
| `news.story.opened.v1` | a second article came |
| `news.story.grew.v1` | another article came |
| `news.story.merged.v1` | two stories turned out to be one: those in `merged` are this one now |

{story}"""


def events_page() -> str:
    """The consumer's page, as Markdown."""
    inner = [m for field in Article.model_fields.values() for m in _models(field)]
    shapes = [f"### {model.__name__}\n\n{model.__doc__}\n\n{_table(model)}" for model in dict.fromkeys(inner)]
    story = f"{_table(StoryData)}\n### StoryArticle\n\n{StoryArticle.__doc__}\n\n{_table(StoryArticle)}"
    return _PAGE.format(envelope=_table(Event), data="\n".join([_table(Article), *shapes]), story=story)


def _table(model: type[BaseModel]) -> str:
    rows = [f"| `{name}` | {_shape(f)} | {f.description} |" for name, f in model.model_fields.items()]
    return "\n".join(["| field | value | meaning |", "|---|---|---|", *rows]) + "\n"


_WORDS = {dict: "object of text", str: "text", int: "integer", float: "number"}


def _shape(field: FieldInfo) -> str:
    """What a field holds, in words: ``list of Image``, ``text or null``."""
    if field.annotation is Article:
        return "[Article](#data)"
    models = _models(field)
    link = f"[{models[0].__name__}](#{models[0].__name__.lower()})" if models else ""
    kind = str(field.annotation)
    if "JsonValue" in kind or "dict[str, ForwardRef" in kind:
        return "object"
    word = link or next((w for t, w in _WORDS.items() if t.__name__ in kind), "text")
    return ("list of " if "tuple" in kind else "") + word + (" or null" if "None" in kind else "")


def _models(field: FieldInfo) -> list[type[BaseModel]]:
    candidates = (field.annotation, *get_args(field.annotation))
    return [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel) and c is not Article]


def _render(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def main(argv: list[str]) -> int:
    """Write every document below the folder ``argv[0]`` (default ``docs``)."""
    folder = Path(argv[0] if argv else "docs")
    for name, text in documents().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")  # noqa: T201 - a command's own output
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
