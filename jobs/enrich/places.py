"""The places that the text names, with country and position."""

from __future__ import annotations

from jobs.article import Place
from jobs.enrich import town_choice
from jobs.enrich.enricher import Enricher, Findings, Subject
from jobs.enrich.gazetteer import Gazetteer, gazetteer
from jobs.enrich.loading import Choice
from jobs.enrich.named import named

MOST = 20


def enricher(choice: Choice) -> Enricher:
    """The enricher, with its gazetteer."""

    def places(subject: Subject) -> Findings:
        towns = gazetteer(choice.folders)
        found = tuple(_placed(place, towns) for place in named(subject, towns).places[:MOST])
        return {"places": ("text", found)} if found else {}

    def warm() -> None:
        _ = gazetteer(choice.folders).centres

    return Enricher("places", ("places",), 0.1, places, warm, "places in the text, with country and position")


def _placed(place: town_choice.Place, towns: Gazetteer) -> Place:
    position = None
    if place.town:
        position = (place.town.latitude, place.town.longitude)
    elif place.kind == "country" and place.country:
        position = towns.centres.get(place.country)
    return Place(
        name=place.text,
        country=place.country,
        latitude=position[0] if position else None,
        longitude=position[1] if position else None,
        kind=place.kind,
        geoname_id=place.town.geoname_id if place.town else None,
    )
