"""The article: the ``data`` of every event, flat and stable.

Every field is always there: an absent value is null, a list is never null. What consumers read about the
fields (``docs/schema``, ``docs/events.md``) is generated from the descriptions here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from jobs.urls import canonical, domain, redact

if TYPE_CHECKING:  # the extraction is not cheap to import, and is not needed to read an article
    from jobs.entry import FeedInfo
    from jobs.extract.draft import Draft

ID_PATTERN = r"^[a-z2-7]{16}$"
OUR_TIME_PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
PUBLISHERS_TIME_PATTERN = (
    r"^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?$"  # RFC 3339 date-time or full-date
)
ORIGINS = ("feed", "json-ld", "meta", "html", "url", "text", "learned", "model", "header", "robots")

OurTime = Annotated[str, Field(pattern=OUR_TIME_PATTERN)]
PublishersTime = Annotated[str, Field(pattern=PUBLISHERS_TIME_PATTERN)]
ArticleId = Annotated[str, Field(pattern=ID_PATTERN)]


def rfc3339(time_ms: int) -> str:
    """``1700000000123`` → ``2023-11-14T22:13:20.123Z``: how our own times are written (RFC 3339, UTC)."""
    whole, ms = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Urls(_Frozen):
    """The URLs that lead to one article."""

    found: str | None = Field(description="The link as the feed had it.")
    final: str | None = Field(description="The URL that answered, after redirects.")
    canonical: str | None = Field(
        description="The URL the page names as its own; only if it lies on the same registrable domain."
    )


class Source(_Frozen):
    """Who published the article."""

    name: str | None = Field(description="The site's name, as it calls itself.")
    domain: str | None = Field(description="The registrable domain of the final URL, or its IP address.")


class Feed(_Frozen):
    """A feed that listed the article."""

    id: str = Field(description="The feed's id in palmyra.")
    url: str = Field(description="The feed's URL, without secrets.")
    title: str | None = Field(description="The feed's title.")


class Image(_Frozen):
    """A picture that belongs to the article."""

    url: str = Field(description="Absolute http(s) URL.")
    caption: str | None = Field(description="The caption, plain text.")


class Entity(_Frozen):
    """Someone or something the text names."""

    text: str = Field(description="The name, normalised.")
    type: str = Field(description="`person`, `organisation`, `place` or `other`.")
    count: int = Field(ge=1, description="How often the text names it.")


class Place(_Frozen):
    """A place the text names."""

    name: str = Field(description="The place's name, as the text writes it.")
    country: str | None = Field(description="ISO 3166-1 alpha-2 code, upper case.")
    latitude: float | None = Field(
        ge=-90, le=90, description="Degrees north (WGS 84); of a country: where its people live on average."
    )
    longitude: float | None = Field(ge=-180, le=180, description="Degrees east (WGS 84).")
    kind: str | None = Field(None, description="`city`, `region` or `country`.")
    geoname_id: int | None = Field(
        None, description="A city's number at GeoNames (https://www.geonames.org): the same in all languages."
    )


class Topic(_Frozen):
    """One of the IPTC Media Topics at top level (https://iptc.org/standards/media-topics)."""

    code: str = Field(pattern=r"^medtop:\d{8}$", description="The topic's code, such as `medtop:16000000`.")
    name: str = Field(description="Its name in lower case, such as `conflict, war and peace`.")
    confidence: float = Field(ge=0, le=1, description="How sure that is, 0 to 1; what is unsure is left out.")


class Quote(_Frozen):
    """What the text has someone say, word for word."""

    text: str = Field(description="The words between the quotation marks.")
    speaker: str | None = Field(description="Who said it, where the text says so plainly.")


class Duplicate(_Frozen):
    """The earlier article whose text this one repeats."""

    of: ArticleId = Field(description="Id of the earlier article: the first that we saw.")
    kind: str = Field(
        description="`exact`: the same text; `wire_copy`: with another beginning or end, edited, or cut; "
        "`excerpt`: a part of it, such as its lead."
    )
    similarity: float = Field(
        ge=0,
        le=1,
        description="Share of both texts' words in threes that is common; of an excerpt, the share of this "
        "text that is the earlier one's.",
    )
    source: str | None = Field(description="The registrable domain of the earlier article.")
    url: str | None = Field(description="Its URL.")
    behind_s: float = Field(ge=0, description="Seconds from our first sight of that one to that of this one.")
    added_words: int = Field(
        ge=0, description="Words of this text that the earlier one does not have, about."
    )
    cut_words: int = Field(ge=0, description="Words of the earlier text that this one leaves out, about.")


class Story(_Frozen):
    """The story (articles about one event) that the article belongs to."""

    id: str = Field(description="The story's id; stable while the story lives.")
    size: int = Field(ge=1, description="Articles in the story when this event was emitted.")


class Change(_Frozen):
    """What an update or a withdrawal changed."""

    kind: str = Field(
        description="`typo`: a slip mended; `headline`: only that is new; `correction`: the publisher says "
        "that something was wrong; `substantive`: anything else; `replayed` where an operator had the "
        "article made, or only sent, once more: `fields` is empty then if nothing changed. Of a withdrawal: "
        "`gone` where the publisher took the article down, `takedown` where an operator of this system did."
    )
    fields: tuple[str, ...] = Field(description="Names of the fields that changed.")
    added: tuple[str, ...] = Field(
        default=(), description="Sentences of the text that are new; the first 20, 500 characters of each."
    )
    removed: tuple[str, ...] = Field(default=(), description="Sentences of it that are gone, likewise.")


class Rights(_Frozen):
    """What the publisher says about use, as of the fetch."""

    license: str | None = Field(description="URL or name of the licence.")
    holder: str | None = Field(description="The named copyright holder.")
    notice: str | None = Field(None, description="The copyright notice, in the publisher's words.")
    policy: str | None = Field(None, description="URL of the policy for text and data mining (TDMRep).")
    reserved: tuple[str, ...] = Field(
        description="Uses that are reserved: `tdm` (text and data mining, W3C TDMRep), `ai` (`noai`), "
        "`ai-images` (`noimageai`), `snippets` (`nosnippet`), `archive` (`noarchive`), `indexing` "
        "(`noindex`), `ai-crawlers` (robots.txt keeps named AI crawlers out)."
    )
    allowed: tuple[str, ...] = Field(
        (), description="Uses that are expressly not reserved: `tdm` (TDMRep says 0)."
    )
    barred_agents: tuple[str, ...] = Field(
        (), description="The AI crawlers that robots.txt keeps out altogether, by their names there."
    )


class Quality(_Frozen):
    """How far the extraction is to be trusted."""

    score: float = Field(ge=0, le=1, description="0 (worthless) to 1 (nothing odd was noticed).")
    issues: tuple[str, ...] = Field(
        description="What was odd, in words of one vocabulary: `no_text`, `short`, `truncated`, `paywall`, "
        "`encoding`, `boilerplate` (more of the text recurs on its site than may be left out), "
        "`date_conflict`, `language_conflict`, `from_feed` (the text is the feed's own: the page can't be "
        "had, or says less), `enricher_failed:<name>` and `enricher_skipped:<name>` (its fields are empty "
        "for that reason). What would be skipped has the reason here."
    )


class Timings(_Frozen):
    """Where the time went, from the publisher to the stream."""

    published: PublishersTime | None = Field(description="As the field `published`.")
    seen: OurTime = Field(description="A feed first showed the link.")
    fetched: OurTime = Field(description="The page was complete.")
    emitted: OurTime = Field(description="The event was made.")
    fetch_ms: int | None = Field(
        ge=0, description="Milliseconds the download took, redirects included; null without a page."
    )
    extract_ms: int | None = Field(ge=0, description="Milliseconds the extraction took.")
    total_ms: int = Field(ge=0, description="Milliseconds from `seen` to `emitted`.")


class Article(_Frozen):
    """One revision of one article."""

    id: ArticleId = Field(description="The article's id: the same in all its revisions.")
    revision: int = Field(
        ge=1, description="1 when first published, one more with each update or withdrawal."
    )
    url: str | None = Field(
        description="The URL to open: canonical, else final, else found. "
        "Null only where `palmyra extract` was given a file and no URL."
    )
    urls: Urls = Field(description="The URLs the article was found under.")
    source: Source = Field(description="The publisher.")
    feeds: tuple[Feed, ...] = Field(description="The feeds that listed the link so far.")
    headline: str | None = Field(description="The headline, plain text, without the site's name.")
    summary: str | None = Field(
        description="The publisher's own summary, plain text; where there is none, the best sentences of the "
        "text (then its `provenance` is `text`)."
    )
    text: str = Field(
        description="The article's text, plain, paragraphs separated by a blank line; the items of a list "
        "are lines that begin with `- `. Empty in a withdrawal."
    )
    word_count: int = Field(
        ge=0, description="Words in `text`; a Chinese, Japanese or Korean character counts as one."
    )
    authors: tuple[str, ...] = Field(description="Names of the authors; agencies are in `agency`.")
    published: PublishersTime | None = Field(
        description="When the publisher says it was published: RFC 3339 with the publisher's offset, "
        "or a plain YYYY-MM-DD where no time (or no offset) is given."
    )
    modified: PublishersTime | None = Field(
        description="When the publisher says it was last changed; written like `published`."
    )
    first_seen: OurTime = Field(description="When a feed first showed us the link (RFC 3339, UTC).")
    fetched: OurTime = Field(
        description="When the page was downloaded (RFC 3339, UTC); where the feed stands in for a page, when "
        "that was given up."
    )
    language: str | None = Field(description="ISO 639-1 code of the text's language, such as `en`.")
    section: str | None = Field(description="The publisher's section, such as `World`.")
    tags: tuple[str, ...] = Field(description="The publisher's own keywords.")
    images: tuple[Image, ...] = Field(description="Pictures of the article, the leading one first.")
    agency: str | None = Field(description="The news agency the text comes from, such as `AFP`.")
    keyphrases: tuple[str, ...] = Field(description="Phrases that say what the text is about.")
    entities: tuple[Entity, ...] = Field(description="People, organisations and places named in the text.")
    places: tuple[Place, ...] = Field(description="Places the text names, the most named first.")
    topics: tuple[Topic, ...] = Field(
        description="IPTC Media Topics at top level, surest first; none where it is unsure."
    )
    duplicate: Duplicate | None = Field(description="Set when an earlier article has the same text.")
    story: Story | None = Field(description="The story the article belongs to.")
    change: Change | None = Field(description="What changed; set in updates and withdrawals.")
    access: str | None = Field(
        description="`free` or `paywall`, where the publisher says which (schema.org isAccessibleForFree)."
    )
    rights: Rights | None = Field(description="Licence and reservations the publisher states.")
    quality: Quality = Field(description="How far the extraction is to be trusted.")
    provenance: dict[str, str] = Field(
        description="Where the value of each field came from: `feed`, `json-ld`, `meta` (meta, link tags), "
        "`html` (the page's markup), `url` (a date in the address), `text` (computed from the text), "
        "`model` (a language model of the operator's), `header` (the answer's headers), `robots` "
        "(robots.txt) or `learned` (from other pages of the site)."
    )
    timings: Timings = Field(description="Where the time went.")
    quotes: tuple[Quote, ...] = Field((), description="What people are quoted with, in order.")
    reading_s: int | None = Field(
        None, ge=0, description="Seconds that reading `text` takes at the usual speed of its language."
    )
    extra: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="What enrichers that are not Palmyra's own found, by the names they chose.",
    )


@dataclass(frozen=True, slots=True)
class Enriched:
    """What enrichers found out about an article."""

    values: Mapping[str, Any]
    """Field → value."""
    provenance: Mapping[str, str]
    """Field → origin."""
    issues: tuple[str, ...] = ()
    """Which of them failed, for `quality.issues`."""


NOT_ENRICHED = Enriched({}, {})


def build_article(
    draft: Draft,
    *,
    link_id: str,
    revision: int,
    url_found: str | None,
    final_url: str | None,
    feeds: Iterable[FeedInfo],
    first_seen_ms: int,
    fetched_ms: int,
    emitted_ms: int,
    fetch_ms: int | None = None,
    extract_ms: int | None = None,
    change: Change | None = None,
    enriched: Enriched = NOT_ENRICHED,
) -> Article:
    """The article as it is published: a draft with the system's own identity and times.

    Args:
        draft: what the extraction found.
        link_id: identity, see `jobs.urls.link_id`.
        url_found: the link as the feed had it.
        final_url: the URL that answered.
        first_seen_ms, fetched_ms, emitted_ms: ms since the epoch.
        fetch_ms, extract_ms: durations; `extract_ms` defaults to the draft's own.
        enriched: what enrichers found; where the draft has a value too, theirs is taken.
    """
    address = draft.canonical or final_url or url_found
    return Article(
        id=link_id,
        revision=revision,
        url=canonical(address) if address else None,
        urls=Urls(found=url_found, final=final_url, canonical=draft.canonical),
        source=Source(name=draft.site_name, domain=domain(final_url or url_found or "") if address else None),
        # Only feed URLs carry secrets; what looks like one in an article's (sid, key) often names it.
        feeds=tuple(Feed(id=f.id, url=redact(f.url), title=f.title) for f in feeds),
        **_NOT_ENRICHED | {name: getattr(draft, name) for name in _AS_DRAFTED} | dict(enriched.values),
        images=tuple(Image(url=image.url, caption=image.caption) for image in draft.images),
        first_seen=rfc3339(first_seen_ms),
        fetched=rfc3339(fetched_ms),
        change=change,
        quality=Quality(score=draft.score, issues=(*draft.issues, *enriched.issues)),
        provenance=dict(sorted({**draft.provenance, **enriched.provenance}.items())),
        timings=Timings(
            published=draft.published,
            seen=rfc3339(first_seen_ms),
            fetched=rfc3339(fetched_ms),
            emitted=rfc3339(emitted_ms),
            fetch_ms=fetch_ms,
            extract_ms=draft.took_ms if extract_ms is None else extract_ms,
            total_ms=max(0, emitted_ms - first_seen_ms),
        ),
    )


_AS_DRAFTED = (
    "headline", "summary", "text", "word_count", "authors", "published", "modified", "language", "section",
    "tags", "agency", "access",
)  # fmt: skip
_NOT_ENRICHED: dict[str, Any] = {"keyphrases": (), "entities": (), "places": (), "topics": ()}
_NOT_ENRICHED |= {"duplicate": None, "story": None, "rights": None}
