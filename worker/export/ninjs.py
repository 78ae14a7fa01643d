"""An event as a news item in ninjs 3.0, the IPTC's News in JSON (https://iptc.org/standards/ninjs/).

What is absent is left out. Texts are plain. An article keeps its `uri` over all revisions; `version` tells
them apart, and a withdrawal has the `pubStatus` `canceled`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from worker.export.naming import article_urn, is_withdrawal, moment, uri

Json = dict[str, Any]

STANDARD = {
    "name": "ninjs",
    "version": "3.0",
    "schema": "http://www.iptc.org/std/ninjs/ninjs-schema_3.0.json#",
}
MEDIA_TOPICS = "http://cv.iptc.org/newscodes/mediatopic/"
"""What the codes of topics (``medtop:16000000``) are short for."""
GEONAMES = "https://sws.geonames.org/"
_PLAIN = "text/plain"
_PARTIAL = frozenset({"truncated", "paywall", "no_text"})


def ninjs(event: Mapping[str, Any]) -> Json:
    """The event (CloudEvents, as on the stream) as a ninjs 3.0 object."""
    data = event["data"]
    rights = data.get("rights") or {}
    item = {
        "uri": article_urn(data["id"]),
        "standard": STANDARD,
        "type": "text",
        "representationType": "partial" if _PARTIAL & set(data["quality"]["issues"]) else "full",
        "version": str(data["revision"]),
        "firstCreated": data["first_seen"],
        "versionCreated": event["time"],
        "contentCreated": moment(data["published"]),
        "pubStatus": "canceled" if is_withdrawal(event) else "usable",
        "language": data["language"],
        "title": data["headline"],
        "headlines": _text("main", data["headline"]),
        "descriptions": _text("summary", data["summary"]),
        "bodies": _text("main", data["text"], charCount=len(data["text"]), wordCount=data["word_count"]),
        "by": ", ".join(data["authors"]),
        "people": [_mention(one) for one in _of_type(data, "person")],
        "organisations": [_mention(one) for one in _of_type(data, "organisation")],
        "places": _places(data),
        "subjects": _subjects(data),
        "infoSources": _sources(data),
        "renditions": _page(data),
        "associations": [_picture(number, image) for number, image in enumerate(data["images"], 1)],
        "altIds": [{"role": "palmyra-event", "value": event["id"]}],
        "copyrightHolder": rights.get("holder"),
        "copyrightNotice": rights.get("notice"),
        "usageTerms": _usage(rights),
        "rightsInfo": _licence(rights),
    }
    return {name: value for name, value in item.items() if value not in (None, "", [], {})}


def _text(role: str, value: str | None, **counts: int) -> list[Json]:
    return [{"role": role, "contentType": _PLAIN, **counts, "value": value}] if value else []


def _of_type(data: Mapping[str, Any], kind: str) -> Iterable[Mapping[str, Any]]:
    return (one for one in data["entities"] if one["type"] == kind)


def _mention(entity: Mapping[str, Any]) -> Json:
    return {"name": entity["text"], "rel": "mentions"}


def _places(data: Mapping[str, Any]) -> list[Json]:
    """The places that are known, with their coordinates, then what else is named as one."""
    known = [_place(place) for place in data["places"]]
    names = {place["name"] for place in known}
    return known + [_mention(one) for one in _of_type(data, "place") if one["text"] not in names]


def _place(place: Mapping[str, Any]) -> Json:
    found: Json = {"name": place["name"], "rel": "mentions"}
    if place.get("geoname_id"):
        found["uri"] = f"{GEONAMES}{place['geoname_id']}/"
    if place["country"]:
        found["literal"] = place["country"]
    if place["latitude"] is not None and place["longitude"] is not None:
        found["geoJSON"] = {"type": "Point", "coordinates": [place["longitude"], place["latitude"]]}
    return found


def _subjects(data: Mapping[str, Any]) -> list[Json]:
    section = [{"name": data["section"], "rel": "section"}] if data["section"] else []
    tags = [{"name": name, "rel": "tag"} for name in data["tags"]]
    phrases = [{"name": name, "rel": "keyphrase", "creator": "palmyra"} for name in data["keyphrases"]]
    return [_topic(one) for one in data["topics"]] + section + tags + phrases


def _topic(topic: Any) -> Json:
    about: Json = {"rel": "about", "creator": "palmyra"}
    if not isinstance(topic, Mapping):
        return {"name": topic, **about}
    scheme, _, code = topic["code"].partition(":")
    confidence = round(100 * topic["confidence"])
    named = {"name": topic["name"], **about, "confidence": confidence}
    return named | ({"uri": MEDIA_TOPICS + code} if scheme == "medtop" else {})


def _sources(data: Mapping[str, Any]) -> list[Json]:
    name, domain = data["source"]["name"], data["source"]["domain"]
    publisher = {"name": name or domain, "role": "publisher"} | ({"literal": domain} if domain else {})
    found = [publisher] if name or domain else []
    return found + ([{"name": data["agency"], "role": "agency"}] if data["agency"] else [])


def _page(data: Mapping[str, Any]) -> list[Json]:
    return [{"name": "web", "href": uri(data["url"]), "contentType": "text/html"}] if data["url"] else []


def _picture(number: int, image: Mapping[str, Any]) -> Json:
    address = uri(image["url"])
    picture: Json = {"name": f"picture-{number}", "uri": address, "type": "picture"}
    picture["renditions"] = [{"name": "main", "href": address}]
    if image["caption"]:
        picture["descriptions"] = _text("caption", image["caption"])
    return picture


def _usage(rights: Mapping[str, Any]) -> str:
    """In words: a licence that has no address, and what is reserved."""
    licence = rights.get("license")
    said = [f"Licence: {licence}"] if licence and not _is_url(licence) else []
    return "; ".join(said + [f"reserved: {use}" for use in rights.get("reserved") or ()])


def _licence(rights: Mapping[str, Any]) -> Json | None:
    licence = rights.get("license")
    return {"linkedRights": uri(licence)} if licence and _is_url(licence) else None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
