"""The event: an article in a CloudEvents 1.0 envelope (https://github.com/cloudevents/spec, v1.0.2)."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.article import Article, ArticleId, OurTime, rfc3339

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
DATA_SCHEMA = "urn:palmyra:schema:article:v1"


class Kind(StrEnum):
    """What happened to the article; the value is the event's ``type``."""

    PUBLISHED = "news.article.published.v1"
    UPDATED = "news.article.updated.v1"
    WITHDRAWN = "news.article.withdrawn.v1"


class Event(BaseModel):
    """A news article, published, updated or withdrawn (CloudEvents 1.0, structured JSON)."""

    model_config = ConfigDict(frozen=True)

    specversion: Literal["1.0"] = Field(description="The CloudEvents version.")
    id: Annotated[str, Field(pattern=r"^[a-z2-7]{16}:[1-9]\d*$")] = Field(
        description="`<article id>:<revision>`. Deduplicate by it: events are delivered at least once."
    )
    type: Kind = Field(description="What happened.")
    source: str = Field(
        description="The palmyra that emitted it: `/palmyra/<namespace>`.",
        json_schema_extra={"format": "uri-reference"},
    )
    subject: ArticleId = Field(description="The article's id.")
    time: OurTime = Field(description="When the event was made (RFC 3339, UTC).")
    datacontenttype: Literal["application/json"] = Field(description="What `data` is.")
    dataschema: Literal["urn:palmyra:schema:article:v1"] = Field(
        description="The `$id` of the data's schema."
    )
    data: Article = Field(description="The article.")


def source_uri(namespace: str) -> str:
    """The ``source`` of a namespace's events, a URI-reference (RFC 3986)."""
    return f"/palmyra/{namespace}"


def event_id(article_id: str, revision: int) -> str:
    """The id by which consumers deduplicate."""
    return f"{article_id}:{revision}"


def envelope(
    article: Article,
    *,
    kind: Literal["published", "updated", "withdrawn"],
    namespace: str,
    time_ms: int,
) -> dict[str, Any]:
    """The event as plain data, ready for `encode`.

    Args:
        article: the ``data``.
        kind: what happened; becomes ``type``.
        namespace: the emitter's; becomes ``source``.
        time_ms: when it happened, ms since the epoch.
    """
    return {
        "specversion": SPEC_VERSION,
        "id": event_id(article.id, article.revision),
        "type": Kind[kind.upper()].value,
        "source": source_uri(namespace),
        "subject": article.id,
        "time": rfc3339(time_ms),
        "datacontenttype": CONTENT_TYPE,
        "dataschema": DATA_SCHEMA,
        "data": article.model_dump(mode="json"),
    }


# json.dumps escapes C0 itself. Left are DEL and C1 (terminal escapes), the line separators that JavaScript
# and line-based readers take for newlines, and lone surrogates, which UTF-8 can't carry.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def encode(event: dict[str, Any]) -> str:
    """Compact JSON on one line: deterministic, UTF-8 encodable, without raw control characters."""
    raw = json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", raw)
