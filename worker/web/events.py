"""``/events``: new articles as server-sent events, resumable at the last event a client got."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog
from flask import Blueprint, Response, abort, request
from redis import Redis
from redis.exceptions import RedisError

from worker.web.card import card, read_event
from worker.web.frame import HEARTBEAT, RETRY, article_frame, entry_id, gap_frame, order
from worker.web.live import Client, Ended, Frame, Live, TooManyClients
from worker.web.site import site

HEARTBEAT_S = 15.0
MOST_MISSED = 500
"""Articles that a returning client gets sent again; who missed more is told to load the page afresh."""
_PAGE = 50

log = structlog.get_logger(__name__)

blueprint = Blueprint("events", __name__)


@blueprint.get("/events")
def events() -> Response:
    """The stream, from the ``Last-Event-ID`` header or the ``since`` parameter on; else from now on."""
    here = site()
    try:
        client, tail = here.live.join()
    except TooManyClients:
        abort(503, "As many live streams are open as this process serves. Close some, or try again later.")
    since = entry_id(request.headers.get("Last-Event-ID")) or entry_id(request.args.get("since")) or tail
    response = Response(_stream(here.redis, here.keys.stream, here.live, client, since))
    response.headers["Content-Type"] = "text/event-stream"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the events back
    response.call_on_close(lambda: here.live.leave(client))
    return response


def _stream(redis: Redis, stream: str, live: Live, client: Client, since: str) -> Iterator[bytes]:
    yield RETRY
    # The client listens already: what arrives while it catches up comes twice, and goes out once.
    last = order(since)
    try:
        yield live.status().data
        for frame in missed(redis, stream, since):
            last = order(frame.entry or since)
            yield frame.data
    except RedisError as error:
        log.warning("events_without_redis", error=str(error))
        return  # the browser comes back
    while True:
        try:
            new = client.take(HEARTBEAT_S)
        except Ended:
            return
        if new is None:
            yield HEARTBEAT
        elif new.entry is None or order(new.entry) > last:
            yield new.data


def missed(redis: Redis, stream: str, since: str) -> Iterator[Frame]:
    """The articles after `since`, oldest first, read a few at a time; past `MOST_MISSED`, a gap."""
    for _ in range(0, MOST_MISSED, _PAGE):
        entries: Any = redis.xrange(stream, f"({since}", "+", count=_PAGE)
        for entry, fields in entries:
            since = entry.decode()
            event = read_event(fields)
            shown = card(since, event) if event else None
            if shown is not None:
                yield Frame(since, article_frame(shown))
        if len(entries) < _PAGE:
            return
    newest: Any = redis.xrevrange(stream, count=1)
    if newest and newest[0][0].decode() != since:
        latest = newest[0][0].decode()
        yield Frame(latest, gap_frame(latest))
