"""The events of stories: a story in a CloudEvents 1.0 envelope, written by ``jobs/lua/stories.lua``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.article import ArticleId, Entity, OurTime

DATA_SCHEMA = "urn:palmyra:schema:story:v1"


class StoryKind(StrEnum):
    """What happened to the story; the value is the event's ``type``."""

    OPENED = "news.story.opened.v1"
    GREW = "news.story.grew.v1"
    MERGED = "news.story.merged.v1"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class StoryArticle(_Frozen):
    """An article of a story, in short."""

    id: ArticleId = Field(description="The article's id, as on the articles' stream.")
    headline: str | None = Field(description="Its headline, up to 300 characters.")
    url: str | None = Field(description="The URL to open; null where it is longer than 2,000 characters.")
    source: str | None = Field(description="The registrable domain it appeared on.")
    language: str | None = Field(description="ISO 639-1 code of its language.")
    first_seen: OurTime = Field(description="When a feed first showed us its link (RFC 3339, UTC).")


class StoryData(_Frozen):
    """A story as it stands: each event tells all of it."""

    id: ArticleId = Field(description="The story's id, that of its first article: it never changes.")
    size: int = Field(ge=2, description="Articles in the story, copies of one text included.")
    opened: OurTime = Field(description="When its first article was placed (RFC 3339, UTC).")
    updated: OurTime = Field(description="When its newest article was placed.")
    first: StoryArticle = Field(description="The article that opened it.")
    newest: StoryArticle = Field(description="The article that came last: for it the event was made.")
    articles: tuple[ArticleId, ...] = Field(description="Ids of its articles, the newest 50, newest first.")
    sources: tuple[str, ...] = Field(description="Registrable domains that report it, up to 30.")
    languages: tuple[str, ...] = Field(description="ISO 639-1 codes of the languages it is reported in.")
    entities: tuple[Entity, ...] = Field(
        description="Who, what and where most of its articles name; `count` counts articles."
    )
    merged: tuple[ArticleId, ...] = Field(
        description="Ids of stories that turned out to be this one, up to 20: what they had is here now."
    )


class StoryEvent(_Frozen):
    """A story that opened (its second article came), grew, or took in another (CloudEvents 1.0)."""

    specversion: Literal["1.0"] = Field(description="The CloudEvents version.")
    id: Annotated[str, Field(pattern=r"^[a-z2-7]{16}:[1-9]\d*$")] = Field(
        description="`<story id>:<number>`, a higher number being later. Deduplicate by it."
    )
    type: StoryKind = Field(description="What happened.")
    source: str = Field(
        description="The palmyra that emitted it: `/palmyra/<namespace>`.",
        json_schema_extra={"format": "uri-reference"},
    )
    subject: ArticleId = Field(description="The story's id.")
    time: OurTime = Field(description="When the event was made (RFC 3339, UTC).")
    datacontenttype: Literal["application/json"] = Field(description="What `data` is.")
    dataschema: Literal["urn:palmyra:schema:story:v1"] = Field(description="The `$id` of the data's schema.")
    data: StoryData = Field(description="The story.")
