"""``/feed.json`` and ``/feed.atom``: what came out, as feeds that any reader can subscribe to.

GET /feed.atom?where=language=='fr'&limit=100
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, abort, request

from worker.export import atom, jsonfeed
from worker.export.jsonfeed import Channel
from worker.web.feed_items import newest
from worker.web.site import site
from worker.where import BadWhere, compile_event_where

USUAL_ITEMS = 50
MOST_ITEMS = 200

blueprint = Blueprint("syndication", __name__)
_Render = Callable[[Channel, Sequence[Mapping[str, Any]]], str]


@blueprint.get("/feed.json")
def json_feed() -> Response:
    """JSON Feed 1.1."""
    return _feed(jsonfeed.json_feed, jsonfeed.CONTENT_TYPE)


@blueprint.get("/feed.atom")
def atom_feed() -> Response:
    """Atom."""
    return _feed(atom.atom, atom.CONTENT_TYPE)


def _feed(render: _Render, content_type: str) -> Response:
    here = site()
    events = newest(here.redis, here.keys, _limit(), _wanted())
    response = Response(render(_channel(), events), content_type=f"{content_type}; charset=utf-8")
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    # Readers may keep it, and ask each time whether it is still good.
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response


def _channel() -> Channel:
    here = site()
    home = (here.settings.public_url or request.host_url).rstrip("/")
    where = request.args.get("where")
    query = request.query_string.decode("ascii", "replace")
    return Channel(
        title=f"Palmyra: {here.settings.namespace}" + (f", {where}" if where else ""),
        home=f"{home}/",
        address=home + request.path + (f"?{query}" if query else ""),
        name=f"urn:palmyra:feed:{here.settings.namespace}"
        + (f":{hashlib.sha256(where.encode()).hexdigest()[:16]}" if where else ""),
    )


def _wanted() -> Callable[[Mapping[str, Any]], bool]:
    where = request.args.get("where")
    if not where:
        return lambda event: True
    try:
        return compile_event_where(where)
    except BadWhere as error:
        abort(400, f"where: {error}")


def _limit() -> int:
    given = request.args.get("limit", str(USUAL_ITEMS))
    if not given.isascii() or not given.isdecimal() or not 1 <= int(given[:9]) <= MOST_ITEMS:
        abort(400, f"limit: give a number from 1 to {MOST_ITEMS}")
    return int(given)
