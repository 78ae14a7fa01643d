"""New events, handed on to the open pages of this process as they arrive.

One thread blocks on the stream while anybody is listening and offers each event to every client's queue. A
client that does not keep up is dropped, never waited for; its browser comes back with the id of the last
event it got and goes on from there.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

from worker.web.card import card, read_event
from worker.web.frame import article_frame, event_frame, status_frame

MAX_CLIENTS = 48
"""Open streams in one process. Each holds a thread of the server, which needs some for its other pages."""
MAX_WAITING = 256
"""Frames that may wait for one client."""
BLOCK_MS = 1000
STATUS_EVERY_S = 15.0
"""The numbers are told with new articles, at most once a second, and this often when nothing arrives."""

log = structlog.get_logger(__name__)


class TooManyClients(Exception):
    """As many streams are open as this process serves."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A server-sent event, ready to be written."""

    entry: str | None
    """Id of its stream entry; None for what can't be resumed from."""
    data: bytes
    """What the newsroom's page gets: an article's card, or the numbers."""
    whole: bytes = b""
    """The whole event, for other clients; empty where there is none."""
    event: Mapping[str, Any] | None = None
    """The same to be looked at. Frames are shared by all clients: not to be changed."""


class Ended(Exception):
    """The client was dropped, or the process is stopping."""


class Client:
    """One open stream: a bounded queue between the reader and the client's thread."""

    def __init__(self, most_waiting: int = MAX_WAITING) -> None:
        self._frames: deque[Frame] = deque()
        self._most = most_waiting
        self._ended = False
        self._changed = threading.Condition()

    def offer(self, frame: Frame) -> bool:
        """Queue a frame; False when the client is too far behind, and dropped."""
        with self._changed:
            if len(self._frames) >= self._most:
                self._end()
            elif not self._ended:
                self._frames.append(frame)
            self._changed.notify()
            return not self._ended

    def take(self, timeout_s: float) -> Frame | None:
        """The next frame, or None when none came in time.

        Raises:
            Ended: there will be no more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._ended, timeout_s)
            if self._ended:
                raise Ended
            return self._frames.popleft() if self._frames else None

    def end(self) -> None:
        """No more frames; what still waits is dropped."""
        with self._changed:
            self._end()
            self._changed.notify()

    def _end(self) -> None:
        self._ended = True
        self._frames.clear()


class Live:
    """The clients of this process and the thread that reads for them. `redis` must not decode responses."""

    max_clients = MAX_CLIENTS

    def __init__(self, redis: Redis, stream: str, status: Callable[[], Mapping[str, int]]) -> None:
        self._redis = redis
        self._stream = stream
        self._status = status
        self._clients: set[Client] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._told_at = time.monotonic()

    def join(self) -> tuple[Client, str]:
        """A new client, and the stream's last entry before it began to listen.

        Raises:
            TooManyClients: no more fit, or the process is stopping.
        """
        tail = self._tail()
        with self._lock:
            if len(self._clients) >= self.max_clients or self._closed.is_set():
                raise TooManyClients
            client = Client()
            self._clients.add(client)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._read, args=(tail,), name="live", daemon=True)
                self._thread.start()
        return client, tail

    def leave(self, client: Client) -> None:
        """The client's connection is gone."""
        client.end()
        with self._lock:
            self._clients.discard(client)

    @property
    def clients(self) -> int:
        """How many streams are open."""
        return len(self._clients)

    def close(self) -> None:
        """End every stream at once, for good; the reader ends within `BLOCK_MS`."""
        self._closed.set()
        with self._lock:
            for client in self._clients:
                client.end()

    def wait(self) -> None:
        """Until the reader has ended, after `close`."""
        thread = self._thread
        if thread is not None:
            thread.join(BLOCK_MS / 1000 + 1)

    def status(self) -> Frame:
        """The numbers of the page's status line."""
        return Frame(None, status_frame(self._status()))

    # -- the reader's thread -------------------------------------------------------------------------------
    def _read(self, position: str) -> None:
        while self._wanted():
            try:
                got: Any = self._redis.xread({self._stream: position}, count=100, block=BLOCK_MS)
                for entry, fields in got[0][1] if got else ():
                    position = entry.decode()
                    self._hand_on(position, fields)
                self._tell_status(arrived=bool(got))
            except RedisError as error:
                log.warning("live_waits_for_redis", error=str(error))
                self._closed.wait(1.0)

    def _wanted(self) -> bool:
        with self._lock:
            if self._clients and not self._closed.is_set():
                return True
            self._thread = None
            return False

    def _hand_on(self, entry: str, fields: Mapping[bytes, bytes]) -> None:
        frame = event_of(entry, fields)
        if frame is not None:
            self._offer(frame)

    def _tell_status(self, *, arrived: bool) -> None:
        since = time.monotonic() - self._told_at
        if since >= STATUS_EVERY_S or (arrived and since >= 1):
            self._told_at = time.monotonic()
            self._offer(self.status())

    def _offer(self, frame: Frame) -> None:
        with self._lock:
            behind = [client for client in self._clients if not client.offer(frame)]
            self._clients.difference_update(behind)
        if behind:
            log.info("live_clients_dropped", clients=len(behind), because="they do not keep up")

    def _tail(self) -> str:
        last: Any = self._redis.xrevrange(self._stream, count=1)
        return last[0][0].decode() if last else "0-0"


def event_of(entry: str, fields: Mapping[bytes, bytes]) -> Frame | None:
    """The frame of a stream entry; None when it says nothing of an article."""
    event = read_event(fields)
    shown = card(entry, event) if event else None
    if event is None or shown is None:
        return None
    # As JSON again, for what is not ours may have line ends in it.
    raw = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    whole = event_frame(entry, raw.encode("utf-8", "backslashreplace").decode())
    return Frame(entry, article_frame(shown), whole, event)
