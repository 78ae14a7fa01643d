"""``/events``: new articles as server-sent events, resumable at the last event a client got.

    GET /events                         cards, as the newsroom's page shows them
    GET /events?whole=1                 whole events, as they stand on the stream
    GET /events?where=language=='fr'    only these (`worker.where`)

The event's id is that of its stream entry. A client that comes back with it (the header ``Last-Event-ID``, or
the parameter ``since``) goes on right after it, whichever web process it comes to: nothing is kept for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from flask import Blueprint, Response, abort, request
from redis import Redis
from redis.exceptions import RedisError

from jobs.keys import Keys
from worker.printable import printable
from worker.stream import gone_until
from worker.web.frame import HEARTBEAT, RETRY, entry_id, gap_frame, order, overtaken_frame, position_frame
from worker.web.live import Client, Ended, Frame, Live, TooManyClients, event_of
from worker.web.site import site

HEARTBEAT_S = 15.0
MOST_MISSED = 500
"""Articles that a returning page gets sent again; if it missed more it is told to load afresh. Clients that
take whole events get them all."""
_PAGE = 50
_BEGIN = (0, 0)

log = structlog.get_logger(__name__)

blueprint = Blueprint("events", __name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a client wants."""

    whole: bool
    """Whole events, not cards."""
    where: Callable[[Mapping[str, Any]], bool] | None
    """Over an event; None: every one."""

    def bytes_of(self, frame: Frame) -> bytes | None:
        """What this client gets of a frame; None when it is not for it."""
        if frame.event is None:
            return None if self.whole and frame.entry is None else frame.data
        if self.where is not None and not self.where(frame.event):
            return None
        return frame.whole if self.whole else frame.data


@blueprint.get("/events")
def events() -> Response:
    """The stream, from the ``Last-Event-ID`` header or the ``since`` parameter on; else from now on."""
    here = site()
    try:
        asked = _asked()
    except _BadRequest as error:
        return Response(f"{printable(str(error))}\n", 400, content_type="text/plain; charset=utf-8")
    try:
        client, tail = here.live.join()
    except TooManyClients:
        abort(503, "As many live streams are open as this process serves. Close some, or try again later.")
    since = entry_id(request.headers.get("Last-Event-ID")) or entry_id(request.args.get("since")) or tail
    response = Response(_stream(here.redis, here.keys, here.live, client, since, asked))
    response.headers["Content-Type"] = "text/event-stream"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the events back
    response.call_on_close(lambda: here.live.leave(client))
    return response


class _BadRequest(Exception):
    """What is asked for can't be had; in words."""


def _asked() -> _Asked:
    text = request.args.get("where")
    return _Asked(request.args.get("whole") in ("1", "true"), None if text is None else _compiled(text))


def _compiled(text: str) -> Callable[[Mapping[str, Any]], bool]:
    from worker.where import BadWhere, compile_event_where  # with its library, which only this needs

    try:
        return compile_event_where(text)
    except BadWhere as error:
        raise _BadRequest(f"where: {error}") from None


def _stream(
    redis: Redis, keys: Keys, live: Live, client: Client, since: str, asked: _Asked
) -> Iterator[bytes]:
    yield RETRY
    # The client listens already: what arrives while it catches up comes twice, and goes out once.
    last = order(since)
    try:
        yield asked.bytes_of(live.status()) or HEARTBEAT
        if gone := trimmed(redis, keys, since):
            last, since = order(gone.entry or since), gone.entry or since
            yield gone.data
        for frame in missed(redis, keys.stream, since, most=None if asked.whole else MOST_MISSED):
            last = order(frame.entry or since)
            # What it does not want is a sign of life: thousands of them may take a while.
            yield asked.bytes_of(frame) or position_frame(frame.entry or since)
    except RedisError as error:
        log.warning("events_without_redis", error=str(error))
        return  # the browser comes back
    yield from _live(client, last, asked)


def _live(client: Client, last: tuple[int, int], asked: _Asked) -> Iterator[bytes]:
    """What is new after `last`, and signs of life: who wants little must not be cut off as if dead."""
    wrote, skipped = time.monotonic(), ""
    while True:
        try:
            new = client.take(max(0.0, wrote + HEARTBEAT_S - time.monotonic()))
        except Ended:
            return
        known = new is not None and new.entry is not None and order(new.entry) <= last
        data = asked.bytes_of(new) if new and not known else None
        skipped = "" if data else (new.entry or skipped) if new and not known else skipped
        if data is None and time.monotonic() - wrote >= HEARTBEAT_S:
            data = position_frame(skipped) if skipped else HEARTBEAT
        if data:
            wrote = time.monotonic()
            yield data


def trimmed(redis: Redis, keys: Keys, since: str) -> Frame | None:
    """Tells of events after `since` that are gone from the stream; None when all are there."""
    gone = gone_until(redis, keys) if order(since) != _BEGIN else _BEGIN
    if order(since) >= gone:
        return None
    until = f"{gone[0]}-{gone[1]}"
    return Frame(until, overtaken_frame(since, until))


def missed(redis: Redis, stream: str, since: str, *, most: int | None = MOST_MISSED) -> Iterator[Frame]:
    """The articles after `since`, oldest first, read a few at a time; past `most`, a gap."""
    read = 0
    while most is None or read < most:
        entries: Any = redis.xrange(stream, f"({since}", "+", count=_PAGE)
        for entry, fields in entries:
            since = entry.decode()
            if frame := event_of(since, fields):
                yield frame
        read += len(entries)
        if len(entries) < _PAGE:
            return
    newest: Any = redis.xrevrange(stream, count=1)
    if newest and newest[0][0].decode() != since:
        latest = newest[0][0].decode()
        yield Frame(latest, gap_frame(latest))
